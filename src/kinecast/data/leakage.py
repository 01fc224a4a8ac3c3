"""The guard between splits: what two sets of shards have in common.

Found, each by what a shard stores beside a clip, without reading tracks or pictures:

- `video`: cut from the same recording, by what the provenance states: the video's hash, the
  recording, the simulation, else the importer's id or the video's name;
- `content`: the same quantised tracks, under whatever name;
- `motion`: tracks that share pieces of paths: mirrored, reversed, cropped, thinned or a window of
  the same recording that overlaps (a quarter or more of the shorter one);
- `picture`: first pictures alike up to re-encoding, resizing, brightness, contrast and mirroring.

Not found: the same scene tracked anew with other points and no pictures and no provenance, and
speed changes of such clips.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core.errors import UserError
from kinecast.data.shards import open_shard
from kinecast.data.shards.read import Signature
from kinecast.data.shards.signature import THUMBNAIL

_SHARED_PIECES = 3  # of at most 64 a clip
_ALIKE = 0.95  # correlation of two thumbnails; re-encoded 0.99, other rendered scenes at most 0.62
_FLAT = 3.0  # grey levels: a picture with less spread says nothing
_AT_ONCE = 1024  # thumbnails compared at a time
_NAMED = 5  # leaks that a message names
_UNNAMED = "video"  # the name of a core.video.Video that was given none

# Keys of Tracks.source that identify a recording: clips that share a value are cut from it.
RECORDING = ("sha256", "recording", "simulated")  # sha256: of the source video


@dataclass(frozen=True)
class Leak:
    """Two clips of two splits that are not independent.

    Attributes:
        clip, other: "path:index id" of each.
        why: video, content, motion or picture, and the evidence in words.
    """

    clip: str
    other: str
    why: str


def find_leaks(ours: Sequence[str | Path], theirs: Sequence[str | Path]) -> list[Leak]:
    """All pairs of clips, one of each split, that the guard finds; the first reason of each pair.

    Raises:
        DamageError: a damaged shard: what cannot be read cannot be cleared.
    """
    left, right = list(_signatures(ours)), list(_signatures(theirs))
    leaks: dict[tuple[int, int], str] = {}
    for pairs in (_same_video, _same_content, _same_motion, _same_picture):
        for i, j, why in pairs([s for _, s in left], [s for _, s in right]):
            leaks.setdefault((i, j), why)
    return [Leak(left[i][0], right[j][0], why) for (i, j), why in sorted(leaks.items())]


def check_disjoint(train: Sequence[str | Path], validation: Sequence[str | Path]) -> None:
    """Refuse splits that share clips.

    Raises:
        UserError: naming the first of them and why.
        DamageError: as `find_leaks`.
    """
    leaks = find_leaks(train, validation)
    if leaks:
        named = "; ".join(f"{leak.clip} and {leak.other} ({leak.why})" for leak in leaks[:_NAMED])
        more = f" and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
        raise UserError(
            f"expected splits with no clip in common, got {len(leaks)} pairs: {named}{more}; "
            "move each recording whole into one split"
        )


@dataclass(frozen=True)
class Recording:
    """Clips that are not independent of each other.

    Attributes:
        clips: their places among all clips of the shards, in order.
        key: the smallest of their content hashes: the same whatever they are called.
    """

    clips: tuple[int, ...]
    key: bytes


def recordings(paths: Sequence[str | Path]) -> list[Recording]:
    """All clips of some shards, those that the guard finds dependent together.

    Raises:
        DamageError: a damaged shard.
    """
    signatures = [signature for _, signature in _signatures(paths)]
    first = list(range(len(signatures)))  # of each clip, one that stands for its recording

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = i = first[first[i]]
        return i

    for pairs in (_same_video, _same_content, _same_motion, _same_picture):
        for i, j, _ in pairs(signatures, signatures):
            first[max(root(i), root(j))] = min(root(i), root(j))
    together: dict[int, list[int]] = {}
    for i in range(len(signatures)):
        together.setdefault(root(i), []).append(i)
    return [
        Recording(tuple(clips), min(signatures[i].content for i in clips))
        for clips in together.values()
    ]


def _signatures(paths: Sequence[str | Path]) -> Iterator[tuple[str, Signature]]:
    for path in paths:
        shard = open_shard(path)
        for i in range(len(shard)):
            signature = shard.signature(i)
            yield f"{path}:{i} {signature.id}", signature


Pairs = Iterator[tuple[int, int, str]]


def _same_video(ours: Sequence[Signature], theirs: Sequence[Signature]) -> Pairs:
    for i, j, why in _matches([_recordings(s) for s in ours], [_recordings(s) for s in theirs]):
        hashes = ours[i].source.get("sha256"), theirs[j].source.get("sha256")
        if None in hashes or hashes[0] == hashes[1]:  # where both are known, hashes beat names
            yield i, j, why


def _recordings(signature: Signature) -> dict[Any, str]:
    """What a clip's provenance says of its recording -> how to say that two clips share it."""
    source = signature.source
    found: dict[Any, str] = {}
    for key in RECORDING:
        if isinstance(source.get(key), str):
            found[key, source[key]] = f"video: both state {key} {source[key]}"
    data = source.get("data")  # of what was tracked here
    importer = (data if isinstance(data, dict) else source).get("importer")
    if isinstance(importer, str):
        found["id", importer, signature.id] = f"video: both are {signature.id} of {importer}"
    elif isinstance(source.get("video"), str) and source["video"] != _UNNAMED:
        found["video", source["video"]] = f"video: both are cut from {source['video']}"
    return found


