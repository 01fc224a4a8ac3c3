"""Where clips with pictures come from: gliding layers, rendered worlds, shards."""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from kinecast.core import coords, rng
from kinecast.core.clip import Clip
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data import gliding, layers, reach, synth
from kinecast.data.synth.sim.registry import RENDERED, rendered
from kinecast.forecast.guess import fill_hidden
from kinecast.io.image import resize_image
from kinecast.train import supervision
from kinecast.train.recipe import ImageData

REACH, ROBOT = "reach", "robot"  # families of `data.reach`, of `data.synth.sim`
ACTING = (REACH, ROBOT)  # whose clips have states and actions
_POINTS, _STEP = 14, 18  # keys of the draws of scattered points, of where a clip begins
_OFF_GRID = 0.01  # pixels that stored points may lie off the grid that is asked for


@dataclass(frozen=True, eq=False)
class PicturedClip:
    """One clip; see `image_item.ImageItem`, whose attributes these are, without the batch."""

    xy: Float32[np.ndarray, "v t n 2"]
    visible: Bool[np.ndarray, "v t n"]
    pixels: UInt8[np.ndarray, "v H W 3"]
    text: str
    states: Float32[np.ndarray, "t 9"] | None = None
    actions: Float32[np.ndarray, "t 7"] | None = None
    steps: Int64[np.ndarray, ""] | None = None


def grid_of(data: ImageData) -> Grid:
    """The grid that `data.stride` and `data.origin` lay over the frame: all its points inside.

    Raises:
        UserError: no point of it lies in the frame.
    """
    if data.origin is None:
        return Grid.over(data.size, data.stride)
    W, H = data.size
    x, y = data.origin
    if not (data.stride >= 1 and 0 <= x < W and 0 <= y < H):
        raise UserError(
            f"expected data.stride >= 1 and data.origin inside the {W}x{H} frame, "
            f"got {data.stride} and {data.origin}"
        )
    rows, columns = math.ceil((H - y) / data.stride), math.ceil((W - x) / data.stride)
    return Grid(rows, columns, data.stride, (x, y))


def check_families(data: ImageData) -> None:
    """Refuse families that are not there, or that have fewer views.

    Raises:
        UserError: naming the nearest.
    """
    known = [*gliding.GLIDING, REACH, *RENDERED]
    for family in data.families:
        if family not in known:
            raise UserError(
                f"expected data.families of {', '.join(known)}, got {family!r}"
                f"{did_you_mean(family, known)}"
            )
    if not data.families:
        raise UserError(f"expected one or more data.families of {', '.join(known)}, got none")


def make(data: ImageData, seed: int, index: int) -> PicturedClip:
    """Clip `index` of the families in turn; it depends on the arguments alone.

    Raises:
        UserError: what a rendered family says (extra `sim`, a GL library, frames it needs); fewer
            views than asked for.
    """
    family = data.families[index % len(data.families)]
    if family in gliding.GLIDING:
        return _glide(data, family, seed, index)
    if family == REACH:
        return _reach(data, seed, index)
    return _render(data, family, seed, index)


def from_shard(data: ImageData, clip: Clip, seed: int) -> PicturedClip:
    """A clip of a shard, from its first frame on, resized to the frame of `data`.

    Points: those of the grid that is asked for, or a draw of those seen in the first frame.

    Raises:
        UserError: no picture, too few frames or points, points elsewhere than on the grid.
    """
    if clip.video is None:
        raise UserError(
            f"expected pictures in the shards, got none of clip {clip.id}; prepare the videos with "
            "--pictures first"
        )
    if len(clip.tracks) < data.frames:
        raise UserError(
            f"expected clips of at least {data.frames} frames (data.frames), got "
            f"{len(clip.tracks)} of clip {clip.id}; lower data.frames, or prepare longer clips"
        )
    tracks = clip.tracks.window(0, data.frames)
    tracks = replace(tracks, xy=fill_hidden(tracks)).resized(data.size)
    keep = _some(tracks, data, rng.generator(seed, _POINTS)) if data.points else _on(tracks, data)
    return PicturedClip(
        xy=tracks.xy[None][:, :, keep],
        visible=tracks.visible[None][:, :, keep],
        pixels=resize_image(clip.video[0:1][0], data.size)[None],
        text=clip.caption,
    )


