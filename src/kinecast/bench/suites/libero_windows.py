"""Windows of LIBERO for the two papers that forecast points there: 16 frames, 32 points that move.

Two layouts are read: demonstrations as ATM's preprocessing leaves them (an hdf5 file each, both
views), which are cut into windows here, and WHN's shards (tars), whose samples are windows.

Source: What Happens Next? (arXiv 2509.21592), D.4.1, and ZipMo (arXiv 2604.11737), supplement A.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.imported import SEED, case_of, clips, named_lots, parts, required
from kinecast.core.clip import Clip
from kinecast.core.cond import Frame
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.importers.libero import hdf5_files, natural

FRAMES = 16
POINTS = 32
SIZE = (128, 128)
VARIANCE = 10.0  # pixels^2: ATM's threshold
HELD_OUT = 10  # ATM's split: the last tenth of a task's demonstrations
VIEWS = {"agentview": "side", "eye_in_hand": "effector", "agent": "side", "gripper": "effector"}
SUITES = {
    "libero_90": "LIBERO-90",
    "libero_10": "LIBERO-10",
    "libero_goal": "goal",
    "libero_object": "object",
    "libero_spatial": "spatial",
}
MINI = 2  # files of each suite
RULES = (
    "windows: one after the other from the first frame of every held-out demonstration (the last "
    "tenth of a task's, or its folder val), a last short one left out; which points: seen in the "
    "window's first frame, known throughout, with a temporal variance (x and y summed, unbiased) "
    "above 10 pixels^2 in the window, ATM's threshold; 32 of them by a seeded draw, all where they "
    "are fewer; a window without any is left out"
)


def lots(suite: str, size: str, data: Path | None, fetch: str) -> list[Lot]:
    """A lot a demonstration or a shard.

    Raises:
        UserError: no data, an unknown folder, or a folder without files of either layout.
    """
    folder = required(suite, data, fetch)
    made: list[Lot] = []
    for part, group in parts(suite, folder, SUITES, fetch):
        tars = sorted(part.rglob("*.tar"))
        named: list[tuple[str, Callable[[], Iterator[Case]]]]
        if tars:
            names = [tar.relative_to(part).with_suffix("").as_posix() for tar in tars]
            named = [
                (f"{part.name}/{name}", partial(_shard, tar, group, f"{part.name}/{name}"))
                for tar, name in zip(tars, names, strict=True)
            ]
        elif any(part.rglob("*.hdf5")):
            named = [
                (f"{part.name}/{place}", partial(_demo, file, group, f"{part.name}/{place}"))
                for file, place in held_out(part)
            ]
        else:
            raise UserError(f"expected .hdf5 files or .tar shards in {part}, got none. {fetch}")
        made += named_lots(named, MINI if size == "mini" else None)
    return made


def held_out(folder: Path) -> list[tuple[Path, str]]:
    """The demonstrations to measure on: those in a folder `val`, else the last tenth of a task's.

    Returns:
        Files, each with its path below the folder, in natural order.
    """
    files = sorted(hdf5_files(folder), key=lambda one: natural(one[1]))
    linked = {file.resolve() for file in folder.rglob("*.hdf5") if file.parent.name == "val"}
    if linked:
        return [(file, place) for file, place in files if file.resolve() in linked]
    kept = []
    for task in dict.fromkeys(place.rpartition("/")[0] for _, place in files):
        demos = [one for one in files if one[1].rpartition("/")[0] == task]
        kept += demos[-math.ceil(len(demos) / HELD_OUT) :]
    return kept


def moving_points(tracks: Tracks, name: str) -> Int64[np.ndarray, " n"]:
    """At most 32 points of a window that move, by a draw that its name seeds; none: empty."""
    known = tracks.visible[0] & np.isfinite(tracks.xy).all((0, 2))
    xy = np.where(np.isfinite(tracks.xy), tracks.xy, 0).astype(np.float64)
    moves = xy.var(axis=0, ddof=1).sum(-1) > VARIANCE
    found = np.flatnonzero(known & moves)
    if len(found) <= POINTS:
        return found
    draw = np.random.default_rng((SEED, zlib.crc32(name.encode())))
    return np.sort(draw.choice(found, POINTS, replace=False))


def _demo(file: Path, group: str, name: str) -> Iterator[Case]:
    views = list(clips("atm", file))
    starts = range(0, len(views[0].tracks) - FRAMES + 1, FRAMES)
    cases = (_window(views, [start] * len(views), group, f"{name}@{start}") for start in starts)
    yield from some(chain.from_iterable(cases), file)


def _shard(tar: Path, group: str, name: str) -> Iterator[Case]:
    samples = (list(views) for _, views in groupby(clips("whn", tar), key=_sample))
    cases = (_window(one, [0] * len(one), group, f"{name}/{_sample(one[0])}") for one in samples)
    yield from some(chain.from_iterable(cases), tar)


def _sample(clip: Clip) -> str:
    """SHARD/SAMPLE/VIEW -> SAMPLE, which may hold folders."""
    return clip.id.partition("/")[2].rpartition("/")[0]


def some(cases: Iterator[Case], file: Path) -> Iterator[Case]:
    """The cases of a file.

    Raises:
        UserError: there are none.
    """
    first = next(cases, None)
    if first is None:
        raise UserError(
            f"expected a window of {FRAMES} frames in {file} in which points move, got none; leave "
            "the file out, or track it with more points"
        )
    yield first
    yield from cases


def _window(views: Sequence[Clip], starts: Sequence[int], group: str, name: str) -> Iterator[Case]:
    """A case a view in which something moves, each with the other view's picture."""
    kinds = [clip.id.rpartition("/")[2] for clip in views]
    if any(kind not in VIEWS for kind in kinds):
        raise UserError(f"expected views {', '.join(VIEWS)} in {name}, got {', '.join(kinds)}")
    images = []
    for clip, start in zip(views, starts, strict=True):
        if clip.tracks.size != SIZE or clip.video is None:
            raise UserError(f"expected pictures of 128x128 in {clip.id}, got {clip.tracks.size}")
        if len(clip.tracks) < start + FRAMES:
            raise UserError(f"expected {FRAMES} frames in {clip.id}, got {len(clip.tracks)}")
        images.append(Frame(clip.video[start : start + 1][0], clip.tracks.fps))
    for i, clip in enumerate(views):
        id = f"{name}/{VIEWS[kinds[i]]}"
        points = moving_points(clip.tracks.window(starts[i], starts[i] + FRAMES), id)
        if len(points):
            yield case_of(
                clip,
                id=id,
                group=f"{group}, {VIEWS[kinds[i]]}",
                start=starts[i],
                horizon=FRAMES - 1,
                points=points,
                scene=name,
                views=tuple(image for j, image in enumerate(images) if j != i),
                text=clip.caption or None,
                about={"view": i, "episode_step": starts[i]},
            )