def _same_content(ours: Sequence[Signature], theirs: Sequence[Signature]) -> Pairs:
    why = "content: the same tracks"
    return _matches([{s.content: why} for s in ours], [{s.content: why} for s in theirs])


def _matches(ours: Sequence[dict[Any, str]], theirs: Sequence[dict[Any, str]]) -> Pairs:
    places: dict[Any, list[int]] = {}
    for j, keys in enumerate(theirs):
        for key in keys:
            places.setdefault(key, []).append(j)
    for i, keys in enumerate(ours):
        for key, why in keys.items():
            for j in places.get(key, ()):
                yield i, j, why


def _same_motion(ours: Sequence[Signature], theirs: Sequence[Signature]) -> Pairs:
    places: dict[int, list[int]] = {}
    for j, signature in enumerate(theirs):
        for piece in signature.sketch.tolist():
            places.setdefault(piece, []).append(j)
    for i, signature in enumerate(ours):
        shared: dict[int, int] = {}
        for piece in signature.sketch.tolist():
            for j in places.get(piece, ()):
                shared[j] = shared.get(j, 0) + 1
        for j, count in shared.items():
            if count >= _SHARED_PIECES:
                yield i, j, f"motion: {count} of {len(signature.sketch)} pieces of paths shared"


def _same_picture(ours: Sequence[Signature], theirs: Sequence[Signature]) -> Pairs:
    (left, i_of), (right, j_of) = _faces(ours), _faces(theirs)
    square = right.reshape(-1, THUMBNAIL, THUMBNAIL)
    for axes in ((), (1,), (2,), (1, 2)):  # mirrored or not
        mirrored = np.flip(square, axes).reshape(right.shape)
        for start in range(0, len(left), _AT_ONCE):
            alike = left[start : start + _AT_ONCE] @ mirrored.T
            for a, b in np.argwhere(alike > _ALIKE).tolist():
                why = f"picture: first pictures correlate by {alike[a, b]:.3f}"
                yield i_of[start + a], j_of[b], why + (", mirrored" if axes else "")


def _faces(signatures: Sequence[Signature]) -> tuple[Float32[np.ndarray, "n d"], list[int]]:
    """Thumbnails as unit vectors of mean zero, and whose they are; flat ones are left out."""
    where, vectors = [], [np.zeros((0, THUMBNAIL**2), np.float32)]
    for i, signature in enumerate(signatures):
        if signature.thumbnail is not None and signature.thumbnail.std() >= _FLAT:
            where.append(i)
            vectors.append(_unit(signature.thumbnail)[None])
    return np.concatenate(vectors), where


def _unit(grey: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, " d"]:
    flat = grey.astype(np.float32).ravel()
    flat -= flat.mean()
    return flat / np.linalg.norm(flat)