@cache
def version(families: tuple[str, ...]) -> str:
    """A hash of the source of what makes clips: other worlds, other files."""
    digest = hashlib.sha256()
    files = [Path(module.__file__ or "") for module in (gliding, layers, reach, supervision)]
    if any(family in RENDERED for family in families):
        files += sorted((Path(synth.__file__).parent / "sim").rglob("*.py"))
    for path in [*files, Path(__file__)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _glide(data: ImageData, family: str, seed: int, index: int) -> PicturedClip:
    scene = gliding.glide(family, seed, index, frames=data.frames, size=data.size)
    if data.supervision == supervision.EXACT:
        points = _laid(data, seed, index)
        followed = [scene.follow(laid, view) for view, laid in enumerate(points)]
    else:
        draw = rng.generator(seed, _POINTS, index)
        followed = [supervision.supervised(data.supervision, scene, grid_of(data), draw)]
    return PicturedClip(
        xy=np.stack([xy for xy, _ in followed]),
        visible=np.stack([visible for _, visible in followed]),
        pixels=np.stack([scene.picture(view) for view in range(data.views)]),
        text=scene.text,
    )


def _reach(data: ImageData, seed: int, index: int) -> PicturedClip:
    if data.views > reach.VIEWS:
        raise UserError(f"expected data.views of at most {reach.VIEWS} for reach, got {data.views}")
    scene = reach.reach(seed, index, frames=data.frames, size=data.size)
    points = _laid(data, seed, index)
    followed = [scene.follow(laid, view) for view, laid in enumerate(points)]
    return PicturedClip(
        xy=np.stack([xy for xy, _ in followed]),
        visible=np.stack([visible for _, visible in followed]),
        pixels=np.stack([scene.picture(view) for view in range(data.views)]),
        text=scene.text,
        states=scene.states,
        actions=scene.actions,
        steps=np.array(scene.step),
    )


def _render(data: ImageData, family: str, seed: int, index: int) -> PicturedClip:
    from kinecast.data.synth.sim.film import film  # MuJoCo
    from kinecast.data.synth.sim.points import follow
    from kinecast.data.synth.sim.proprioception import hand_actions, joint_states

    robot = family == ROBOT
    frames, window = data.frames, None
    if robot:
        frames, window = _episode(data, seed, index)
    take = film(
        family,
        seed=seed,
        index=index,
        frames=frames,
        size=data.size,
        stride=max(data.size),
        window=window,
    )
    if len(take.views) < data.views:
        raise UserError(
            f"expected data.views of at most {len(take.views)} for {family}, got {data.views}"
        )
    fps = take.views[0].tracks.fps
    assert fps is not None  # of every shot
    tracks = [
        follow(take.poses, take.views[i].pictures, laid, np.zeros(len(laid), np.int64), fps, i)[0]
        for i, laid in enumerate(_laid(data, seed, index))
    ]
    return PicturedClip(
        xy=np.stack([one.xy[: data.frames] for one in tracks]),
        visible=np.stack([one.visible[: data.frames] for one in tracks]),
        pixels=np.stack([view.pictures.rgb[0] for view in take.views[: data.views]]),
        text=take.setup.text,
        states=joint_states(take.poses)[: data.frames] if robot else None,
        actions=hand_actions(take.poses)[: data.frames] if robot else None,
        steps=np.array(window[0]) if window else None,
    )


def _episode(data: ImageData, seed: int, index: int) -> tuple[int, tuple[int, int]]:
    """Frames of a robot's episode, and those that a clip is of, which may begin anywhere.

    One frame more than the clip, where there is one: the last action takes the hand there.
    """
    length = max(rendered(ROBOT).shot.frames, data.frames)
    draw = rng.generator(seed, _STEP, index)
    step = int(torch.randint(length - data.frames + 1, (), generator=draw))
    return length, (step, min(step + data.frames + 1, length))


def _laid(data: ImageData, seed: int, index: int) -> list[Float32[np.ndarray, "n 2"]]:
    """Points of each view in its first frame."""
    if not data.points:
        return [grid_of(data).points().reshape(-1, 2)] * data.views
    generator = rng.generator(seed, _POINTS, index)
    share = torch.rand(data.views, data.points, 2, generator=generator).numpy()
    return list(coords.denormalise(2 * share - 1, data.size))


def _some(tracks: Tracks, data: ImageData, generator: torch.Generator) -> np.ndarray:
    """A draw of the points that are seen in the first frame."""
    seen = np.flatnonzero(tracks.visible[0])
    if len(seen) < data.points:
        raise UserError(
            f"expected at least {data.points} points (data.points) seen in the first frame, got "
            f"{len(seen)}; lower data.points, or prepare the videos with a smaller --stride"
        )
    return seen[torch.randperm(len(seen), generator=generator)[: data.points].numpy()]


def _on(tracks: Tracks, data: ImageData) -> np.ndarray:
    """The points that lie on the grid that is asked for, in its order."""
    wanted = grid_of(data).points().reshape(-1, 2)
    near = np.abs(wanted[:, None] - tracks.xy[0]).max(-1)
    nearest = near.argmin(1)
    good = (near.min(1) <= _OFF_GRID) & tracks.visible[0, nearest]
    if not good.all():
        W, H = data.size
        raise UserError(
            f"expected points every {data.stride:g} pixels of a {W}x{H} frame (data.stride, "
            f"data.origin, data.size), seen in the first frame, got shards without "
            f"{int((~good).sum())} of {len(good)}; prepare the videos with --size {W}x{H} "
            f"--stride {data.stride:g}, or set data.size and data.stride to what they have"
        )
    return nearest
