"""A small synthetic robot: a planar arm of seven joints that reaches for the disc a text names.

Planes as in `data.layers`: exact tracks in two views, no engine and no GL library. It is no
simulation of a robot: nothing has mass, nothing is touched. It has what a policy needs, laid out as
LIBERO has it: states of seven joints and two fingers, actions of the hand, and windows that begin
anywhere in an episode. View 0 is the table from above; view 1 goes with the hand, nearer.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from kinecast.core import rng
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.data.layers import (
    Kind,
    Layer,
    LayerDraws,
    LayeredSource,
    Outline,
    follow_layers,
)

NUMBER = 203  # key of its random numbers
VIEWS = 2
COLOURS = {"red": (200, 50, 45), "green": (60, 170, 70), "blue": (55, 80, 200)}
EPISODE = 3  # windows in an episode: two of reaching, one of holding on
STEP = 0.05  # of the frame's short side: what 1 means in an action
OPEN = 0.04  # of a finger from the middle of the hand, as LIBERO's
_JOINTS, _NEAR, _NOISE = 7, 1.4, 1.0
_ARM = (225, 225, 215)


@dataclass(frozen=True, eq=False)
class Reach:
    """A window of an episode.

    Attributes:
        layers: of each view, background first, nearest last.
        text: what is reached for.
        states: seven joint angles (radians), two fingers.
        actions: what takes the hand from each frame to the next: x and y in units of `STEP`, four
            zeros (LIBERO's z and rotation), and the gripper: 1 closes, -1 opens.
        step: of the episode at which the window begins.
        frames, size: of the window.
        seed: of the pictures' noise.
    """

    layers: tuple[list[Layer], ...]
    text: str
    states: Float32[np.ndarray, "t 9"]
    actions: Float32[np.ndarray, "t 7"]
    step: int
    frames: int
    size: Size
    seed: int

    def picture(self, view: int = 0) -> UInt8[np.ndarray, "h w 3"]:
        """The first frame of a view."""
        source = LayeredSource(
            self.layers[view], self.frames, self.size, Kind(noise=_NOISE), self.seed + view
        )
        return source.read(0, 1)[0]

    def follow(
        self, points: Float32[np.ndarray, "n 2"], view: int = 0
    ) -> tuple[Float32[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
        """Where points laid in the first frame of a view go, pixels xy, and whether they show."""
        return follow_layers(self.layers[view], self.frames, self.size, points, 0)


@dataclass(frozen=True)
class _Posed:
    """A motion frame by frame."""

    poses: Float[np.ndarray, "t 3 3"]

    def pose(self, t: float) -> Float[np.ndarray, "3 3"]:
        """See `layers.Moves`; only whole frames are asked for, since nothing is blurred."""
        return self.poses[round(t)]


def reach(seed: int, index: int, *, frames: int, size: Size) -> Reach:
    """Window `index`; it depends on the arguments alone.

    Raises:
        UserError: a window of less than two frames.
    """
    if frames < 2:
        raise UserError(f"expected clips of 2 frames or more, got {frames}")
    generator = rng.generator(seed, NUMBER, index, 1)
    draws = LayerDraws(generator, size, frames)
    short, frame = min(size), np.asarray(size)
    discs = _places(draws, frame, short)
    named = int(draws.uniform(0, len(COLOURS)))
    start = frame * draws.uniform(0.15, 0.85, 2)
    length = EPISODE * frames
    step = int(draws.uniform(0, length - 3 * frames // 2))

    share = np.clip(np.arange(length + 1) / (length - frames), 0, 1)
    share = share**3 * (10 - 15 * share + 6 * share**2)  # minimum jerk
    hand = start + share[:, None] * (discs[named] - start)
    angles = _joint_angles(hand, size)
    fingers = np.clip(OPEN * (1 - (np.arange(length + 1) - (length - frames)) / 3), 0, OPEN)
    states = np.column_stack([angles, fingers, fingers])
    actions = np.zeros((length, 7))
    actions[:, :2] = np.diff(hand, axis=0) / (STEP * short)
    actions[:, 6] = np.where(np.arange(length) >= length - frames, 1.0, -1.0)

    window = slice(step, step + frames)
    layers = _scene(draws, discs, angles[window], size)
    eye = np.tile(np.eye(3), (frames, 1, 1))
    eye[:, :2, :2] *= _NEAR
    eye[:, :2, 2] = frame / 2 - _NEAR * hand[window]
    seen = [Layer(a.texture, _Posed(eye @ a.motion.poses), a.outline) for a in layers]
    colour = list(COLOURS)[named]
    noise = int(torch.randint(2**31, (), generator=generator))
    return Reach(
        (list(layers), seen),
        f"reach for the {colour} disc",
        states[window].astype(np.float32),
        actions[window].astype(np.float32),
        step,
        frames,
        size,
        noise,
    )


@dataclass(frozen=True)
class _Part(Layer):
    """A layer that is posed frame by frame."""

    motion: _Posed


def _scene(
    draws: LayerDraws, discs: np.ndarray, angles: Float[np.ndarray, "t 7"], size: Size
) -> tuple[_Part, ...]:
    """Table, discs, arm and hand, seen from above."""
    frames, short = len(angles), min(size)
    side = 64 * (int(1.5 * max(size)) // 64 + 1)
    table = draws.texture(20.0, side=side)
    parts = [_Part(table, _still(np.asarray(size) / 2, frames), None)]
    for place, colour in zip(discs, COLOURS.values(), strict=True):
        outline = _ellipse(0.09 * short, 0.09 * short)
        texture = _tinted(draws.texture(15.0, outline), colour)
        parts.append(_Part(texture, _still(place, frames), outline))
    joints, headings = _chain(angles, size)
    reach = float(np.linalg.norm(joints[0, 1] - joints[0, 0]))
    for link in range(_JOINTS):
        outline = _ellipse(0.65 * reach, 0.05 * short)
        middle = (joints[:, link] + joints[:, link + 1]) / 2
        texture = _tinted(draws.texture(25.0, outline), _ARM)
        parts.append(_Part(texture, _Posed(_turned(middle, headings[:, link])), outline))
    outline = _ellipse(0.07 * short, 0.1 * short)
    texture = _tinted(draws.texture(40.0, outline), (240, 150, 40))
    parts.append(_Part(texture, _Posed(_turned(joints[:, -1], headings[:, -1])), outline))
    return tuple(parts)


def _places(draws: LayerDraws, frame: np.ndarray, short: float) -> Float[np.ndarray, "3 2"]:
    """Of the discs: the best spread of a few draws."""
    tries = [frame * draws.uniform(0.15, 0.85, len(COLOURS), 2) for _ in range(8)]
    gaps = [min(np.linalg.norm(p[i] - p[i - 1]) for i in range(len(p))) for p in tries]
    return tries[int(np.argmax(gaps))]


def _joint_angles(hand: Float[np.ndarray, "s 2"], size: Size) -> Float[np.ndarray, "s 7"]:
    """Of the arm whose end is at `hand`: each pose by damped least squares from the one before."""
    angles = np.full(_JOINTS, 0.25)
    angles[0] = -np.pi / 2 - 0.75
    poses = np.empty((len(hand), _JOINTS))
    for t, target in enumerate(hand):
        for _ in range(60 if t == 0 else 6):
            joints, _ = _chain(angles[None], size)
            arms = joints[0, -1] - joints[0, :-1]
            jacobian = np.stack([-arms[:, 1], arms[:, 0]])
            damped = jacobian @ jacobian.T + 4.0 * np.eye(2)
            step = jacobian.T @ np.linalg.solve(damped, target - joints[0, -1])
            angles = angles + np.clip(step, -0.3, 0.3)
        poses[t] = angles
    return poses


def _chain(angles: Float[np.ndarray, "t 7"], size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 8, 2) in pixels, from the arm's foot below the frame on, and headings (T, 7)."""
    W, H = size
    link = 1.1 * np.hypot(W / 2, H) / _JOINTS
    headings = angles.cumsum(1)
    steps = link * np.stack([np.cos(headings), np.sin(headings)], axis=-1)
    joints = np.zeros((len(angles), _JOINTS + 1, 2))
    joints[:, 1:] = steps.cumsum(1)
    return joints + np.array([W / 2, 1.05 * H]), headings


def _ellipse(a: float, b: float) -> Outline:
    return Outline((float(a), float(b)), np.zeros(1), np.zeros(1))


def _still(place: np.ndarray, frames: int) -> _Posed:
    return _Posed(_turned(np.tile(place, (frames, 1)), np.zeros(frames)))


def _turned(place: Float[np.ndarray, "t 2"], angle: Float[np.ndarray, " t"]) -> np.ndarray:
    """Poses (T, 3, 3)."""
    c, s = np.cos(angle), np.sin(angle)
    poses = np.tile(np.eye(3), (len(place), 1, 1))
    poses[:, 0, 0], poses[:, 0, 1], poses[:, 1, 0], poses[:, 1, 1] = c, -s, s, c
    poses[:, :2, 2] = place
    return poses


def _tinted(
    texture: UInt8[np.ndarray, "h w 4"], colour: tuple[int, int, int]
) -> UInt8[np.ndarray, "h w 4"]:
    """The texture's light and shade on a colour; colours are premultiplied by alpha."""
    alpha = texture[..., 3:] / 255
    grey = texture[..., :3].mean(-1, keepdims=True)
    inside = alpha[..., 0] > 0
    shade = (grey - grey[inside].mean() * alpha) * 0.7
    lit = np.clip(np.asarray(colour) * alpha + shade, 0, texture[..., 3:])
    return np.concatenate([np.rint(lit).astype(np.uint8), texture[..., 3:]], axis=-1)
