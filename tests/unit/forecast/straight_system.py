"""A small genuine system: straight lines from the last two frames, plus noise that grows."""

import numpy as np
import torch
from torch import nn

from kinecast.core import coords
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.systems.base import Needs, Posterior

SIZE = (80, 48)
FRAMES = 6


class Straight(nn.Module):
    """z is the velocity of every point in pixels a frame; its mean is the last step seen."""

    def __init__(self, spread=0.25, frames=FRAMES, grid=None, short_history=True):
        super().__init__()
        self.spread = nn.Parameter(torch.tensor(spread))
        self.needs = Needs("history", frames, grid, short_history)

    @classmethod
    def from_config(cls, config):
        return cls(spread=0.0, frames=config["frames"])

    def condition(self, history):
        step = history.xy[:, -1] - history.xy[:, -2]
        return {
            "last": history.xy[:, -1],
            "step": coords.displacement_to_pixels(step, history.size),
            "visible": history.visible.any(1),
            "size": history.size,
        }

    def latent_shape(self, cond):
        return tuple(cond["step"].shape[1:])

    def source(self, noise, cond):
        return noise

    def velocity(self, z_t, t, cond):
        """The field whose flow takes z_0 to step + spread * z_0 exactly, at any step count."""
        t = t[:, None, None, None]
        noise = (z_t - t * cond["step"]) / (1 - t + t * self.spread)
        return cond["step"] + (self.spread - 1) * noise

    def pin(self, cond):
        return None

    def encode(self, future, cond):
        step = coords.displacement_to_pixels(future.xy[:, 0] - cond["last"], future.size)
        return Posterior(step, torch.full_like(step, 1e-3))

    def decode(self, z, cond):
        step = coords.displacement_to_normalised(z, cond["size"])[:, None]
        time = torch.arange(1, self.needs.frames + 1)[None, :, None, None, None]
        xy = cond["last"][:, None] + time * step
        seen = cond["visible"][:, None].float().expand(xy.shape[:-1])
        return xy, 4 * seen - 2


def grid_tracks(frames, velocity=(0.5, 0.25), stride=8.0):
    """Every grid point of an 80x48 frame at one velocity, laid on the last frame."""
    grid = Grid.over(SIZE, stride)
    time = np.arange(1 - frames, 1, dtype=np.float32)[:, None, None]
    xy = grid.points().reshape(1, -1, 2) + time * np.asarray(velocity, np.float32)
    return Tracks(
        xy=xy, visible=np.asarray(coords.inside(xy, SIZE)), size=SIZE, grid=grid, fps=24.0
    )
