"""Test videos with exact tracks: textured layers that move as planes.

Each layer is a plane with its own texture and outline. It moves by a homography that is a smooth
function of time; layers cover one another in order. A point is followed by its layer's homography,
so positions are exact, and it is visible where it lies in the frame and in no nearer outline. Blur
is the mean over the shutter's opening, noise is drawn per frame; neither moves a point.

These clips measure trackers. (Worlds for training a forecaster need no pixels: `data/synth`.)
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from kinecast.core import coords, rng
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video

FPS = 24.0
SHUTTER_SAMPLES = 5
TEXTURE_SIDE = 512
PARAMETERS = 7  # of a pose: x, y, angle, log scale, shear, and two of perspective


@dataclass(frozen=True)
class Kind:
    """What a family of clips holds. Lengths are fractions of the frame's short side.

    Attributes:
        camera: how far the background swings.
        objects: how many layers move in front of it, nearer ones covering farther ones.
        travel: how far they go.
        turn: their rotation, radians; also sets how much they scale and shear.
        tilt: their perspective change: relative depth across an object's width.
        leave: they end beyond the frame.
        posts: narrow layers that sweep across in front of everything.
        shutter: fraction of the frame time it is open; 0 gives sharp frames.
        noise: standard deviation of the pixel noise, in levels of 255.
        flat: the background has next to no texture.
    """

    camera: float = 0.0
    objects: int = 0
    travel: float = 0.5
    turn: float = 0.0
    tilt: float = 0.0
    leave: bool = False
    posts: int = 0
    shutter: float = 0.0
    noise: float = 1.0
    flat: bool = False


KINDS = {
    "translation": Kind(camera=0.15, objects=3),
    "affine": Kind(camera=0.1, objects=3, turn=0.8),
    "perspective": Kind(camera=0.1, objects=2, turn=0.3, tilt=0.5),
    "occlusion": Kind(objects=2, turn=0.2, posts=3),
    "leaving": Kind(camera=0.05, objects=3, travel=1.2, leave=True),
    "blur": Kind(camera=0.1, objects=3, travel=0.9, turn=0.3, shutter=0.6),
    "noise": Kind(camera=0.1, objects=3, turn=0.3, noise=10.0),
    "flat": Kind(objects=3, turn=0.5, posts=1, noise=2.0, flat=True),
}


class Moves(Protocol):
    """What a layer does."""

    def pose(self, t: float) -> Float[np.ndarray, "3 3"]:
        """Homography from the layer (centred) to the frame, in edge-aligned pixels, at time t."""


@dataclass(frozen=True)
class Motion:
    """A pose over time: each parameter is start + rate*t + swing*(sin(w*t + phase) - sin(phase)).

    Attributes:
        start, rate, swing, frequency, phase: (7,): x, y, angle, log scale, shear, perspective x, y.
    """

    start: Float[np.ndarray, "7"]
    rate: Float[np.ndarray, "7"]
    swing: Float[np.ndarray, "7"]
    frequency: Float[np.ndarray, "7"]
    phase: Float[np.ndarray, "7"]

    def pose(self, t: float) -> Float[np.ndarray, "3 3"]:
        """See `Moves`."""
        wave = np.sin(self.frequency * t + self.phase) - np.sin(self.phase)
        x, y, angle, log_scale, shear, u, v = self.start + self.rate * t + self.swing * wave
        c, s = np.cos(angle) * np.exp(log_scale), np.sin(angle) * np.exp(log_scale)
        similar = np.array([[c, -s, x], [s, c, y], [0, 0, 1]])
        sheared = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
        tilted = np.array([[1, 0, 0], [0, 1, 0], [u, v, 1]])
        return similar @ sheared @ tilted


@dataclass(frozen=True)
class Outline:
    """A smooth closed curve: an ellipse times 1 + sum_k wave_k cos(k angle + phase_k).

    Attributes:
        radii: of the ellipse, pixels.
        wave, phase: (k,), of harmonics 2, 3, ...
    """

    radii: tuple[float, float]
    wave: Float[np.ndarray, " k"]
    phase: Float[np.ndarray, " k"]

    def depth(self, xy: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n"]:
        """About how many pixels a point of the layer lies within the curve; negative outside."""
        scaled = xy / np.asarray(self.radii)
        angle = np.arctan2(scaled[..., 1], scaled[..., 0])[..., None]
        order = np.arange(2, 2 + len(self.wave))
        curve = 1 + (self.wave * np.cos(order * angle + self.phase)).sum(-1)
        return (curve - np.linalg.norm(scaled, axis=-1)) * min(self.radii)


@dataclass(frozen=True)
class Layer:
    """One plane.

    Attributes:
        texture: RGBA; its centre is the layer's origin, its pixels are the layer's. A layer without
            an outline repeats it, mirrored, without end.
        motion: where it goes.
        outline: what it covers; None covers everything.
    """

    texture: UInt8[np.ndarray, "h w 4"]
    motion: Moves
    outline: Outline | None

    def covers(self, xy: Float[np.ndarray, "*n 2"], t: float) -> Bool[np.ndarray, "*n"]:
        """Which points of the frame it covers at time t."""
        if self.outline is None:
            return np.ones(xy.shape[:-1], bool)
        return self.outline.depth(project(np.linalg.inv(self.motion.pose(t)), xy)) > 0

    def draw(self, size: Size, t: float) -> Float[np.ndarray, "h w 4"]:
        """Premultiplied RGBA as the frame sees it at time t."""
        H, W = self.texture.shape[:2]
        to_frame = _shift(-0.5) @ self.motion.pose(t) @ _shift(-W / 2, -H / 2) @ _shift(0.5)
        return cv2.warpPerspective(
            self.texture.astype(np.float32),
            to_frame,
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT if self.outline is None else cv2.BORDER_CONSTANT,
        )


class LayeredSource:
    """Frames of layers, drawn when asked for: any length at the cost of a few frames."""

    def __init__(self, layers: list[Layer], length: int, size: Size, kind: Kind, seed: int) -> None:
        self.size = size
        self.fps: float | None = FPS
        self._layers, self._length, self._kind, self._seed = layers, length, kind, seed

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        frames = [self._frame(t) for t in range(start, stop)]
        return np.stack(frames) if frames else np.empty((0, *self.size[::-1], 3), np.uint8)

    def _frame(self, t: int) -> UInt8[np.ndarray, "h w 3"]:
        count = SHUTTER_SAMPLES if self._kind.shutter else 1
        opening = (np.arange(count) - (count - 1) / 2) / count * self._kind.shutter
        light = np.mean([self._light(t + dt) for dt in opening], axis=0)
        generator = rng.generator(self._seed, 1, t)
        noise = torch.randn(light.shape, generator=generator).numpy() * self._kind.noise
        return np.clip(np.rint(light + noise), 0, 255).astype(np.uint8)

    def _light(self, t: float) -> Float[np.ndarray, "h w 3"]:
        image = np.zeros((*self.size[::-1], 3), np.float32)
        for layer in self._layers:
            drawn = layer.draw(self.size, t)
            image = image * (1 - drawn[..., 3:] / 255) + drawn[..., :3]
        return image


def layered_clip(
    kind: str,
    seed: int,
    *,
    frames: int = 48,
    size: Size = (432, 240),
    grid: Grid | None = None,
    reference: int = 0,
) -> Clip:
    """A clip of that kind; the same for the same arguments.

    Args:
        kind: one of `KINDS`.
        seed: >= 0.
        frames: its length; more frames are the same motion, slower.
        size: (W, H).
        grid: where points are laid; default `Grid.over(size)`.
        reference: the frame they are laid on.

    Returns:
        Clip with a lazy Video and exact Tracks.

    Raises:
        UserError: an unknown kind, fewer than one frame, or a reference outside the clip.
    """
    if kind not in KINDS:
        raise UserError(f"expected a kind of {', '.join(sorted(KINDS))}, got {kind!r}")
    if frames < 1 or not 0 <= reference < frames:
        raise UserError(
            f"expected frames >= 1 and 0 <= reference < frames, got {frames} and {reference}"
        )
    size = coords.check_size(size)
    generator = rng.generator(seed, list(KINDS).index(kind), 0)
    layers = LayerDraws(generator, size, frames).layers(KINDS[kind])
    name = f"{kind}-{seed}"
    video = Video(LayeredSource(layers, frames, size, KINDS[kind], seed), name)
    return Clip(
        exact_tracks(layers, frames, size, grid or Grid.over(size), reference), video, "", name
    )


def exact_tracks(
    layers: list[Layer], frames: int, size: Size, grid: Grid, reference: int
) -> Tracks:
    """Where the points of a grid, laid on a reference frame, go with the layers they lie on."""
    xy, visible = follow_layers(layers, frames, size, grid.points().reshape(-1, 2), reference)
    return Tracks(
        xy=xy,
        visible=visible,
        size=size,
        query_frame=np.full(grid.count, reference, np.int64),
        fps=FPS,
        grid=grid,
        source={"tracker": "exact"},
    )


def follow_layers(
    layers: list[Layer],
    frames: int,
    size: Size,
    laid: Float32[np.ndarray, "n 2"],
    reference: int,
) -> tuple[Float32[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
    """Where points laid on a reference frame go with the layers they lie on, and when seen."""
    points = laid.astype(np.float64)
    owner = np.zeros(len(points), np.int64)
    for index, layer in enumerate(layers):
        owner[layer.covers(points, reference)] = index
    xy = np.empty((frames, len(points), 2), np.float32)
    visible = np.empty((frames, len(points)), bool)
    for t in range(frames):
        now = np.empty_like(points)
        for index, layer in enumerate(layers):
            move = layer.motion.pose(t) @ np.linalg.inv(layer.motion.pose(reference))
            now[owner == index] = project(move, points[owner == index])
        hidden = np.zeros(len(points), bool)
        for index, layer in enumerate(layers):
            hidden |= layer.covers(now, t) & (index > owner)
        xy[t] = now
        visible[t] = ~hidden & coords.inside(xy[t], size)
    xy[reference] = points
    visible[reference] = True
    return xy, visible


def project(
    homography: Float[np.ndarray, "3 3"], xy: Float[np.ndarray, "*n 2"]
) -> Float[np.ndarray, "*n 2"]:
    """Points under a homography."""
    moved = xy @ homography[:, :2].T + homography[:, 2]
    return moved[..., :2] / moved[..., 2:]


def _shift(x: float, y: float | None = None) -> Float[np.ndarray, "3 3"]:
    return np.array([[1.0, 0, x], [0, 1, x if y is None else y], [0, 0, 1]])


class LayerDraws:
    """Random layers of one clip, drawn in order from one generator."""

    def __init__(self, generator: torch.Generator, size: Size, frames: int) -> None:
        self._generator = generator
        self._size, self._short = size, min(size)
        self._last = max(frames - 1, 1)

    def layers(self, kind: Kind) -> list[Layer]:
        """Background first, nearest last."""
        return [
            self._background(kind),
            *(self._object(kind) for _ in range(kind.objects)),
            *(self._post() for _ in range(kind.posts)),
        ]

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Float64 in [low, high)."""
        return low + (high - low) * torch.rand(shape, generator=self._generator).double().numpy()

    def _background(self, kind: Kind) -> Layer:
        swing = np.zeros(PARAMETERS)
        swing[:2] = kind.camera * self._short * self.uniform(0.5, 1, 2)
        swing[2:5] = 0.1 * kind.turn * self.uniform(-1, 1, 3)
        swing[5:] = 0.3 * kind.tilt / max(self._size) * self.uniform(-1, 1, 2)
        middle = np.asarray(self._size) / 2
        motion = self.motion(np.r_[middle, np.zeros(PARAMETERS - 2)], swing)
        contrast = 3.0 if kind.flat else float(self.uniform(25, 60))
        return Layer(self.texture(contrast), motion, None)

    def _object(self, kind: Kind) -> Layer:
        radii = self._short * self.uniform(0.12, 0.28, 2)
        outline = self.outline(radii, 0.12)
        swing = np.zeros(PARAMETERS)
        swing[:2] = 0.5 * kind.travel * self._short * self.uniform(0.4, 1, 2)
        swing[2:5] = kind.turn * self.uniform(-1, 1, 3) * [1, 0.4, 0.3]
        swing[5:] = kind.tilt / (2 * radii) * self.uniform(-1, 1, 2)
        start = np.zeros(PARAMETERS)
        start[:2] = np.asarray(self._size) * self.uniform(0.2, 0.8, 2)
        start[2] = self.uniform(-3, 3)
        rate = np.zeros(PARAMETERS)
        if kind.leave:
            angle = self.uniform(0, 2 * np.pi)
            far = kind.travel * max(self._size) * float(self.uniform(0.8, 1.5))
            rate[:2] = far / self._last * np.array([np.cos(angle), np.sin(angle)])
            swing[:2] *= 0.1
        texture = self.texture(float(self.uniform(15, 60)), outline)
        return Layer(texture, self.motion(start, swing, rate), outline)

    def _post(self) -> Layer:
        W, H = self._size
        outline = self.outline(np.array([self.uniform(0.03, 0.08) * W, 0.9 * H]), 0.0)
        start, rate = np.zeros(PARAMETERS), np.zeros(PARAMETERS)
        sides = (-0.2 * W, 1.2 * W) if self.uniform(0, 1) < 0.5 else (1.2 * W, -0.2 * W)
        start[:2] = sides[0], self.uniform(0.3, 0.7) * H
        start[2] = self.uniform(-0.3, 0.3)
        rate[0] = (sides[1] - sides[0]) / self._last * self.uniform(0.7, 1.3)
        texture = self.texture(float(self.uniform(15, 60)), outline)
        return Layer(texture, self.motion(start, np.zeros(PARAMETERS), rate), outline)

    def motion(
        self, start: np.ndarray, swing: np.ndarray, rate: np.ndarray | None = None
    ) -> Motion:
        """A pose that swings 0.5 to 1.5 times in the clip, each parameter on its own."""
        turns = self.uniform(0.5, 1.5, PARAMETERS)
        return Motion(
            start=start,
            rate=np.zeros(PARAMETERS) if rate is None else rate,
            swing=swing,
            frequency=2 * np.pi * turns / self._last,
            phase=self.uniform(0, 2 * np.pi, PARAMETERS),
        )

    def outline(self, radii: np.ndarray, wave: float) -> Outline:
        """A closed curve about an ellipse, off it by up to three times `wave`."""
        return Outline(
            radii=(float(radii[0]), float(radii[1])),
            wave=self.uniform(-wave, wave, 3),
            phase=self.uniform(0, 2 * np.pi, 3),
        )

    def texture(
        self, contrast: float, outline: Outline | None = None, side: int = TEXTURE_SIDE
    ) -> np.ndarray:
        """Smooth colour noise of several octaves around one colour, RGBA cut to the outline.

        `side` pixels a side where there is no outline.
        """
        if outline is not None:  # room for the outline's waves
            side = int(2 * np.ceil(1.5 * max(outline.radii)))
        image = np.zeros((side, side, 3))
        for cells, share in ((side // 64 + 2, 0.5), (side // 16 + 2, 0.7), (side // 5 + 2, 0.5)):
            octave = self.uniform(-1, 1, cells, cells, 3)
            image += share * cv2.resize(octave, (side, side), interpolation=cv2.INTER_CUBIC)
        image = np.clip(self.uniform(60, 195, 3) + contrast * image, 0, 255)
        alpha = np.ones((side, side, 1))
        if outline is not None:
            centres = np.moveaxis(np.mgrid[:side, :side][::-1], 0, -1).astype(np.float32)
            depth = outline.depth(coords.from_pixel_centres(centres) - side / 2)
            alpha = np.clip(depth + 0.5, 0, 1)[..., None]
        return np.rint(np.concatenate([image * alpha, 255 * alpha], axis=-1)).astype(np.uint8)
