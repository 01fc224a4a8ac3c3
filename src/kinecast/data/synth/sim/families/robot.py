"""A seven-joint arm with a two-finger gripper, built of primitives, and its scripted control.

The hand follows positions in space; joint angles come from damped least squares (Nakamura and
Hanafusa 1986), and servos on the joints follow the angles, so the arm touches and carries things
by forces alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import Control

OPEN = 0.04  # metres from the middle of the hand to a finger when open
HOME_GRIP = (0.38, 0.0, 0.25)  # the grip at HOME, from the arm's foot
RATE = 50.0  # servo targets a second

JOINTS = tuple(f"joint_{i}" for i in range(7))
FINGERS = ("finger_l", "finger_r")
_HOME = (0.0, 0.261, 0.0, 1.441, 0.0, 1.44, 0.0)  # the hand points down
HOME = dict(zip(JOINTS, _HOME, strict=True)) | dict.fromkeys(FINGERS, OPEN)

# of each joint: distance above the one before (m), axis, limit (rad)
_CHAIN = (
    (0.08, "z", 2.9), (0.14, "y", 1.9), (0.16, "z", 2.9), (0.16, "y", 2.6), (0.15, "z", 2.9),
    (0.15, "y", 2.3), (0.08, "z", 3.0),
)  # fmt: skip
_AXES = {"y": (0, 1, 0), "z": (0, 0, 1)}
_LYING = (np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0)  # a cylinder along y
_WHITE, _DARK, _ACCENT = (0.86, 0.87, 0.88), (0.2, 0.21, 0.23), (0.95, 0.5, 0.15)
_TOUCH = {"contype": 2, "conaffinity": 0}  # the arm touches what has bit 2, not itself


@dataclass(frozen=True)
class Key:
    """Where the grip is at a time.

    Attributes:
        time: seconds.
        grip: between the fingertips, world metres.
        yaw: of the hand about the vertical, radians; at 0 the fingers close along y.
        opening: from the middle of the hand to a finger, metres.
    """

    time: float
    grip: tuple[float, float, float]
    yaw: float
    opening: float


def add_arm(spec: Any, foot: Sequence[float]) -> None:
    """Stand the arm at `foot`: bodies "arm", "link_0" .. "link_6", "hand" and the fingers.

    Its joints are those of HOME, one servo each, in that order; the site "grip" is between the
    fingertips.
    """
    geom = mujoco.mjtGeom
    body = spec.worldbody.add_body(name="arm", pos=foot)
    _part(body, geom.mjGEOM_CYLINDER, (0.09, 0.04), _DARK, pos=(0, 0, 0.04))
    for i, (above, axis, limit) in enumerate(_CHAIN):
        body = body.add_body(name=f"link_{i}", pos=(0, 0, above), gravcomp=1)
        body.add_joint(name=JOINTS[i], type=mujoco.mjtJoint.mjJNT_HINGE, axis=_AXES[axis],
                       armature=0.1, range=[-limit, limit], limited=True)  # fmt: skip
        thick = 0.055 - 0.004 * i
        half = _CHAIN[i + 1][0] / 2 if i < 6 else 0.025
        if axis == "y":
            _part(body, geom.mjGEOM_CYLINDER, (thick, thick), _ACCENT, quat=_LYING)
        _part(body, geom.mjGEOM_CAPSULE, (0.8 * thick, half), _WHITE, pos=(0, 0, half))
        _servo(spec, JOINTS[i], stiffness=400.0, damping=40.0)
    hand = body.add_body(name="hand", pos=(0, 0, 0.06), gravcomp=1)
    _part(hand, geom.mjGEOM_BOX, (0.022, 0.062, 0.02), _DARK, pos=(0, 0, 0.01))
    hand.add_site(name="grip", pos=(0, 0, 0.1))
    for side, name in zip((1, -1), FINGERS, strict=True):
        finger = hand.add_body(name=name, pos=(0, 0, 0.03), gravcomp=1)
        finger.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(0, side, 0),
                         range=[0, OPEN], limited=True, damping=2)  # fmt: skip
        pad = _part(finger, geom.mjGEOM_BOX, (0.011, 0.006, 0.042), _DARK,
                    pos=(0, 0.006 * side, 0.042))  # fmt: skip
        pad.friction, pad.condim, pad.priority = [1.6, 0.02, 0.0001], 4, 1
        _servo(spec, name, stiffness=1000.0, damping=20.0, strongest=12.0)


def _part(body: Any, kind: Any, size: Sequence[float], rgb: tuple, **where: Any) -> Any:
    return body.add_geom(type=kind, size=[*size, 0, 0][:3], rgba=[*rgb, 1], density=300,
                         **_TOUCH, **where)  # fmt: skip


def _servo(
    spec: Any, joint: str, stiffness: float, damping: float, strongest: float | None = None
) -> None:
    """An actuator that draws a joint to ctrl like a damped spring, of at most `strongest` N."""
    servo = spec.add_actuator(
        name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT,
        gaintype=mujoco.mjtGain.mjGAIN_FIXED, biastype=mujoco.mjtBias.mjBIAS_AFFINE,
    )  # fmt: skip
    servo.gainprm[0] = stiffness
    servo.biasprm[:3] = [0, -stiffness, -damping]
    if strongest is not None:
        servo.forcelimited, servo.forcerange = True, [-strongest, strongest]


def follow(spec: Any, keys: Sequence[Key]) -> Control:
    """A control under which the grip, from HOME, visits the keys, smoothly between them."""
    table = _targets(spec.copy().compile(), keys)

    def control(model: Any, data: Any, seconds: float) -> None:
        at = np.clip(seconds * RATE, 0, len(table) - 1)
        before = int(at)
        after = min(before + 1, len(table) - 1)
        data.ctrl[:] = table[before] + (at - before) * (table[after] - table[before])

    return control


def _targets(model: Any, keys: Sequence[Key]) -> Float[np.ndarray, "s 9"]:
    """Servo targets: each pose is solved from the one before, and drawn to HOME where free."""
    data = mujoco.MjData(model)
    site = model.site("grip").id
    adr = [model.joint(name).qposadr[0] for name in JOINTS]
    dof = [model.joint(name).dofadr[0] for name in JOINTS]
    low, high = np.array([model.joint(name).range for name in JOINTS]).T
    data.qpos[adr] = _HOME
    times = np.arange(0, keys[-1].time + 1 / RATE, 1 / RATE)
    table = np.empty((len(times), 9))
    full = np.zeros((6, model.nv))
    for n, time in enumerate(times):
        grip, yaw, opening = _between(keys, time)
        for _ in range(20):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            error = np.concatenate([grip - data.site_xpos[site], _turn(data.site_xmat[site], yaw)])
            if np.abs(error).max() < 1e-4:
                break
            mujoco.mj_jacSite(model, data, full[:3], full[3:], site)
            jacobian = full[:, dof]
            inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + 1e-4 * np.eye(6))
            free = np.eye(7) - inverse @ jacobian
            step = inverse @ error + 0.05 * free @ (_HOME - data.qpos[adr])
            data.qpos[adr] = np.clip(data.qpos[adr] + np.clip(step, -0.2, 0.2), low, high)
        table[n] = [*data.qpos[adr], opening, opening]
    return table


def _between(keys: Sequence[Key], time: float) -> tuple[np.ndarray, float, float]:
    """Minimum jerk from the key before to the key after."""
    after = next((i for i, key in enumerate(keys) if key.time > time), len(keys) - 1)
    a, b = keys[max(after - 1, 0)], keys[after]
    s = np.clip((time - a.time) / max(b.time - a.time, 1e-9), 0, 1)
    s = s**3 * (10 - 15 * s + 6 * s * s)
    grip = np.array(a.grip) + s * np.subtract(b.grip, a.grip)
    return grip, a.yaw + s * (b.yaw - a.yaw), a.opening + s * (b.opening - a.opening)


def _turn(hand: np.ndarray, yaw: float) -> Float[np.ndarray, " 3"]:
    """Rotation vector, world axes, from a hand's rotation (9,) to pointing down with a yaw."""
    c, s = np.cos(yaw), np.sin(yaw)
    wanted = np.array([[-c, -s, 0], [-s, c, 0], [0, 0, -1]])
    quat, vector = np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(quat, (wanted @ hand.reshape(3, 3).T).ravel())
    mujoco.mju_quat2Vel(vector, quat, 1.0)
    return vector
