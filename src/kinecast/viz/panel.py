"""A panel: frames of a video, scaled to a viewable size, with points and their fading tails."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.tracks import Tracks
from kinecast.viz.draw import draw_lines, draw_points, fade, over, paste, text_layer

LARGEST = 832  # pixels of the longer side
SMALLEST = 416
_LEAST = (208, 96)  # a panel has room for its labels, however thin the video
_STILL, _MOVING = 0.006, 0.03  # of the diagonal: how far a quiet and a prominent point move
_CAMERA = 0.4  # prominence of what moves only with the camera
_REST = 0.25  # where this share of the points is still, the camera is
_FIT_ROUNDS, _FIT_POINTS = 3, 12  # of the camera's affine motion, each on the better half


class Panel:
    """Draws one panel frame after frame; tails live on a layer that fades.

    Args:
        size: (W, H) of the video.
        colours: RGB of each point.
        prominence: 0 (still, quiet) to 1 (moving) of each point.
    """

    def __init__(
        self,
        size: Size,
        colours: UInt8[np.ndarray, "n 3"],
        prominence: Float[np.ndarray, " n"],
    ) -> None:
        self._source = size
        scale = min(1.0, LARGEST / max(size))
        if max(size) < SMALLEST:
            scale = SMALLEST / max(size)
        self._image: Size = (_even(size[0] * scale), _even(size[1] * scale))
        self.size: Size = (max(self._image[0], _LEAST[0]), max(self._image[1], _LEAST[1]))
        self._corner = ((self.size[0] - self._image[0]) // 2, (self.size[1] - self._image[1]) // 2)
        self._colours = colours
        self._shadow = np.zeros_like(colours)
        self._prominence = prominence
        self._unit = max(self.size) / LARGEST
        self._tails = np.zeros((self.size[1], self.size[0], 4), np.uint8)
        self._labels: dict[str, np.ndarray] = {}

    def picture(self, frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "hh ww 3"]:
        """A frame of the video at the panel's size."""
        shrinks = self._image[0] < frame.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(frame, self._image, interpolation=method))
        (x, y), (W, H) = self._corner, self.size
        right, bottom = W - x - self._image[0], H - y - self._image[1]
        return np.pad(image, ((y, bottom), (x, right), (0, 0)))

    def place(self, xy: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of the video -> pixels of the panel."""
        return coords.resize(xy, self._source, self._image) + np.asarray(self._corner, xy.dtype)

    def trail(
        self,
        before: Float[np.ndarray, "n 2"],
        now: Float[np.ndarray, "n 2"],
        where: Bool[np.ndarray, " n"],
        strength: float = 1.0,
        width: float = 2.0,
    ) -> None:
        """Lengthen the tails from `before` to `now` (pixels of the video)."""
        alpha = strength * self._prominence * where
        draw_lines(
            self._tails,
            self.place(before),
            self.place(now),
            self._colours,
            alpha,
            max(1, round(width * self._unit)),
        )

    def fade(self, frames: float) -> None:
        """One frame passes: tails fade to a third in so many frames."""
        fade(self._tails, float(np.exp(-1 / max(frames, 1e-3))))

    def draw(
        self,
        picture: UInt8[np.ndarray, "hh ww 3"],
        xy: Float[np.ndarray, "n 2"],
        visible: Bool[np.ndarray, " n"],
    ) -> UInt8[np.ndarray, "hh ww 3"]:
        """The picture with tails and the points on it (pixels of the video)."""
        layer = self._tails.copy()
        alpha = np.where(visible, 0.3 + 0.7 * self._prominence, 0.15 + 0.55 * self._prominence)
        radius = self._unit * np.where(
            visible, 1.1 + 2.3 * self._prominence, 1.1 + 1.9 * self._prominence
        )
        place = self.place(xy)
        draw_points(layer, place, visible, self._shadow, 0.55 * alpha, radius + 0.9 * self._unit)
        draw_points(layer, place, visible, self._colours, alpha, radius)
        return over(layer, picture)

    def label(self, picture: UInt8[np.ndarray, "hh ww 3"], text: str, right: str = "") -> None:
        """Write in the upper corners, in place."""
        height = max(16, round(26 * self._unit))
        margin = height // 2
        paste(picture, self._text(text, height), margin, margin)
        if right:
            layer = self._text(right, height)
            paste(picture, layer, max(0, picture.shape[1] - margin - layer.shape[1]), margin)

    def _text(self, text: str, height: int) -> np.ndarray:
        if text not in self._labels:
            self._labels[text] = text_layer(text, height)
        return self._labels[text]


def _even(length: float) -> int:
    """The nearest even number of pixels, as video codecs want it; at least 2."""
    return max(2, 2 * round(length / 2))


def prominence(*parts: Tracks) -> Float[np.ndarray, " n"]:
    """How prominent each point is to be drawn, 0 to 1, by how far it moves over all the parts.

    What moves with most points (a panning or zooming camera) counts less than what moves on its
    own.
    """
    xy = np.concatenate([part.xy for part in parts]).astype(np.float64)
    seen = np.concatenate([part.visible for part in parts])
    xy[~seen] = np.nan
    whole = coords.diagonal(parts[0].size)
    reach = _reach(xy) / whole
    still = (reach < _STILL)[seen.any(axis=0)]
    if still.sum() > _REST * len(still):
        return _ease(reach)  # the camera rests
    return np.maximum(_ease(_reach(xy - _crowd(xy)) / whole), _CAMERA * _ease(reach))


def _crowd(xy: Float[np.ndarray, "t n 2"]) -> Float[np.ndarray, "t n 2"]:
    """Where points would be if all moved by the affine motion of most; NaN stays NaN."""
    seen = np.isfinite(xy).all(-1)
    ever = seen.any(axis=0)
    middle = np.zeros(xy.shape[1:])
    middle[ever] = np.nanmean(xy[:, ever], axis=0)
    terms = np.concatenate([middle, np.ones((len(middle), 1))], axis=1)
    moved = np.zeros_like(xy)
    for t in range(len(xy)):
        keep = seen[t]
        for _ in range(_FIT_ROUNDS):
            if keep.sum() < _FIT_POINTS:
                moved[t] = middle
                break
            fit = np.linalg.lstsq(terms[keep], xy[t, keep], rcond=None)[0]
            moved[t] = terms @ fit
            error = np.hypot(*(xy[t] - moved[t]).T)
            keep = seen[t] & (error <= np.median(error[seen[t]]))
    return moved - middle


def _reach(xy: Float[np.ndarray, "t n 2"]) -> Float[np.ndarray, " n"]:
    """Diagonal of the box that holds each path; 0 where it is never seen (NaN)."""
    low = np.where(np.isnan(xy), np.inf, xy).min(axis=0)
    high = np.where(np.isnan(xy), -np.inf, xy).max(axis=0)
    return np.hypot(*np.where(high >= low, high - low, 0.0).T)


def _ease(reach: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    t = ((reach - _STILL) / (_MOVING - _STILL)).clip(0, 1)
    return t * t * (3 - 2 * t)
