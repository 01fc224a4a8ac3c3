"""What happened to the points of training clips, and where it was: what neighbours hand over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Bool, Float16, Float32, Int, UInt8
from safetensors import SafetensorError, safe_open

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.io.atomic import atomic_path

FORMAT = 1  # of an index file


@dataclass(frozen=True, eq=False)
class Futures:
    """The futures of C clips of P points, in reference pixels (`core.coords`): of any frame size.

    Attributes:
        place: of each point at the clip's present, from the middle of the frame.
        motion: from the present to each of T frames after it.
        seen: which of them the point is visible in, packed along time.
        ids: of the clips.
    """

    place: Float32[np.ndarray, "c p 2"]
    motion: Float16[np.ndarray, "c p t 2"]
    seen: UInt8[np.ndarray, "c p b"]
    ids: tuple[str, ...]

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.ids)

    @property
    def frames(self) -> int:
        """T."""
        return int(self.motion.shape[2])

    @classmethod
    def of(cls, parts: Sequence["Future"]) -> "Futures":
        """Of some clips of one length and number of points."""
        return cls(
            place=np.stack([part.place for part in parts]),
            motion=np.stack([part.motion for part in parts]),
            seen=np.stack([part.seen for part in parts]),
            ids=tuple(part.id for part in parts),
        )

    def follow(
        self,
        start: Float32[np.ndarray, "n 2"],
        size: Size,
        clip: int,
        match: Int[np.ndarray, " n"],
        horizon: int,
        hidden: Int[np.ndarray, " n"] | int = 0,
    ) -> tuple[Float32[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
        """Points that go on as those of a clip did.

        Args:
            start: where they were last seen; pixels of a frame of `size`.
            size: (W, H).
            clip: index of the clip.
            match: of the clip's points, one each.
            horizon: frames, at most T.
            hidden: frames since each point was last seen; what the clip did in them is skipped, and
                past its end the points hold still.
        """
        frame = np.minimum(np.arange(horizon)[:, None] + hidden, self.frames - 1)
        moved = self.motion[clip, match, frame].astype(np.float32)
        xy = start + coords.displacement_to_pixels(
            coords.displacement_from_reference(moved, size), size
        )
        seen = np.unpackbits(self.seen[clip], axis=-1, count=self.frames).astype(bool)
        return xy, seen[match, frame] & coords.inside(xy, size)


@dataclass(frozen=True, eq=False)
class Future:
    """That of one clip; the attributes are those of `Futures`."""

    place: Float32[np.ndarray, "p 2"]
    motion: Float16[np.ndarray, "p t 2"]
    seen: UInt8[np.ndarray, "p b"]
    id: str


def future_of(
    tracks: Tracks, present: int, frames: int, points: Int[np.ndarray, " p"], id_: str
) -> Future:
    """What some points do in `frames` frames after frame `present`, where all of them are seen."""
    after = tracks.xy[present + 1 : present + 1 + frames, points]
    moved = to_reference(after - tracks.xy[present, points], tracks.size)
    seen = tracks.visible[present + 1 : present + 1 + frames, points]
    moved = np.where(np.isfinite(moved), moved, 0)  # nowhere is not seen either
    return Future(
        place=places(tracks.xy[present, points], tracks.size),
        motion=moved.transpose(1, 0, 2).clip(-60_000, 60_000).astype(np.float16),
        seen=np.packbits(seen.T, axis=-1),
        id=id_,
    )


def spread(count: int, most: int) -> Int[np.ndarray, " m"]:
    """At most `most` of `count` indices, evenly."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def places(xy: Float32[np.ndarray, "n 2"], size: Size) -> Float32[np.ndarray, "n 2"]:
    """Pixels -> reference pixels from the middle of the frame."""
    found = coords.displacement_to_reference(coords.normalise(xy, size), size)
    return np.asarray(found, np.float32)


def to_reference(moved: Float32[np.ndarray, "*n 2"], size: Size) -> Float32[np.ndarray, "*n 2"]:
    """Differences of pixels -> reference pixels."""
    found = coords.displacement_to_reference(coords.displacement_to_normalised(moved, size), size)
    return np.asarray(found, np.float32)


def save_index(
    path: str | Path,
    kind: str,
    futures: Futures,
    looks: np.ndarray,
    about: Mapping[str, Any],
) -> None:
    """Write an index whole or not at all; the same clips give the same bytes.

    Args:
        path: ending in .safetensors.
        kind: what `looks` are of.
        futures: of the clips.
        looks: what clips are compared by.
        about: provenance; JSON-able.

    Raises:
        UserError: it cannot be written.
    """
    note = {"format": FORMAT, "kind": kind, "ids": futures.ids, "about": dict(about)}
    tensors = {
        "looks": looks,
        "place": futures.place,
        "motion": futures.motion,
        "seen": futures.seen,
    }
    with atomic_path(path) as temporary:
        metadata = {"note": json.dumps(note)}
        temporary.write_bytes(safetensors.numpy.save(tensors, metadata=metadata))


def load_index(path: str | Path, kind: str) -> tuple[Futures, np.ndarray, dict[str, Any]]:
    """Futures, looks and provenance of `save_index`.

    Raises:
        UserError: no index of this kind and version, or a damaged file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            note = json.loads((file.metadata() or {}).get("note", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"cannot read the index {path}: {error}; make it again") from error
    got = (note.get("format"), note.get("kind"))
    if got != (FORMAT, kind):
        raise UserError(
            f"expected an index of {kind} neighbours, format {FORMAT}, got {got[1]} of format "
            f"{got[0]} in {path}; make it again"
        )
    looks = tensors.pop("looks")
    return Futures(**tensors, ids=tuple(note["ids"])), looks, note["about"]
