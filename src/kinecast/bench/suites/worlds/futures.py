"""Many futures of one first frame, and the same frames with pokes.

WHN's protocol on Kubric (arXiv 2509.21592, section 4): 16 scenes of MOVi-A and 16 of other shapes,
64 futures of each, 24 frames of 256x256, points every 8 pixels. One picture is seen, and where the
points are in it. As many futures are drawn as there are true ones. The clips are those of
`kinecast build whn-kubric`.

A poke says where a point of a thing is when it is last seen in one of these futures; that one alone
is the truth then.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Int64

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.worlds.rendered import Asked, Clip, rendered
from kinecast.bench.suites.worlds.window import Window, lots
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

SPLITS = {"known": ("movi-a", ""), "other": ("movi-b", ", other shapes")}
WINDOW = Window(1, 23)
FPS = 12.0
GRID = Grid(32, 32, 8.0, (0.5, 0.5))
POKES = 4  # at most


def many_futures(scenes: int, futures: int) -> list[Lot]:
    """A case a scene, of as many futures."""
    return [
        lot
        for split in SPLITS
        for lot in lots(f"futures-{split}", scenes, 1, partial(_scenes, split, futures))
    ]


def poked(scenes: int, futures: int) -> list[Lot]:
    """A case a scene and future, of the same frames."""
    return [
        lot
        for split in SPLITS
        for lot in lots(f"pokes-{split}", scenes, 4, partial(_poked, split, futures))
    ]


def _scenes(split: str, futures: int, numbers: range) -> Iterator[Case]:
    for scene in numbers:
        clips = [_clip(split, scene, future) for future in range(futures)]
        first = clips[0]
        for clip in clips[1:]:
            _check_same_start(first, clip)
        yield _case(split, scene, "futures", "many futures", first, [c.tracks for c in clips])


def _poked(split: str, futures: int, numbers: range) -> Iterator[Case]:
    for scene in numbers:
        for future in range(futures):
            clip = _clip(split, scene, future)
            case = _case(split, scene, f"poked-{future}", "poked", clip, [clip.tracks])
            pokes, points = pokes_of(clip.tracks, clip.objects)
            yield replace(case, pokes=pokes, poked=points)


def _case(
    split: str,
    scene: int,
    name: str,
    what: str,
    clip: Clip,
    futures: list[Tracks],
) -> Case:
    from kinecast.data.builders.whn_kubric import SEED  # MuJoCo

    family, tail = SPLITS[split]
    return Case(
        id=f"{family}/{SEED}/{scene}/{name}@{WINDOW.history}+{WINDOW.future}",
        group=WINDOW.group(f"{what}{tail}"),
        history=clip.tracks.window(0, WINDOW.history),
        truths=tuple(tracks.window(WINDOW.history, WINDOW.frames) for tracks in futures),
        scene=f"{family}/{SEED}/{scene}",
        frame=Frame(clip.picture, FPS),
        text=clip.text,
        objects=clip.objects,
        video=clip.video,
        about={"family": family, "seed": SEED, "futures": len(futures)}
        | ({} if len(futures) == 1 else {"k": len(futures)}),
    )


def _clip(split: str, scene: int, future: int) -> Clip:
    from kinecast.data.builders.whn_kubric import SEED, rollout_seeds  # MuJoCo

    asked = Asked(
        family=SPLITS[split][0],
        seed=SEED,
        index=scene,
        future=rollout_seeds()[future],
        frames=WINDOW.frames,
        fps=FPS,
        grid=GRID,
        seen=0,
    )
    return rendered(asked)


def pokes_of(
    tracks: Tracks, objects: Int64[np.ndarray, " n"]
) -> tuple[Pokes, Int64[np.ndarray, " p"]]:
    """One for each of the things with the most points, up to `POKES`, and which points they are.

    Of a thing's points that are seen the longest, the one nearest to the middle of the thing in the
    first frame: from there to where it is last seen, at that time.

    Raises:
        UserError: no point lies on a thing.
    """
    things, sizes = np.unique(objects[objects >= 0], return_counts=True)
    if not len(things):
        raise UserError("expected points on things to poke, got background alone")
    last = len(tracks) - 1
    seen = np.where(tracks.visible, np.arange(last + 1)[:, None], 0).max(0)
    chosen = []
    for thing in things[np.argsort(-sizes, kind="stable")][:POKES]:
        points = np.flatnonzero(objects == thing)
        middle = tracks.xy[0, points].mean(0)
        points = points[seen[points] == seen[points].max()]
        chosen.append(points[np.linalg.norm(tracks.xy[0, points] - middle, axis=1).argmin()])
    which = np.array(chosen, np.int64)
    time = (seen[which] / last).astype(np.float32)
    return Pokes(tracks.xy[0, which], tracks.xy[seen[which], which], time), which


def _check_same_start(one: Clip, other: Clip) -> None:
    same = (
        np.array_equal(one.picture, other.picture)
        and np.array_equal(one.objects, other.objects)
        and np.array_equal(one.tracks.xy[0], other.tracks.xy[0])
    )
    if not same:
        raise UserError(
            f"expected futures of one first frame, got {one.video.name} and {other.video.name} "
            "from different pictures: they were kept by different machines; remove the folder "
            "'bench' in kinecast's home"
        )
