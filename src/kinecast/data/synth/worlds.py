"""Make clips: tracks of a grid of points in seeded moving worlds, exact and without rendering."""

from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinecast.core.clip import Clip
from kinecast.core.coords import REFERENCE_SIZE, Size, check_size
from kinecast.core.device import resolve
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.grid import Grid
from kinecast.core.rng import generator
from kinecast.core.tracks import Tracks
from kinecast.data.synth import recordings
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families import FAMILIES, TRAIN_MIX
from kinecast.data.synth.scene import Stage
from kinecast.data.synth.trace import film

MIX = "mix"
FPS = 30.0
_SIMULATED = 64  # clips whose motion is made at once
_FILMED_VALUES = 300_000  # points x frames filmed at once on a CPU: the temporaries stay in cache


@dataclass(frozen=True, eq=False)
class Worlds:
    """A batch of clips.

    Attributes:
        xy: pixels of `size`, float32, finite everywhere (clamped far outside the frame).
        visible: seen in that frame.
        size: (W, H).
        grid: how the points were laid in frame `anchor`, where all are visible and exact.
        anchor: that frame.
        fps: frames a second.
        families: family of each clip.
        ids: unique name of each clip, "family/seed/index".
    """

    xy: Float[Tensor, "n t h w 2"]
    visible: Bool[Tensor, "n t h w"]
    size: Size
    grid: Grid
    anchor: int
    fps: float
    families: tuple[str, ...]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.xy)

    def clip(self, i: int) -> Clip:
        """Clip i as tracks without a video."""
        T, N = self.xy.shape[1], self.grid.count
        tracks = Tracks(
            xy=self.xy[i].reshape(T, N, 2).cpu().numpy(),
            visible=self.visible[i].reshape(T, N).cpu().numpy(),
            size=self.size,
            query_frame=np.full(N, self.anchor, np.int64),
            fps=self.fps,
            grid=self.grid,
            source={"simulated": self.ids[i]},
        )
        return Clip(tracks=tracks, id=self.ids[i])


def generate(
    family: str,
    *,
    seed: int,
    n: int,
    start: int = 0,
    frames: int = 162,
    size: Size = REFERENCE_SIZE,
    grid: Grid | None = None,
    anchor: int = 0,
    motion: Path | None = None,
    device: str = "cpu",
) -> Worlds:
    """Clips start to start + n of a family.

    Clip i depends on (family, seed, i) and the other arguments, bit for bit whatever n and start.

    Args:
        family: a name in FAMILIES, or "mix" to draw each clip's family from TRAIN_MIX.
        seed: >= 0.
        frames: T.
        size: (W, H) pixels.
        grid: points laid in frame `anchor`; default Grid.over(size).
        anchor: 0 lays them in the first frame, T // 2 - 1 at "now"; they are followed both ways.
        motion: folder of recorded motion (docs/worlds.md); without it motion is procedural.
        device: as in core.device.resolve.

    Raises:
        UserError: unknown family, or counts that make no clip.
    """
    size = check_size(size)
    grid = Grid.over(size) if grid is None else grid
    if n < 1 or start < 0 or frames < 1 or not 0 <= anchor < frames:
        raise UserError(
            f"expected n >= 1, start >= 0, frames >= 1 and 0 <= anchor < frames, "
            f"got n={n}, start={start}, frames={frames}, anchor={anchor}"
        )
    where = resolve(device)
    recorded = None if motion is None else recordings.load(Path(motion), where)
    stage = Stage(frames, anchor, size, recorded, where)
    indices = range(start, start + n)
    names = [_family_of(family, seed, i) for i in indices]

    xy = torch.empty(n, frames, 2, grid.count, device=where)
    visible = torch.empty(n, frames, grid.count, dtype=torch.bool, device=where)
    for name in sorted(set(names)):
        rows = [row for row, other in enumerate(names) if other == name]
        for a in range(0, len(rows), _SIMULATED):
            some = rows[a : a + _SIMULATED]
            draws = Draws.of(seed, FAMILIES[name].number, [start + row for row in some], where)
            xy[some], visible[some] = _film(name, draws, stage, grid)
    h, w = grid.h, grid.w
    return Worlds(
        xy=xy.transpose(2, 3).reshape(n, frames, h, w, 2),
        visible=visible.view(n, frames, h, w),
        size=size,
        grid=grid,
        anchor=anchor,
        fps=FPS,
        families=tuple(names),
        ids=tuple(f"{name}/{seed}/{i}" for name, i in zip(names, indices, strict=True)),
    )


def synth(family: str = MIX, *, seed: int = 0, frames: int = 162, **options: Any) -> Clip:
    """One clip of a family: clip 0 of `generate`, which takes the same options."""
    return generate(family, seed=seed, n=1, frames=frames, **options).clip(0)


def _family_of(family: str, seed: int, index: int) -> str:
    if family in FAMILIES:
        return family
    if family != MIX:
        known = [MIX, *FAMILIES]
        hint = did_you_mean(family, known)
        raise UserError(f"expected a family of worlds ({', '.join(known)}), got {family!r}{hint}")
    names = list(TRAIN_MIX)
    weights = np.cumsum([TRAIN_MIX[name] for name in names])
    value = float(torch.rand((), generator=generator(seed, 0, index), dtype=torch.float64))
    return names[int(np.searchsorted(weights, value * weights[-1], side="right"))]


def _film(name: str, draws: Draws, stage: Stage, grid: Grid) -> tuple[Tensor, Tensor]:
    """Build the scenes of all draws, then film them a few at a time."""
    scene = FAMILIES[name].build(draws, stage)
    points = torch.from_numpy(grid.points().reshape(-1, 2)).to(stage.device)
    step = max(1, _FILMED_VALUES // (stage.frames * grid.count))
    if stage.device.type != "cpu":
        step = len(draws)
    parts = [
        film(_clips(scene, slice(a, a + step)), points, stage.anchor, stage.size)
        for a in range(0, len(draws), step)
    ]
    return torch.cat([xy for xy, _ in parts]), torch.cat([seen for _, seen in parts])


def _clips(value: Any, some: slice) -> Any:
    """Some clips of a scene: every tensor in it has the clips on its first axis."""
    if isinstance(value, Tensor):
        return value[some]
    if is_dataclass(value):
        parts = {f.name: _clips(getattr(value, f.name), some) for f in fields(value)}
        return type(value)(**parts)  # type: ignore[arg-type]
    return value
