"""The Panda's hand: its size, its pose, and the action that brings it nearer to another pose.

Source of the sizes: robosuite's model of the gripper (MIT); of the units: LIBERO's OSC_POSE.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

ACTION = 7
STEP, TURN = 0.05, 0.5  # metres and radians that an action of 1 asks for
_GAIN = 2.0  # the controller answers an error in about two steps; more overshoots

OPENING = 0.08  # between the open fingers, metres
TIP = 0.009  # from the point that is steered down to the fingertips
FINGER = (0.010, 0.0105)  # half a finger's length along the closing direction, and across it
PALM = (0.105, 0.032)  # half the palm's, likewise
PALM_HEIGHT = 0.040  # of the palm's underside over the fingertips


@dataclass(frozen=True, eq=False)
class Hand:
    """A pose of the hand.

    Attributes:
        position: of the point between the finger pads, metres, in the world's frame.
        rotation: its axes in columns: x is the closing direction, z points out of the hand.
        opening: distance between the fingers, metres.
    """

    position: Float64[np.ndarray, " 3"]
    rotation: Float64[np.ndarray, "3 3"]
    opening: float

    @property
    def yaw(self) -> float:
        """Direction of closing over the table, radians from x to y."""
        return float(np.arctan2(self.rotation[1, 0], self.rotation[0, 0]))


def downward(yaw: float) -> Float64[np.ndarray, "3 3"]:
    """The rotation of a hand that points down and closes in the direction `yaw`."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])


def nearest_yaw(yaw: float, to: float) -> float:
    """The same closing direction, which two fingers have twice, turned by at most 90 degrees."""
    return float(to + (yaw - to + np.pi / 2) % np.pi - np.pi / 2)


def toward(
    hand: Hand,
    position: Float64[np.ndarray, " 3"],
    rotation: Float64[np.ndarray, "3 3"],
    gripper: float,
    speed: float = 1.0,
) -> Float64[np.ndarray, " 7"]:
    """The action, in [-1, 1], that brings the hand nearer to a pose.

    Args:
        hand: where it is.
        position, rotation: where it should be.
        gripper: 1 closes, -1 opens.
        speed: largest length of the displacement's part; at most 1.
    """
    move = _GAIN * (position - hand.position) / STEP
    turn = _GAIN * rotation_vector(rotation @ hand.rotation.T) / TURN
    return np.concatenate([_at_most(move, speed), _at_most(turn, 1.0), [gripper]])


def rotation_vector(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, " 3"]:
    """Axis times angle (at most pi) of a rotation."""
    skew = 0.5 * np.array([
        rotation[2, 1] - rotation[1, 2],
        rotation[0, 2] - rotation[2, 0],
        rotation[1, 0] - rotation[0, 1],
    ])  # fmt: skip
    sine, cosine = float(np.linalg.norm(skew)), 0.5 * (float(np.trace(rotation)) - 1)
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-6:
        return skew * (angle / sine)
    if cosine > 0:
        return skew
    axis = np.sqrt(np.maximum(0.5 * (np.diag(rotation) + 1), 0))  # half a turn: either sense
    first = int(axis.argmax())
    signs = np.where(rotation[first] < 0, -1.0, 1.0)
    signs[first] = 1.0
    return np.pi * axis * signs


def _at_most(vector: Float64[np.ndarray, " 3"], length: float) -> Float64[np.ndarray, " 3"]:
    norm = float(np.linalg.norm(vector))
    return vector if norm <= length else vector * (length / norm)
