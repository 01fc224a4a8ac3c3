"""Clips whose first picture, or whose text, tells what comes: things that glide over a background.

Planes as in `data.layers`: exact tracks, no engine and no GL library. In family "layers" a thing is
brighter on the side it goes to, and the smaller it is, the faster; the text tells the same. In
"layers-told" one thing glides, and only the text tells where. In "layers-panned" things glide as in
"layers", but the eye pans: everything drifts, and the text tells that alone. What nothing tells: a
factor of 0.6 to 1.4 of a thing's speed, how fast the eye pans, and a little swing of everything. So
a forecaster that reads its condition is better than one that does not, and none is exact.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from kinecast.core import rng
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.data.layers import (
    PARAMETERS,
    Kind,
    Layer,
    LayerDraws,
    LayeredSource,
    Moves,
    follow_layers,
)

# family -> key of its random numbers
GLIDING = {"layers": 201, "layers-told": 202, "layers-panned": 204}
_WAYS = (
    "to the right", "down and to the right", "down", "down and to the left",
    "to the left", "up and to the left", "up", "up and to the right",
)  # fmt: skip
_SHADE = 70.0  # levels of 255 from the middle of a thing to its edge
_NOISE = 1.0  # levels of pixel noise
_ZOOM = 1.25  # of each further view


@dataclass(frozen=True, eq=False)
class Glide:
    """A scene.

    Attributes:
        layers: background first, nearest last.
        text: where the things go, largest first, or where everything drifts.
        frames, size: of the clip.
        seed: of the pictures' noise.
    """

    layers: list[Layer]
    text: str
    frames: int
    size: Size
    seed: int

    def picture(self, view: int = 0) -> UInt8[np.ndarray, "h w 3"]:
        """The first frame of a view."""
        source = LayeredSource(
            self._seen(view), self.frames, self.size, Kind(noise=_NOISE), self.seed + view
        )
        return source.read(0, 1)[0]

    def follow(
        self, points: Float32[np.ndarray, "n 2"], view: int = 0
    ) -> tuple[Float32[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
        """Where points laid in the first frame of a view go, pixels xy, and whether they show."""
        return follow_layers(self._seen(view), self.frames, self.size, points, 0)

    def _seen(self, view: int) -> list[Layer]:
        """The layers as view `view` sees them: each one a quarter turned and nearer."""
        if view == 0:
            return self.layers
        eye = _eye(self.size, view)
        return [replace(layer, motion=_Seen(layer.motion, eye)) for layer in self.layers]


@dataclass(frozen=True)
class _Seen:
    """A motion through another eye."""

    motion: Moves
    eye: Float[np.ndarray, "3 3"]

    def pose(self, t: float) -> Float[np.ndarray, "3 3"]:
        """See `Moves`."""
        return self.eye @ self.motion.pose(t)


def glide(family: str, seed: int, index: int, *, frames: int, size: Size) -> Glide:
    """Scene `index` of a family; it depends on the arguments alone.

    Raises:
        UserError: an unknown family, or a clip of less than two frames.
    """
    if family not in GLIDING:
        raise UserError(f"expected a family of {', '.join(GLIDING)}, got {family!r}")
    if frames < 2:
        raise UserError(f"expected clips of 2 frames or more, got {frames}")
    generator = rng.generator(seed, GLIDING[family], index, 1)
    draws = _GlideDraws(generator, size, frames)
    told = family == "layers-told"
    drift = f"everything drifts {_WAYS[draws.pan()]}" if family == "layers-panned" else ""
    things = 1 if told else int(draws.uniform(1, 4))
    background = draws.background()
    radii = sorted((draws.radii() for _ in range(things)), key=lambda r: -float(r.prod()))
    made = [draws.thing(r, shaded=not told) for r in radii]
    names = ("the largest", "the next", "the smallest") if things > 1 else ("the thing",)
    said = [f"{name} goes {_WAYS[way]}" for name, (_, way) in zip(names, made, strict=False)]
    layers = [background, *(layer for layer, _ in made)]
    noise = int(torch.randint(2**31, (), generator=generator))
    return Glide(layers, drift or ", ".join(said), frames, size, noise)


class _GlideDraws(LayerDraws):
    """Random parts of a scene, drawn in order from one generator."""

    _drift = np.zeros(2)  # of everything, pixels a frame

    def pan(self) -> int:
        """Let everything drift; the number of its way."""
        way, number = self._way()
        self._drift = float(self.uniform(0.2, 0.6)) * self._short / self._last * way
        return number

    def background(self) -> Layer:
        """It covers the frame, and swings a little."""
        side = 32 * (int(1.5 * max(self._size)) // 32 + 1)
        texture = self.texture(float(self.uniform(15, 40)), side=side)
        start = np.r_[np.asarray(self._size) / 2, np.zeros(PARAMETERS - 2)]
        rate = np.r_[self._drift, np.zeros(PARAMETERS - 2)]
        return Layer(texture, self.motion(start, self._swing(0.01), rate), None)

    def radii(self) -> Float[np.ndarray, "2"]:
        """Half lengths of a thing in pixels."""
        return self._short * self.uniform(0.1, 0.26) * self.uniform(0.8, 1.25, 2)

    def thing(self, radii: Float[np.ndarray, "2"], shaded: bool) -> tuple[Layer, int]:
        """A thing and the number of its way."""
        way, number = self._way()
        outline = self.outline(radii, 0.08)
        texture = self.texture(float(self.uniform(8, 20)), outline)
        start, rate = np.zeros(PARAMETERS), np.zeros(PARAMETERS)
        start[:2] = np.asarray(self._size) * self.uniform(0.2, 0.8, 2)
        far = 0.09 * self._short**2 / np.sqrt(radii.prod())  # 0.35 to 0.9 of the short side
        rate[:2] = far * float(self.uniform(0.6, 1.4)) / self._last * way + self._drift
        if shaded:
            texture = _shade(texture, way, radii)
        layer = Layer(texture, self.motion(start, self._swing(0.02), rate), outline)
        return layer, number

    def _way(self) -> tuple[Float[np.ndarray, "2"], int]:
        """A direction and its number in words."""
        turn = float(self.uniform(0, 2 * np.pi))
        return np.array([np.cos(turn), np.sin(turn)]), round(turn / (np.pi / 4)) % len(_WAYS)

    def _swing(self, share: float) -> Float[np.ndarray, "7"]:
        swing = np.zeros(PARAMETERS)
        swing[:2] = share * self._short * self.uniform(-1, 1, 2)
        swing[2] = 2 * share * self.uniform(-1, 1)
        return swing


def _shade(
    texture: UInt8[np.ndarray, "h w 4"], way: Float[np.ndarray, "2"], radii: Float[np.ndarray, "2"]
) -> UInt8[np.ndarray, "h w 4"]:
    """Brighter towards `way`; colours are premultiplied by alpha."""
    side = len(texture)
    y, x = (np.mgrid[:side, :side] + 0.5 - side / 2) / np.sqrt(radii.prod())
    light = _SHADE * (way[0] * x + way[1] * y)[..., None] * (texture[..., 3:] / 255)
    lit = np.clip(texture[..., :3] + light, 0, texture[..., 3:])
    return np.concatenate([np.rint(lit).astype(np.uint8), texture[..., 3:]], axis=-1)


def _eye(size: Size, view: int) -> Float[np.ndarray, "3 3"]:
    """A turn by `view` quarters about the middle of the frame, and a step nearer."""
    middle, angle, zoom = np.asarray(size) / 2, view * np.pi / 2, _ZOOM**view
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    eye = np.eye(3)
    eye[:2, :2], eye[:2, 2] = turn, middle - turn @ middle
    return eye
