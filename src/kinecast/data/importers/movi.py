"""Kubric MOVi: the published TFDS records (movi_a and its kin), with point tracks derived.

Layout: TFRecord files of tf.train.Example. `video` (T, H, W, 3) and `segmentations` (T, H, W, 1)
uint8; `depth` (T, H, W, 1) and `object_coordinates` (T, H, W, 3) uint16, frames as PNG or as plain
numbers; depth is distance to the camera's centre, 0 to 65535 over `metadata/depth_range`;
`camera/...` and `instances/...` poses as float lists, quaternions (w, x, y, z). `forward_flow` and
the other renderings are not needed.

Convention: the records store no tracks. A point is laid at the centre of every `stride`-th pixel,
at (column + 0.5, row + 0.5), and what that pixel shows is followed (movi_tracks.py). The camera's
focal length in pixels is focal_length / sensor_width * W, for both axes.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.importers.base import Importer, Options, number, stated_size, whole
from kinecast.data.importers.movi_tracks import Camera, Scene, rotation_matrices
from kinecast.io.encoded import encoded_video
from kinecast.io.tfrecord import Example, Feature, parse_example, read_records

FPS = 12.0
STRIDE = 8  # WHN's grid: every 8th pixel, the first centre at 0.5
_PNG = b"\x89PNG"


def read(path: Path, options: Options) -> Iterator[Clip]:
    """A clip a record, of a file or of all tfrecord files in a folder."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.tfrecord*") if file.is_file())
        if not files:
            raise UserError(f"expected a folder with .tfrecord files, got none in {path}")
    for file in files:
        for i, data in enumerate(read_records(file)):
            name = f"{file.name.replace('.tfrecord', '')}_{i:05d}"
            try:
                yield _clip(parse_example(data), name, file.name, options)
            except UserError as error:
                raise UserError(f"record {i} of {file}: {error}") from error


def _clip(example: Example, name: str, file: str, options: Options) -> Clip:
    record = _Record(example, stated_size(options))
    video = record.video(name, number(options, "fps", FPS))
    scene = record.scene()
    W, H = record.size
    stride, frame = whole(options, "stride", STRIDE), whole(options, "query", 0, least=0)
    if frame >= record.frames or stride > min(W, H):
        raise UserError(
            f"expected query below {record.frames} frames and stride within the {W}x{H} frame, "
            f"got query={frame}, stride={stride}"
        )
    columns, rows = np.meshgrid(np.arange(0, W, stride), np.arange(0, H, stride))
    xy, visible = scene.track(columns.ravel(), rows.ravel(), frame)
    tracks = Tracks(
        xy=xy.astype(np.float32),
        visible=visible,
        size=record.size,
        query_frame=np.full(columns.size, frame, np.int64),
        fps=video.fps,
        grid=Grid(*columns.shape, float(stride), (0.5, 0.5)),
        source={
            "importer": "movi", "file": file, "points": "pixel centres of object coordinates",
            "scene": record.text("metadata/video_name"),
        },
    )  # fmt: skip
    return Clip(tracks, video, id=name)


