"""Shards of the Flow Poke Transformer (webdataset tars), in and out.

A sample: `tracks.npy` (T, N, 2) in (x, y) of [0, 1] of a square video, `visibility.npy` (T, N),
`video.mpg` (MPEG-1, whose rate of 60 is nominal). Source: Flow Poke Transformer, its published
preparation of data. They are not ZipMo's shards: `kinecast convert --from flow-poke --to zipmo`.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.exporters.base import Exporter
from kinecast.data.exporters.needs import finite_points, with_video
from kinecast.data.importers.arrays import flags, point_array
from kinecast.data.importers.base import Importer, Options, from_unit, number
from kinecast.io.mpeg1 import write_mpeg1
from kinecast.io.npy import npy_bytes
from kinecast.io.reframed import Crop, cropped
from kinecast.io.video import video_of
from kinecast.io.webdataset import Sample, read_samples, sample_key, shards_in, write_samples

FRAME: Size = (512, 512)
CONVENTION = "tracks are (x, y) in [0, 1], 0 and 1 at the frame's edges; visibility 1 is seen"
_WANTED = {"tracks.npy", "visibility.npy", "video.mpg"}


def _read(path: Path, options: Options) -> Iterator[Clip]:
    fps = number(options, "fps")
    for shard, name in shards_in(path):
        for sample in read_samples(shard, _WANTED):
            yield _clip(sample, f"{name}/{sample.key}", fps)


def _clip(sample: Sample, id: str, fps: float | None) -> Clip:
    decoded = video_of(sample.content("video.mpg"), sample.where("video.mpg"))
    video = Video(_Timed(decoded, fps), decoded.name, decoded.warnings)
    xy = from_unit(point_array(sample, "tracks.npy", len(video)), video.size).astype(np.float32)
    where = sample.where("visibility.npy")
    visible = flags(sample.array("visibility.npy"), xy.shape[:2], where)
    source = {
        "importer": "flow-poke", "file": str(sample.shard), "sample": sample.key,
        "convention": CONVENTION,
    }  # fmt: skip
    visible &= np.isfinite(xy).all(-1)
    return Clip(Tracks(xy, visible, video.size, fps=fps, source=source), video, "", id)


class _Timed:
    """A video at another stated rate: that of the file is nominal."""

    def __init__(self, video: Video, fps: float | None) -> None:
        self._video, self.size, self.fps = video, video.size, fps

    def __len__(self) -> int:
        return len(self._video)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames [start, stop)."""
        return self._video[start:stop]


def _write(clips: Iterator[Clip], folder: Path, source: str) -> None:
    write_samples(folder, (_sample(i, clip) for i, clip in enumerate(clips)))


def _sample(index: int, clip: Clip) -> tuple[str, Mapping[str, bytes]]:
    video = with_video(clip, "Flow Poke shards")
    tracks = finite_points(clip)
    crop = Crop.to(video.size, FRAME)
    xy = crop.points(tracks.xy.astype(np.float64))
    visible = tracks.visible & coords.inside(xy, FRAME)  # what the crop cuts off is not seen
    square = cropped(video, crop)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mpg"
        write_mpeg1(file, (frame for window in square.windows(16) for frame in window), FRAME)
        content = file.read_bytes()
    parts = {
        "tracks.npy": npy_bytes(coords.resize(xy, FRAME, (1, 1)).astype(np.float32)),
        "visibility.npy": npy_bytes(visible),
        "video.mpg": content,
    }
    return sample_key(index, clip.id), parts


IMPORTER = Importer(
    name="flow-poke",
    about=(
        "Shards of the Flow Poke Transformer: CoTracker3's tracks beside the video. Licence: that "
        "of the videos. Produced on your machine, or by `kinecast convert --to flow-poke`."
    ),
    convention=CONVENTION,
    options=("fps=NUMBER, the true frame rate: that of the file is nominal",),
    read=_read,
)

EXPORTER = Exporter(
    name="flow-poke",
    about="webdataset shards of the Flow Poke Transformer: the middle square at 512x512, whole",
    convention=CONVENTION,
    write=_write,
)
