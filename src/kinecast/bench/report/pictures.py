"""A case as a picture: where its points came from, where they went, and where they were said to go.

Drawn on white (or on the washed-out last frame, where the run kept it) in colours of the report:
the history grey, the truth black, the samples blue. Points that hardly move are dots.
"""

from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from kinecast.bench.results import CaseFacts
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.viz.draw import draw_lines, draw_points, over

WIDTH = 360  # pixels
_FINER = 2  # drawn larger and shrunk, for thin smooth lines
_PAPER, _HISTORY, _TRUTH, _SAMPLE = (255, 255, 255), (130, 130, 130), (20, 20, 20), (31, 95, 191)
_WASHED = 0.72  # how white a photo becomes under the lines


def picture(case: CaseFacts, paths: Float[np.ndarray, "s f n 2"], width: int = WIDTH) -> bytes:
    """A PNG of `width` pixels.

    Args:
        case: its points, history and truth.
        paths: samples of the same points in the frames that are shown; NaN is a gap.
        width: of the picture.
    """
    W, H = case.size
    size = (width, max(1, round(width * H / W)))
    image = _background(case, size)
    fine = (_FINER * size[0], _FINER * size[1])
    layer = np.zeros((fine[1], fine[0], 4), np.uint8)

    def place(xy: np.ndarray) -> Float[np.ndarray, "f n 2"]:
        return coords.resize(np.asarray(xy, np.float32), case.size, fine)

    history, truth = place(case.history), place(case.truth)
    now = history[-1:]
    _draw(layer, history, _HISTORY, 0.9, 2)
    _draw(layer, np.concatenate([now, truth]), _TRUTH, 1.0, 4)
    for sample in paths:
        _draw(layer, np.concatenate([now, place(sample)]), _SAMPLE, 0.55, 2)
    _ends(layer, now[0], truth[-1], _TRUTH, 5.0)
    for sample in paths:
        _ends(layer, now[0], place(sample)[-1], _SAMPLE, 3.4)
    large = cv2.resize(image, fine, interpolation=cv2.INTER_LINEAR)
    drawn = cv2.resize(over(layer, np.asarray(large)), size, interpolation=cv2.INTER_AREA)
    _, png = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), [16, 9])
    return png.tobytes()


def _background(case: CaseFacts, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    if case.jpeg is None:
        return np.full((size[1], size[0], 3), _PAPER, np.uint8)
    photo = cv2.imdecode(np.frombuffer(case.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    if photo is None:
        raise UserError(f"expected a picture with case {case.id}, got a damaged one; run it again")
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    washed = np.round((1 - _WASHED) * small + _WASHED * 255).astype(np.uint8)
    return np.repeat(washed[..., None], 3, axis=2)


def _draw(
    layer: np.ndarray,
    xy: Float[np.ndarray, "f n 2"],
    colour: tuple[int, int, int],
    alpha: float,
    width: int,
) -> None:
    N = xy.shape[1]
    colours, alphas = np.full((N, 3), colour, np.uint8), np.full(N, alpha)
    for before, after in pairwise(xy):
        draw_lines(layer, before, after, colours, alphas, width)


def _ends(
    layer: np.ndarray,
    start: Float[np.ndarray, "n 2"],
    xy: Float[np.ndarray, "n 2"],
    colour: tuple[int, int, int],
    radius: float,
) -> None:
    """Where paths end: dots, small ones where a point has hardly moved."""
    N = len(xy)
    seen = np.isfinite(xy).all(-1)
    far = np.linalg.norm(np.nan_to_num(xy - start), axis=-1) > 2 * radius
    colours = np.full((N, 3), colour, np.uint8)
    radii = np.where(far, radius, 0.55 * radius)
    draw_points(layer, xy, seen, colours, seen.astype(float), radii)
