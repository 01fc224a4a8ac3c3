"""Cases of ZipMo's evaluations: some points of a first frame are told where they will be.

Source: ZipMo (arXiv 2604.11737), section 4 and supplement A and G: pokes lead from a track's first
position to its last, at the end of the window.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.imported import SEED, case_of, chosen, named_lots, required
from kinecast.bench.suites.paper_measure import Futures, squared_errors
from kinecast.core.clip import Clip
from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.builders.zipmo_open_set import POINTS, still
from kinecast.data.importers.zipmo import FRAMES
from kinecast.data.shards import open_shard
from kinecast.io.selected import selected

DENSE_SAMPLES = 128  # of the paper, for 40 pokes
SPARSE_SAMPLES = 8


def poked(
    clip: Clip, id: str, group: str, pokes: int, points: Int64[np.ndarray, " n"], filmed: bool
) -> Case:
    """63 frames of some points from one, the first `pokes` of them poked."""
    xy, told = clip.tracks.xy, points[:pokes]
    return case_of(
        clip,
        id=id,
        group=group,
        horizon=FRAMES - 1,
        points=points,
        filmed=filmed,
        scene=clip.id,
        pokes=Pokes(xy[0, told], xy[FRAMES - 1, told], np.ones(pokes, np.float32)),
        poked=np.arange(pokes),
        about={"pokes": pokes, "k": DENSE_SAMPLES if pokes == POINTS else SPARSE_SAMPLES},
    )


def poked_errors(case: Case, futures: Futures, asked: int) -> dict[str, float]:
    """The paper's errors, of as many samples as it draws."""
    return squared_errors(case, futures, asked, sorted({SPARSE_SAMPLES, int(case.about["k"])}))


def dense_lots(
    suite: str, data: Path | None, fetch: str, group: str, step: int, most: int | None
) -> list[Lot]:
    """A lot a clip of the shards in --data, with 40 pokes.

    Args:
        suite: its name.
        data: folder of shards of whole videos, tracked from their first frame.
        fetch: what to do where there are none.
        group: of the tables.
        step: frames of the clips between two of a case.
        most: a seeded draw of so many clips, or None: all.

    Raises:
        UserError: no folder, no shard in it, or a damaged one.
    """
    folder = required(suite, data, fetch)
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise UserError(
            f"expected shards (*.parquet) in {folder} for suite {suite}, got none. {fetch}"
        )

    named = [
        (f"{file.relative_to(folder).with_suffix('').as_posix()}@{i}",
         partial(_dense, file, i, group, step))
        for file in files
        for i in range(len(open_shard(file)))
    ]  # fmt: skip
    return named_lots(named, most)


def _dense(file: Path, i: int, group: str, step: int) -> Iterator[Case]:
    shard = open_shard(file)
    clip = windowed(shard[i], step)
    points = forty(clip.tracks, clip.id)
    yield poked(clip, clip.id, group, POINTS, points, filmed=shard.pictures == "all")


def windowed(clip: Clip, step: int) -> Clip:
    """The first 64 of every `step`-th frame; of a clip with fewer, all, resampled to 64 in time.

    Positions between two frames are linear in time, both ends are kept; a point is seen where it
    is in the nearer of the two frames.

    Raises:
        UserError: fewer than two frames are left.
    """
    tracks = clip.tracks
    places = np.arange(0, len(tracks), step)[:FRAMES]
    if len(places) < 2:
        raise UserError(f"expected {step + 1} frames or more in {clip.id}, got {len(tracks)}")
    at = np.linspace(0, places[-1], FRAMES)
    below = np.minimum(at.astype(np.int64), len(tracks) - 2)
    share = (at - below)[:, None, None]
    first, second = tracks.xy[below], tracks.xy[below + 1]
    between = (1 - share) * first + share * second
    xy = np.where(share == 0, first, np.where(share == 1, second, between))  # 0 * NaN is NaN
    near = np.rint(at).astype(np.int64)
    visible = tracks.visible[near] & np.isfinite(xy).all(-1)
    fps = None if tracks.fps is None else tracks.fps * (FRAMES - 1) / float(at[-1])
    stretched = replace(
        tracks,
        xy=xy.astype(np.float32),
        visible=visible,
        query_frame=np.where(visible[0], 0, -1).astype(np.int64),
        confidence=None,
        fps=fps,
    )
    video = None if clip.video is None else selected(clip.video, near.tolist(), fps)
    return replace(clip, tracks=stretched, video=video)


def forty(tracks: Tracks, name: str) -> Int64[np.ndarray, " n"]:
    """40 points by a draw that the clip's name seeds, those that move before those that rest.

    A point is taken only if it is seen in the first and in the last frame and known throughout.

    Raises:
        UserError: fewer than 40 such points.
    """
    known = tracks.visible[0] & tracks.visible[-1] & np.isfinite(tracks.xy).all((0, 2))
    found = np.flatnonzero(known)
    if len(found) < POINTS:
        raise UserError(
            f"expected {POINTS} points that are seen in the first and the last frame of {name}, "
            f"got {len(found)}; convert it again with a smaller --stride"
        )
    rests = np.zeros(tracks.count, bool)
    rests[found] = still(chosen(tracks, found))
    order = np.random.default_rng((SEED, zlib.crc32(name.encode()))).permutation(found)
    return np.concatenate([order[~rests[order]], order[rests[order]]])[:POINTS]