class _Record:
    """The values of one example, in their shapes.

    Raises:
        UserError: a key is missing, or a value has another shape.
    """

    def __init__(self, example: Example, size: Size | None) -> None:
        self._example = example
        self._positions = self._floats("camera/positions", (-1, 3))
        self.frames = len(self._positions)
        self.size = size or self._size()

    def text(self, key: str) -> str:
        """A text, "" where it is missing."""
        values = self._example[key].bytes_list() if key in self._example else []
        return bytes(values[0]).decode("utf-8", "replace") if values else ""

    def video(self, name: str, fps: float | None) -> Video:
        """The frames."""
        feature = self._feature("video")
        if _is_png(feature):
            video = encoded_video(feature.bytes_list(), fps, name)
        else:
            video = Video(ArraySource(self._pictures("video", 3, np.uint8), fps), name)
        if (len(video), video.size) != (self.frames, self.size):
            raise UserError(
                f"expected {self.frames} frames of {self.size}, got {len(video)} of {video.size}"
            )
        return video

    def scene(self) -> Scene:
        """Everything that tracks are made of."""
        low, high = self._floats("metadata/depth_range", (2,))
        T = self.frames
        return Scene(
            camera=Camera(
                self._positions,
                rotation_matrices(self._floats("camera/quaternions", (T, 4))),
                self._focal(),
                self.size,
            ),
            depth=self._pictures("depth", 1, np.uint16)[..., 0] / 65535 * (high - low) + low,
            segments=self._pictures("segmentations", 1, np.uint8)[..., 0].astype(np.int64),
            object_coordinates=self._pictures("object_coordinates", 3, np.uint16) / 65535,
            positions=self._floats("instances/positions", (-1, T, 3)),
            rotations=rotation_matrices(self._floats("instances/quaternions", (-1, T, 4))),
            boxes=self._floats("instances/bboxes_3d", (-1, T, 8, 3)),
        )

    def _focal(self) -> float:
        W = self.size[0]
        if "camera/focal_length" in self._example and "camera/sensor_width" in self._example:
            focal = self._floats("camera/focal_length", (1,))[0]
            return float(focal / self._floats("camera/sensor_width", (1,))[0] * W)
        view = self._floats("camera/field_of_view", (1,))[0]
        return float(W / 2 / math.tan(view / 2))

    def _size(self) -> Size:
        if "metadata/width" in self._example and "metadata/height" in self._example:
            W, H = (self._feature(f"metadata/{key}").numbers() for key in ("width", "height"))
            return int(W[0]), int(H[0])
        video = self._feature("video")
        if not _is_png(video):
            raise UserError(
                "expected metadata/width and metadata/height beside plain frames; "
                "add --assume size=WxH"
            )
        return encoded_video(video.bytes_list()).size

    def _feature(self, key: str) -> Feature:
        if key not in self._example:
            raise UserError(f"expected the key {key!r}, got {', '.join(sorted(self._example))}")
        return self._example[key]

    def _floats(self, key: str, shape: tuple[int, ...]) -> np.ndarray:
        return _shaped(self._feature(key).numbers().astype(np.float64), shape, key)

    def _pictures(self, key: str, channels: int, dtype: type) -> np.ndarray:
        """A rendering (T, H, W, channels): PNGs, bytes of little-endian values, or numbers."""
        W, H = self.size
        shape = (self.frames, H, W, channels)
        feature = self._feature(key)
        if _is_png(feature):
            frames = [_png(data, key, channels, dtype) for data in feature.bytes_list()]
            return _shaped(np.concatenate([frame.ravel() for frame in frames]), shape, key)
        if feature.kind == "bytes":
            raw = b"".join(feature.bytes_list())
            if len(raw) % np.dtype(dtype).itemsize:
                raise UserError(f"expected {key} {np.dtype(dtype)} {shape}, got {len(raw)} bytes")
            return _shaped(np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")), shape, key)
        values = feature.numbers()
        if values.dtype != np.int64 or ((values < 0) | (values > np.iinfo(dtype).max)).any():
            raise UserError(
                f"expected {key} {np.dtype(dtype)}, got {values.dtype} of a wider range"
            )
        return _shaped(values.astype(dtype), shape, key)


def _is_png(feature: Feature) -> bool:
    if feature.kind != "bytes":
        return False
    first = next(iter(feature.bytes_list()), None)
    return first is not None and bytes(first[:4]) == _PNG


def _png(data: memoryview, key: str, channels: int, dtype: type) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != dtype or image.size != math.prod(image.shape[:2]) * channels:
        got = "none" if image is None else f"{image.dtype} {image.shape}"
        raise UserError(f"expected PNG frames of {key}, {np.dtype(dtype)} of {channels}, got {got}")
    return image[..., ::-1] if channels == 3 else image  # OpenCV's order is blue, green, red


def _shaped(values: np.ndarray, shape: tuple[int, ...], key: str) -> np.ndarray:
    try:
        return values.reshape(shape)
    except ValueError:
        raise UserError(f"expected {key} {shape}, got {values.size} values") from None


IMPORTER = Importer(
    name="movi",
    about=(
        "Kubric MOVi-A and its kin (licence Apache-2.0), TFDS records from the bucket "
        "kubric-public/tfds: a .tfrecord file or a folder of them"
    ),
    convention=(
        "no tracks stored; laid at pixel centres (column + 0.5, row + 0.5) and derived from object "
        "coordinates, poses and camera"
    ),
    options=(
        f"stride=N: a point every N-th pixel (default {STRIDE})",
        "query=N: the frame in which points are laid (default 0)",
        f"fps=NUMBER: frames a second (default {FPS:g}, as published)",
        "size=WxH: of frames that are plain numbers, where the record does not say",
    ),
    read=read,
)
