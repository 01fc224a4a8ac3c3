"""Videos in and out: `open_video` and `write_video`."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.io.atomic import atomic_path
from kinecast.io.image import IMAGE_SUFFIXES
from kinecast.io.image_folder import ImageSource, images_in
from kinecast.io.video_file import FileSource

_BT709 = 1  # FFmpeg's number of the colour space that players assume for H.264


def open_video(path: str | Path) -> Video:
    """A lazy video from a file (mp4, webm, avi, mov, gif, ...), a folder of images, or one image.

    Frames are RGB as displayed: rotation metadata is applied, alpha is dropped, any bit depth
    becomes 8 bits. Frames are counted as they decode, whatever the container claims; with a
    variable frame rate, `fps` is the average. Of a truncated or damaged file, what decodes is used
    and `Video.warnings` says so.

    Raises:
        UserError: no such file, not a video, or nothing in it decodes.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"no such file: {path}; check the path")
    if path.is_dir():
        return Video(ImageSource(images_in(path)), path.name)
    if path.stat().st_size == 0:
        raise UserError(f"expected a video, got an empty file (0 bytes): {path}")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return Video(ImageSource([path]), path.name)
    source = FileSource(path)
    return Video(source, path.name, source.warnings)


def video_of(content: bytes, name: str) -> Video:
    """A lazy video of a file's bytes, such as a member of an archive.

    Args:
        content: the file.
        name: what to call it in messages.

    Raises:
        UserError: not a video, or nothing in it decodes.
    """
    if not content:
        raise UserError(f"expected a video, got an empty file (0 bytes): {name}")
    source = FileSource(Path(name), content)
    return Video(source, name, source.warnings)


def write_video(
    path: str | Path,
    frames: Iterator[UInt8[np.ndarray, "h w 3"]],
    fps: float,
    size: Size,
    crf: int = 23,
    constant: bool = False,
) -> None:
    """Write RGB frames as they come to an H.264 mp4 that every player opens; the same frames give
    the same bytes.

    Odd sizes are padded to even ones by repeating the last row or column (H.264 stores colour at
    half the resolution).

    Args:
        path: the file, ending in .mp4.
        frames: uint8 (H, W, 3), each of `size`.
        fps: frames a second.
        size: (W, H) of the frames.
        crf: constant rate factor, 0 (best) to 51.
        constant: quantise every frame with `crf` itself: how a frame decodes does not depend on
            the frames after it.

    Raises:
        UserError: another suffix, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise UserError(f"expected a video name ending in .mp4, got {path}")
    W, H = size
    pad = ((0, H % 2), (0, W % 2), (0, 0))
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = W + W % 2, H + H % 2, "yuv420p"
        stream.options = {
            "qp" if constant else "crf": str(crf),
            "preset": "veryfast",
            "x264-params": "mbtree=0",  # with it x264 gives other bytes once in ten runs
        }
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_primaries = _BT709
        stream.codec_context.color_trc = _BT709
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.pad(frame, pad, mode="edge"), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace=_BT709)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
