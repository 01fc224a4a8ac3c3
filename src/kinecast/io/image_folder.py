"""A folder of images as the frames of a video."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kinecast.core.errors import UserError
from kinecast.io.image import IMAGE_SUFFIXES, read_image


class ImageSource:
    """Frames from image files of one size, in the given order; no frame rate."""

    fps: float | None = None

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        H, W = read_image(paths[0]).shape[:2]
        self.size = (W, H)

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop).

        Raises:
            UserError: an image cannot be read or has another size than the first.
        """
        W, H = self.size
        frames = np.empty((stop - start, H, W, 3), np.uint8)
        for frame, path in zip(frames, self._paths[start:stop], strict=True):
            image = read_image(path)
            if image.shape != frame.shape:
                raise UserError(
                    f"expected images of one size, {W}x{H} like {self._paths[0].name}, got "
                    f"{image.shape[1]}x{image.shape[0]}: {path}; resize or remove it"
                )
            frame[:] = image
        return frames


def images_in(folder: Path) -> list[Path]:
    """The images of a folder in natural order: frame 2 before frame 10.

    Raises:
        UserError: there are none.
    """
    paths = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    if not paths:
        raise UserError(
            f"expected a folder of images ({', '.join(IMAGE_SUFFIXES)}), got none in {folder}"
        )
    return sorted(paths, key=lambda path: _natural(path.name))


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]
