"""From exact clips to what a tracker would have given: the batch that a step trains on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.core.grid import Grid
from kinecast.data.synth import augment as tricks
from kinecast.train.recipe import Augment
from kinecast.train.stage import Batch, fill_hidden


@dataclass(frozen=True)
class Window:
    """Frames of history and of the future after it, on a grid in a (W, H) frame."""

    history: int
    horizon: int
    size: Size
    grid: Grid

    @property
    def frames(self) -> int:
        """History and horizon together."""
        return self.history + self.horizon


def as_tracked(
    xy: Tensor, visible: Tensor, anchor: int, window: Window, how: Augment, draw: torch.Generator
) -> Batch:
    """Play clips at another speed, mirror them, and give their history a tracker's errors.

    Args:
        xy, visible: exact clips of `window.frames + how.margin` frames, (b, t, h, w, 2) pixels.
        anchor: output frame in which the points were laid, where they stay exact and visible.
        window: of the output.
        how: strengths; at 0 the clips stay exact.
        draw: all randomness.
    """
    cut = how.margin // 2
    xy, visible = tricks.time_warp(
        xy, visible, draw, frames=window.frames, anchor=cut + anchor, strength=how.warp
    )
    xy, visible = tricks.flips(xy, visible, draw, window.size, chance=how.flip)
    exact, known = xy[:, : window.history], visible[:, : window.history]
    past = tricks.drift(exact, draw, share=how.drift, edges=how.edges, anchor=anchor)
    seen = tricks.dropouts(known, draw, spells=how.spells, lost=how.lost, anchor=anchor)
    past = tricks.tracker_noise(past, draw, jitter=how.jitter, wander=how.wander, anchor=anchor)
    kept = torch.rand(len(xy), 1, 1, 1, 1, generator=draw, device=draw.device) < how.exact
    past, seen = torch.where(kept, exact, past), torch.where(kept[..., 0], known, seen)
    return Batch(
        xy=xy,
        visible=visible,
        noisy_xy=fill_hidden(past, seen, window.grid),
        noisy_visible=seen,
        size=window.size,
        grid=window.grid,
    )


def joined(batches: list[Batch]) -> Batch:
    """Batches of one window, as one."""
    parts = [batch.tensors() for batch in batches]
    tensors = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Batch(**tensors, size=batches[0].size, grid=batches[0].grid)
