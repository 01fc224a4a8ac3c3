"""WHN's training shards (webdataset tars): Kubric, LIBERO, Physics101, Physion, Cityscapes.

Which data set a sample is of shows in the names of its parts. Features, latents and segmentations
that stand beside the tracks are not read. Source: WHN (arXiv 2509.21592), its published shards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.video import ArraySource, Video
from kinecast.data.importers.arrays import flags
from kinecast.data.importers.base import Importer, Options, choice, whole
from kinecast.data.importers.whn_grids import (
    CONVENTION,
    grid_of,
    grid_tracks,
    points_first,
    thinned,
)
from kinecast.io.resized import resized
from kinecast.io.webdataset import Sample, read_samples, shards_in

KUBRIC_FPS = 12.0


@dataclass(frozen=True)
class View:
    """One video of a sample and its tracks.

    Attributes:
        name: of the view, "" for the only one.
        frames: part that holds the frames.
        inner: name of the array, where that part is an .npz.
        tracks: part that holds the tracks.
        visible: part that holds the flags, or "".
    """

    name: str
    frames: str
    tracks: str
    inner: str = ""
    visible: str = ""


@dataclass(frozen=True)
class Layout:
    """How one data set lies in the shards.

    Attributes:
        name: of the data set.
        views: its videos; of those a sample need not have all.
        centred: points are laid in the middle of their cells, not in their first pixels.
        halved: frames are stored at twice the size that the tracks are in.
        fps: frames a second, where known.
    """

    name: str
    views: tuple[View, ...]
    centred: bool
    halved: bool = False
    fps: float | None = None


def _stored(name: str) -> str:
    return f"trajectories__{name}__trajectories.npy"


_KUBRIC = {  # --assume tracks=
    "true": View("", "frames.npy", "trajectories.npy", visible="visibility.npy"),
    "pseudo": View("", "frames.npy", "pseudo_trajectories.npy", visible="pseudo_visibility.npy"),
}
_LIBERO = Layout(
    "libero",
    tuple(View(v, "frames.npz", _stored(v), inner=v) for v in ("agent", "gripper")),
    centred=True,
)
_PHYSICS101 = Layout(
    "physics101",
    tuple(View(v, f"{v}_frames.npy", _stored(v)) for v in ("camera", "kinect")),
    centred=True,
)
_SINGLE = Layout(  # Physion and Cityscapes
    "physion or cityscapes",
    (View("", "frames.npy", "trajectories__trajectories.npy"),),
    centred=True,
)
_TEXT = "instruction.txt"
_WANTED = {_TEXT} | {
    part
    for view in (*_KUBRIC.values(), *_LIBERO.views, *_PHYSICS101.views, *_SINGLE.views)
    for part in (view.frames, view.tracks, view.visible)
    if part
}


def _layout(sample: Sample, options: Options) -> Layout:
    """The layout of the data set whose parts the sample has."""
    for layout in (_LIBERO, _PHYSICS101, _SINGLE):
        if any(view.tracks in sample.names for view in layout.views):
            return layout
    stored = [key for key, view in _KUBRIC.items() if view.tracks in sample.names]
    if not stored:
        raise UserError(
            f"expected trajectories in {sample.key} of {sample.shard}, "
            f"got only {', '.join(sample.names)}"
        )
    kind = choice(options, "tracks", tuple(_KUBRIC), "true" if "true" in stored else None)
    halved = choice(options, "frames", ("double", "single"), "double") == "double"
    return Layout("kubric", (_KUBRIC[kind],), centred=False, halved=halved, fps=KUBRIC_FPS)


def _frames(sample: Sample, view: View) -> np.ndarray:
    where = sample.where(view.frames)
    if view.inner:
        arrays = sample.arrays(view.frames)
        if view.inner not in arrays:
            raise UserError(f"expected {view.inner} in {where}, got {', '.join(arrays)}")
        frames, where = arrays[view.inner], f"{view.inner} of {where}"
    else:
        frames = sample.array(view.frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise UserError(
            f"expected frames uint8 (T, H, W, 3) in {where}, got {frames.dtype} {frames.shape}"
        )
    return frames


def _clip(sample: Sample, layout: Layout, view: View, stride: int | None, id: str) -> Clip:
    where = sample.where(view.tracks)
    video = Video(ArraySource(_frames(sample, view), layout.fps), id)
    if layout.halved:
        W, H = video.size
        if W % 2 or H % 2:
            raise UserError(
                f"expected {sample.where(view.frames)} at twice the size of the tracks' frame, "
                f"got {W}x{H}; if it is not, add --assume frames=single"
            )
        video = resized(video, (W // 2, H // 2))  # the mean of each 2x2, as bilinear halving is
    T = len(video)
    xy = points_first(sample.array(view.tracks), T, 1, where)
    W, H = video.size
    if layout.halved and xy.shape[1] > W * H:
        raise UserError(
            f"expected at most a point a pixel of the {W}x{H} frame in {where}, got {xy.shape[1]}; "
            "if the frames are stored at the tracks' size, add --assume frames=single"
        )
    visible = None
    if view.visible and view.visible in sample.names:
        stored = sample.array(view.visible)
        if stored.shape[-1] == 1 and stored.ndim == sample.array(view.tracks).ndim:
            stored = stored[..., 0]
        at = sample.where(view.visible)
        visible = flags(points_first(stored, T, 0, at), xy.shape[:2], at)
    source = {
        "importer": "whn", "file": str(sample.shard), "sample": sample.key,
        "data_set": layout.name, "tracks": view.tracks, "convention": CONVENTION,
    }  # fmt: skip
    grid = grid_of(xy.shape[1], video.size, layout.centred)
    tracks = grid_tracks(xy, visible, grid, video.size, layout.fps, source, where)
    if stride is not None:
        tracks = thinned(tracks, stride, where)
    return Clip(tracks, video, _caption(sample), id)


def _caption(sample: Sample) -> str:
    if _TEXT not in sample.parts:
        return ""
    try:
        return sample.parts[_TEXT].decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"expected UTF-8 text in {sample.where(_TEXT)}, got: {error}") from error


def _read(path: Path, options: Options) -> Iterator[Clip]:
    stated = choice(options, "view", ("agent", "gripper", "camera", "kinect", "all"), "all")
    stride = whole(options, "stride", 1) if "stride" in options else None
    for shard, name in shards_in(path):
        for sample in read_samples(shard, _WANTED):
            layout = _layout(sample, options)
            for view in layout.views:
                if view.name and (
                    stated not in ("all", view.name) or view.tracks not in sample.names
                ):
                    continue
                id = "/".join(part for part in (name, sample.key, view.name) if part)
                yield _clip(sample, layout, view, stride, id)


IMPORTER = Importer(
    name="whn",
    about=(
        "WHN's webdataset shards of Kubric MOVi-A, LIBERO, Physics101, Physion and Cityscapes with "
        "tracks. Licence: not stated, sources keep theirs. From Hugging Face, "
        "Gabrijel/what_happens_next_demo."
    ),
    convention=(
        f"{CONVENTION}; Kubric's frames are stored at twice the size of the tracks' frame and are "
        "halved (2x2 mean)"
    ),
    options=(
        "view=agent|gripper|camera|kinect|all",
        "tracks=true|pseudo",
        "frames=double|single",
        "stride=WHOLE NUMBER of pixels between points, a multiple of the stored one",
    ),
    read=_read,
)
