"""Real motion from a folder of `.npz` extracts, as ingredients of worlds.

The layout of the files is in `docs/worlds.md`. Clips are concatenated along the first axis; clip i
is `X[starts[i]:starts[i + 1]]`. World axes there are z up; here y is down and z forward.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kinecast.core.errors import UserError

FASTEST = 4.0  # recorded frames a frame: high-speed recordings play in slow motion


@dataclass(frozen=True)
class Recording:
    """One kind of recording.

    Attributes:
        values: (sum of lengths, ...) float32, all clips one after the other.
        starts: (clips + 1,) int64.
        fps: (clips,) frames a second.
        parents: of a skeleton's joints, or None.
        name: file stem.
    """

    values: Tensor
    starts: Tensor
    fps: Tensor
    name: str
    parents: tuple[int, ...] | None = None

    def windows(self, choice: Tensor, where: Tensor, fps: Tensor, times: Tensor) -> Tensor:
        """Windows of clips, resampled in time, never across the end of a clip.

        Args:
            choice: (n,) in [0, 1): which clip, in proportion to the clips' lengths.
            where: (n,) in [0, 1): where in the clip the window starts.
            fps: (n,) frames a second of the result.
            times: (T,).

        Returns:
            (n, T, ...); a clip that is too short runs back and forth.
        """
        starts = self.starts
        frame = (choice.double() * (len(self.values) - 1)).long()
        clip = torch.searchsorted(starts, frame, right=True) - 1
        first, last = starts[clip], starts[clip + 1] - 1
        length = (last - first).float()
        rate = (self.fps[clip] / fps).clamp(max=FASTEST)
        span = rate * (len(times) - 1)
        begin = where * torch.where(length > span, length - span, length)
        at = begin[:, None] + rate[:, None] * times
        at = length[:, None] - (torch.remainder(at, 2 * length[:, None]) - length[:, None]).abs()
        base = torch.floor(at).clamp(min=0)
        index = first[:, None] + base.long()
        weight = (at - base).reshape(*at.shape, *[1] * (self.values.dim() - 1))
        low = self.values[index]
        high = self.values[torch.minimum(index + 1, last[:, None])]
        return low + weight * (high - low)


@dataclass(frozen=True)
class Recordings:
    """All recordings of a folder by kind; a kind that the folder lacks is an empty tuple."""

    humans: tuple[Recording, ...] = ()
    hands: tuple[Recording, ...] = ()
    cameras: tuple[Recording, ...] = ()
    walks: tuple[Recording, ...] = ()
    reaches: tuple[Recording, ...] = ()
    animals: tuple[Recording, ...] = ()


# Start of the file name -> (kind, main array, shape of one frame; None is any size).
_FILES: dict[str, tuple[str, str, tuple[int | None, ...]]] = {
    "mocap_human": ("humans", "joints", (None, 3)),
    "mocap_hand": ("hands", "joints", (None, 3)),
    "cameras": ("cameras", "pose", (7,)),
    "paths_pedestrian": ("walks", "points", (2,)),
    "paths_hands": ("reaches", "points", (3,)),
    "paths_animals": ("animals", "points", (2,)),
}


@lru_cache(maxsize=4)
def load(folder: Path, device: torch.device) -> Recordings:
    """Read a folder of recordings onto a device.

    Raises:
        UserError: no such folder, none of the files in it, or a file without the expected arrays.
    """
    if not folder.is_dir():
        raise UserError(f"expected a folder of motion recordings, got {folder}; omit --motion")
    kinds: dict[str, list[Recording]] = {}
    for path in sorted(folder.glob("*.npz")):
        for prefix, (kind, main, shape) in _FILES.items():
            if path.stem.startswith(prefix):
                kinds.setdefault(kind, []).append(_read(path, main, shape, device))
    if not kinds:
        raise UserError(
            f"expected {', '.join(f'{name}*.npz' for name in _FILES)} in {folder}, got none; "
            "omit --motion for procedural motion"
        )
    return Recordings(**{kind: tuple(files) for kind, files in kinds.items()})


def _read(path: Path, main: str, shape: tuple[int | None, ...], device: torch.device) -> Recording:
    wanted = {main, "starts", "fps"} | ({"parents"} if main == "joints" else set())
    with np.load(path) as file:
        missing = wanted - set(file.files)
        if missing:
            raise UserError(
                f"expected {', '.join(sorted(wanted))} in {path}, got no "
                f"{', '.join(sorted(missing))}; see docs/worlds.md"
            )
        values = np.asarray(file[main], np.float32)
        starts = np.asarray(file["starts"], np.int64)
        fps = np.asarray(file["fps"], np.float32)
        parents = tuple(int(p) for p in file["parents"]) if main == "joints" else None
    fits = values.ndim == 1 + len(shape) and all(
        want in (None, got) for want, got in zip(shape, values.shape[1:], strict=True)
    )
    if not fits or not np.isfinite(values).all():
        frame = ", ".join("J" if want is None else str(want) for want in shape)
        raise UserError(f"expected finite {main} (T, {frame}) in {path}, got {values.shape}")
    if (
        len(starts) < 2
        or starts[0] != 0
        or starts[-1] != len(values)
        or (np.diff(starts) < 2).any()
    ):
        raise UserError(
            f"expected starts from 0 to {len(values)}, at least 2 frames apart, in {path}"
        )
    if parents is not None and len(parents) != values.shape[1]:
        raise UserError(f"expected {values.shape[1]} parents in {path}, got {len(parents)}")
    return Recording(
        values=torch.from_numpy(values).to(device),
        starts=torch.from_numpy(starts).to(device),
        fps=torch.from_numpy(np.broadcast_to(fps, len(starts) - 1).copy()).to(device),
        name=path.stem,
        parents=parents,
    )
