"""Cases out of data that the user brings: what the papers' suites share.

Nothing is fetched. A suite names what it needs (`fetch`), reads it with the importers of
data/importers and refuses what is missing or otherwise than published. Every draw of clips and
points is seeded, so that the same data gives the same cases; each case carries the SHA-256 of what
was read of it.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Int64

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.core.clip import Clip
from kinecast.core.cond import Frame
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.tracks import Tracks
from kinecast.data.importers import importer
from kinecast.io.selected import selected

SEED = 42  # of every selection that a paper leaves open
_T = TypeVar("_T")


def required(suite: str, data: Path | None, fetch: str) -> Path:
    """The folder that --data names.

    Raises:
        UserError: none, or no such folder; says what to fetch and how to build it.
    """
    if data is None or not data.is_dir():
        got = "none" if data is None else f"no folder {data}"
        raise UserError(f"expected --data DIR for suite {suite}, got {got}. {fetch}")
    return data


def parts(suite: str, folder: Path, known: Mapping[str, str], fetch: str) -> list[tuple[Path, str]]:
    """The folders of a suite's parts that are there, each with the group that it makes.

    Args:
        suite: its name.
        folder: of --data.
        known: name of a folder -> group, in the order of the tables.
        fetch: what to do where there is none.

    Raises:
        UserError: none of them, or a folder that is none of them.
    """
    found = sorted(path.name for path in folder.iterdir() if path.is_dir())
    for name in found:
        if name not in known:
            raise UserError(
                f"expected folders of {', '.join(known)} in {folder} for suite {suite}, got {name}"
                f"{did_you_mean(name, known)}"
            )
    if not found:
        raise UserError(f"expected folders of {', '.join(known)} in {folder}, got none. {fetch}")
    return [(folder / name, group) for name, group in known.items() if name in found]


def drawn(items: Sequence[_T], count: int | None, *keys: int) -> list[_T]:
    """`count` of the items by a seeded draw, in their order; all where it is None or no fewer."""
    if count is None or count >= len(items):
        return list(items)
    chosen = np.random.default_rng((SEED, *keys)).choice(len(items), count, replace=False)
    return [items[i] for i in np.sort(chosen)]


def named_lots(
    named: Sequence[tuple[str, Callable[[], Iterator[Case]]]], most: int | None = None
) -> list[Lot]:
    """Lots of given names, made plain; with `most` a seeded draw of so many."""
    return [Lot(_plain(name), make) for name, make in drawn(named, most)]


def _plain(name: str) -> str:
    """A name of letters, digits and -_.@+; what else it had is told by a checksum at its end."""
    folders = name.replace("/", "+")
    plain = re.sub(r"[^A-Za-z0-9_.@+-]", "_", folders)
    return plain if plain == folders else f"{plain}-{zlib.crc32(name.encode()):08x}"


def clips(name: str, path: Path, options: Mapping[str, str] | None = None) -> Iterator[Clip]:
    """The clips of a published layout that has tracks.

    Raises:
        UserError: what the importer says, or a video without tracks.
    """
    for item in importer(name).items(path, options):
        if not isinstance(item, Clip):
            raise UserError(f"expected tracks with {item.id} in {path}, got a video alone")
        yield item


def only(found: Iterator[Clip], path: Path) -> Clip:
    """The one clip of a file.

    Raises:
        UserError: none or several.
    """
    got = list(islice(found, 2))
    if len(got) != 1:
        raise UserError(f"expected one clip in {path}, got {'none' if not got else 'several'}")
    return got[0]


def case_of(
    clip: Clip,
    *,
    id: str,
    group: str,
    start: int = 0,
    history: int = 1,
    horizon: int,
    points: Int64[np.ndarray, " n"] | None = None,
    filmed: bool = True,
    **fields: Any,
) -> Case:
    """Some frames of a clip as a case of tracked, so "real", truth.

    Args:
        clip: with pictures.
        id, group: of the case.
        start: first frame that is seen.
        history: frames that are seen.
        horizon: frames to forecast, after them.
        points: which, in this order; None: all, and the grid stays.
        filmed: all of the clip's frames can be read, not the first alone.
        fields: others of `Case`; `about` is added to.

    Raises:
        UserError: fewer frames, or no pictures.
    """
    stop = start + history + horizon
    if len(clip.tracks) < stop:
        raise UserError(f"expected {stop} frames or more in {clip.id}, got {len(clip.tracks)}")
    if clip.video is None:
        raise UserError(f"expected {clip.id} with its pictures, got tracks alone")
    tracks = clip.tracks.window(start, stop)
    if points is not None:
        tracks = chosen(tracks, points)
    seen, future = tracks.split(history)
    last = start + history - 1
    image = clip.video[last : last + 1][0]
    video = selected(clip.video, range(start, stop), clip.video.fps) if filmed else None
    about = {
        "source": clip.id,
        "tracker": str(tracks.source.get("tracker", tracks.source.get("importer", ""))),
        "data_sha256": data_hash(tracks, image),
        **fields.pop("about", {}),
    }
    return Case(
        id=id,
        group=group,
        history=seen,
        truths=(future,),
        kind="real",
        frame=Frame(image, tracks.fps),
        video=video,
        about=about,
        **fields,
    )


def chosen(tracks: Tracks, points: Int64[np.ndarray, " n"] | Bool[np.ndarray, " n"]) -> Tracks:
    """Some of the points, in the order given; they are no grid any more."""
    confidence = None if tracks.confidence is None else tracks.confidence[:, points]
    return replace(
        tracks,
        xy=tracks.xy[:, points],
        visible=tracks.visible[:, points],
        query_frame=tracks.query_frame[points],
        confidence=confidence,
        grid=None,
    )


def data_hash(tracks: Tracks, *images: np.ndarray) -> str:
    """SHA-256 of positions, flags and pictures as they were read: the same data, the same hash."""
    digest = hashlib.sha256(f"{tracks.size} {tracks.xy.shape}".encode())
    digest.update(np.ascontiguousarray(tracks.xy, "<f4").data)
    digest.update(np.packbits(tracks.visible).data)
    for image in images:
        digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
