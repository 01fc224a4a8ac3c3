"""ZipMo's training shards (webdataset tars), in and out.

A sample: `tracks_yx.npy` (T, N, 2) in (y, x) of [-1, 1], `visibility.npy` (T, N) or (T, N, 1),
perhaps `certainty.npy` of the same shape, `video.mp4`. A point counts as seen where it is visible
and its certainty is above 0.5. Source: ZipMo (arXiv 2604.11737), its published loader.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.exporters.base import Exporter
from kinecast.data.exporters.needs import finite_points, with_video
from kinecast.data.importers.arrays import flags, point_array
from kinecast.data.importers.base import Importer, Options
from kinecast.io.npy import npy_bytes
from kinecast.io.video import video_of, write_video
from kinecast.io.webdataset import Sample, read_samples, sample_key, shards_in, write_samples

FRAMES = 64  # of a window: ZipMo's loader takes no shorter clip
CERTAIN = 0.5
NOMINAL_FPS = 30.0  # of the video file, where the clip knows none
CONVENTION = (
    "tracks_yx is (y, x) in [-1, 1], -1 and 1 at the frame's edges; seen is visibility and "
    "certainty above 0.5"
)
_WANTED = {"tracks_yx.npy", "visibility.npy", "certainty.npy", "video.mp4"}


def from_yx(yx: Float[np.ndarray, "*n 2"], size: Size) -> Float32[np.ndarray, "*n 2"]:
    """(y, x) in [-1, 1] -> pixels (x, y) of a (W, H) frame."""
    xy = np.asarray(yx, np.float64)[..., ::-1]
    return coords.denormalise(xy, size).astype(np.float32)


def to_yx(xy: Float[np.ndarray, "*n 2"], size: Size) -> Float32[np.ndarray, "*n 2"]:
    """Pixels (x, y) of a (W, H) frame -> (y, x) in [-1, 1]."""
    yx = coords.normalise(np.asarray(xy, np.float64), size)[..., ::-1]
    return np.ascontiguousarray(yx, np.float32)


def coded_size(size: Size) -> Size:
    """(W, H) as `write_video` stores a frame: odd sizes are padded to even ones."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def _read(path: Path, options: Options) -> Iterator[Clip]:
    for shard, name in shards_in(path):
        for sample in read_samples(shard, _WANTED):
            yield _clip(sample, f"{name}/{sample.key}")


def _clip(sample: Sample, id: str) -> Clip:
    video = video_of(sample.content("video.mp4"), sample.where("video.mp4"))
    yx = point_array(sample, "tracks_yx.npy", len(video))
    shape = yx.shape[:2]
    where = sample.where("visibility.npy")
    visible = flags(sample.array("visibility.npy"), shape, where)
    confidence = None
    if "certainty.npy" in sample.names:
        confidence = _certainty(sample.array("certainty.npy"), shape, sample.where("certainty.npy"))
        visible &= confidence > CERTAIN
    xy = from_yx(yx, video.size)
    visible &= np.isfinite(xy).all(-1)
    source = {
        "importer": "zipmo", "file": str(sample.shard), "sample": sample.key,
        "convention": CONVENTION,
    }  # fmt: skip
    tracks = Tracks(
        xy, visible, video.size, confidence=confidence, fps=video.fps, source=source
    )  # fmt: skip
    return Clip(tracks, video, "", id)


def _certainty(array: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    if array.shape == (*shape, 1):
        array = array[..., 0]
    if array.shape != shape or array.dtype.kind not in "bfiu":
        raise UserError(f"expected certainty {shape} in {where}, got {array.dtype} {array.shape}")
    return array.astype(np.float32)


def _write(clips: Iterator[Clip], folder: Path, source: str) -> None:
    write_samples(folder, (_sample(i, clip) for i, clip in enumerate(clips)))


def _sample(index: int, clip: Clip) -> tuple[str, Mapping[str, bytes]]:
    tracks, video = clip.tracks, with_video(clip, "ZipMo's shards")
    if len(tracks) < FRAMES:
        raise UserError(
            f"expected clips of at least {FRAMES} frames for ZipMo's shards, got {len(tracks)} in "
            f"{clip.id}; leave it out, or track a longer clip of its video"
        )
    tracks = finite_points(clip)
    parts = {
        "tracks_yx.npy": npy_bytes(to_yx(tracks.xy, coded_size(tracks.size))),
        "visibility.npy": npy_bytes(tracks.visible),
    }
    if tracks.confidence is not None:
        parts["certainty.npy"] = npy_bytes(tracks.confidence)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mp4"
        frames = (frame for window in video.windows(16) for frame in window)
        write_video(file, frames, tracks.fps or video.fps or NOMINAL_FPS, video.size, crf=18)
        parts["video.mp4"] = file.read_bytes()
    return sample_key(index, clip.id), parts


IMPORTER = Importer(
    name="zipmo",
    about=(
        "ZipMo's webdataset shards: TAPNext's tracks beside the video. Licence: that of the "
        "videos. Produced on your machine, or by `kinecast convert --to zipmo`."
    ),
    convention=CONVENTION,
    options=(),
    read=_read,
)

EXPORTER = Exporter(
    name="zipmo",
    about=f"ZipMo's webdataset shards, clips of at least {FRAMES} frames, for its own trainer",
    convention=CONVENTION,
    write=_write,
)
