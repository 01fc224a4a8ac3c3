"""Draw points and lines, anti-aliased, on a transparent layer, and lay it over a frame.

A layer is uint8 (H, W, 4): RGB premultiplied by alpha. Positions are edge-aligned pixels of it.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from kinecast.core import coords

Layer = UInt8[np.ndarray, "h w 4"]
_SHIFT = 4  # OpenCV draws at 1/16 pixel


def draw_lines(
    layer: Layer,
    start: Float[np.ndarray, "n 2"],
    end: Float[np.ndarray, "n 2"],
    colours: UInt8[np.ndarray, "n 3"],
    alpha: Float[np.ndarray, " n"],
    width: int = 1,
) -> None:
    """Draw N segments in place, except those with an end that is not finite or far outside."""
    keep = (alpha > 0) & _drawable(start, layer) & _drawable(end, layer)
    paint = _paint(colours[keep], alpha[keep])
    for a, b, colour in zip(_fixed(start[keep]), _fixed(end[keep]), paint, strict=True):
        cv2.line(layer, a, b, colour, width, cv2.LINE_AA, _SHIFT)


def draw_points(
    layer: Layer,
    xy: Float[np.ndarray, "n 2"],
    visible: Bool[np.ndarray, " n"],
    colours: UInt8[np.ndarray, "n 3"],
    alpha: Float[np.ndarray, " n"],
    radius: Float[np.ndarray, " n"],
) -> None:
    """Draw N points in place: visible ones filled, hidden ones hollow."""
    keep = (alpha > 0) & _drawable(xy, layer)
    paint = _paint(colours[keep], alpha[keep])
    radii = np.round(radius[keep] * 2**_SHIFT).astype(int).tolist()
    for centre, seen, colour, r in zip(
        _fixed(xy[keep]), visible[keep].tolist(), paint, radii, strict=True
    ):
        cv2.circle(layer, centre, r, colour, cv2.FILLED if seen else 1, cv2.LINE_AA, _SHIFT)


def draw_arrows(
    layer: Layer,
    start: Float[np.ndarray, "n 2"],
    end: Float[np.ndarray, "n 2"],
    width: int = 1,
) -> None:
    """Draw N arrows in place, white with a dark rim, except those that are far outside."""
    keep = _drawable(start, layer) & _drawable(end, layer)
    head = 8 * width
    for a, b in zip(_fixed(start[keep]), _fixed(end[keep]), strict=True):
        tip = head * 2**_SHIFT / max(np.hypot(b[0] - a[0], b[1] - a[1]), 1.0)
        for colour, w in (((0, 0, 0, 255), 3 * width), ((255, 255, 255, 255), width)):
            cv2.arrowedLine(layer, a, b, colour, w, cv2.LINE_AA, _SHIFT, min(tip, 0.5))


def fade(layer: Layer, keep: float) -> None:
    """Make a layer more transparent in place: multiply it by `keep`, down to nothing."""
    cv2.addWeighted(layer, keep, layer, 0.0, -1.0, dst=layer)  # -1: rounding would leave ghosts


def over(layer: Layer, frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The frame with the layer on it."""
    through = cv2.cvtColor(255 - layer[..., 3], cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(frame, through, scale=1 / 255)
    return np.asarray(cv2.add(behind, np.ascontiguousarray(layer[..., :3])))


def dim(
    frame: UInt8[np.ndarray, "h w 3"], amount: float, light: float = 0.42, colour: float = 0.35
) -> UInt8[np.ndarray, "h w 3"]:
    """The frame made darker and greyer: 0 is the frame, 1 is `light` and `colour` of it."""
    grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    light = 1 + amount * (light - 1)
    colour = 1 + amount * (colour - 1)
    return np.asarray(cv2.addWeighted(frame, light * colour, grey, light * (1 - colour), 0.0))


def text_layer(text: str, height: int) -> Layer:
    """White ASCII text on a dark pill of `height` pixels."""
    finer = 4  # drawn larger and shrunk: OpenCV's strokes are smoother so
    scale = finer * height / 40
    (width, ascent), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, finer)
    H, W = finer * height, width + finer * height
    label = np.zeros((H, W, 4), np.uint8)
    for x in (H // 2, W - H // 2):
        cv2.circle(label, (x, H // 2), H // 2 - 1, (0, 0, 0, 150), cv2.FILLED)
    label[1:-1, H // 2 : W - H // 2] = (0, 0, 0, 150)
    origin = (H // 2, (H + ascent) // 2)
    white = (255, 255, 255, 255)
    cv2.putText(label, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, white, finer, cv2.LINE_AA)
    return np.asarray(cv2.resize(label, (W // finer, height), interpolation=cv2.INTER_AREA))


def paste(frame: UInt8[np.ndarray, "h w 3"], layer: Layer, x: int, y: int) -> None:
    """Lay a small layer over the frame in place, its corner at (x, y), cut at the frame's edges."""
    part = frame[y : y + layer.shape[0], x : x + layer.shape[1]]
    if part.size:
        part[:] = over(np.ascontiguousarray(layer[: part.shape[0], : part.shape[1]]), part.copy())


def _paint(
    colours: UInt8[np.ndarray, "n 3"], alpha: Float[np.ndarray, " n"]
) -> list[tuple[float, ...]]:
    opaque = np.concatenate([colours, np.full((len(colours), 1), 255)], axis=1)
    return [tuple(row) for row in np.round(opaque * alpha[:, None]).tolist()]


def _fixed(xy: Float[np.ndarray, "n 2"]) -> list[list[int]]:
    centres = coords.to_pixel_centres(xy.astype(np.float32))
    return np.round(centres * 2**_SHIFT).astype(int).tolist()


def _drawable(xy: Float[np.ndarray, "n 2"], layer: Layer) -> Bool[np.ndarray, " n"]:
    reach = 2 * max(layer.shape[:2])
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(xy) < reach).all(-1))
