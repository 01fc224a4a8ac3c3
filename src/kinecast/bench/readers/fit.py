"""How a case's frame became the frame that a method saw, and the way back.

`stretch`: resized, whatever the shapes. `crop`: the largest centred part of that shape, resized.
`letterbox`: all of it, centred between black bars (WHN, arXiv 2509.21592, D.3). Where both frames
have one shape these are the same, and nothing has to be stated.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from kinecast.bench.readers.options import Options
from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.io.image import resize_image
from kinecast.io.reframed import Crop

HOW = ("stretch", "crop", "letterbox")


@dataclass(frozen=True)
class Fit:
    """A part of the case's frame and the part of the method's frame that shows it.

    Attributes:
        case: (W, H) of the case's frame.
        method: (W, H) of the method's frame.
        case_corner, case_part: first pixel and size of the part that was shown.
        method_corner, method_part: where it is shown.
    """

    case: Size
    method: Size
    case_corner: tuple[int, int]
    case_part: Size
    method_corner: tuple[int, int]
    method_part: Size

    @classmethod
    def of(cls, case: Size, method: Size, options: Options) -> "Fit":
        """As stated by `fit=`.

        Raises:
            UserError: the frames have different shapes and nothing is stated.
        """
        W, H = case
        same = _one_shape(case, method)
        why = f"a {W}x{H} frame and one of {method[0]}x{method[1]} have different shapes"
        how = options.choice("fit", HOW, "stretch" if same else None, why)
        if how == "crop":
            crop = Crop.to(case, method)
            return cls(case, method, crop.corner, crop.size, (0, 0), method)
        if how == "letterbox":
            inner = Crop.to(method, case)
            return cls(case, method, (0, 0), case, inner.corner, inner.size)
        return cls(case, method, (0, 0), case, (0, 0), method)

    def to_case(self, xy: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of the method's frame -> pixels of the case's."""
        inner = xy - np.asarray(self.method_corner, xy.dtype)
        part = coords.resize(inner, self.method_part, self.case_part)
        return part + np.asarray(self.case_corner, xy.dtype)

    def to_method(self, xy: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of the case's frame -> pixels of the method's; outside it where it is cut off."""
        part = xy - np.asarray(self.case_corner, xy.dtype)
        inner = coords.resize(part, self.case_part, self.method_part)
        return inner + np.asarray(self.method_corner, xy.dtype)

    def image(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "hh ww 3"]:
        """A frame of the case as the method saw it."""
        (x, y), (w, h) = self.case_corner, self.case_part
        canvas = np.zeros((self.method[1], self.method[0], 3), np.uint8)
        shown = resize_image(np.ascontiguousarray(image[y : y + h, x : x + w]), self.method_part)
        (x, y), (w, h) = self.method_corner, self.method_part
        canvas[y : y + h, x : x + w] = shown
        return canvas


def _one_shape(case: Size, method: Size) -> bool:
    """Whether one is the other resized, each side to the nearest whole pixel."""
    (W, H), (w, h) = case, method
    return round(W * h / H) == w or round(H * w / W) == h
