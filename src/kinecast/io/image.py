"""Images in and out, RGB."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def read_image(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """An image as uint8 RGB: any bit depth becomes 8 bits, alpha is dropped, EXIF turns applied.

    Raises:
        UserError: no such file, or not an image.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such image: {path}; check the path")
    return decode_image(path.read_bytes(), str(path))


def decode_image(data: bytes | memoryview, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """The image of an encoded file's bytes, as `read_image` gives it; `name` is for messages.

    Raises:
        UserError: not an image.
    """
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (cv2.error, ValueError):  # no bytes; more pixels than OpenCV takes
        image = None
    if image is None:
        raise UserError(f"expected an image ({', '.join(IMAGE_SUFFIXES)}), got {name}")
    return np.asarray(image, np.uint8)


def resize_image(image: UInt8[np.ndarray, "h w 3"], size: Size) -> UInt8[np.ndarray, "hh ww 3"]:
    """An image at (W, H) pixels; the same image where it has them already."""
    if image.shape[1::-1] == size:
        return image
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method))


def write_image(path: str | Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write a uint8 RGB image as PNG.

    Raises:
        UserError: another suffix, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"expected an image name ending in .png, got {path}")
    _, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())
