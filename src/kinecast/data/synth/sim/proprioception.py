"""What a robot feels, and what its hand does, read from the poses of a world with an arm.

Numbers are laid out as LIBERO has them: states of seven joints and two fingers, actions of an
operational-space controller.
"""

import numpy as np
from jaxtyping import Float, Float32

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.robot import FINGERS, JOINTS, OPEN
from kinecast.data.synth.sim.simulate import Poses

STEP_M, STEP_RAD = 0.05, 0.5  # what 1 means in an action (robosuite's controller)


def joint_states(poses: Poses) -> Float32[np.ndarray, "t 9"]:
    """Angles of the seven joints (rad), and how far each finger is from the middle (m)."""
    model, columns = poses.model, []
    for name in JOINTS:
        joint = model.joint(name)
        body = int(joint.bodyid[0])
        parent = int(model.body_parentid[body])
        turns = _between(poses.body_rotation[:, parent], poses.body_rotation[:, body])
        columns.append(_vectors(turns) @ joint.axis)
    hand = poses.body("hand")
    for name in FINGERS:
        joint, finger = model.joint(name), poses.body(name)
        apart = poses.body_position[:, finger] - poses.body_position[:, hand]
        local = np.einsum("tji,tj->ti", poses.body_rotation[:, hand], apart)
        columns.append((local - model.body_pos[finger]) @ joint.axis)
    return np.column_stack(columns).astype(np.float32)


def hand_actions(poses: Poses) -> Float32[np.ndarray, "t 7"]:
    """What took the hand from each frame to the next; the last frame's moves nothing.

    Three of translation in units of 5 cm, three of rotation (a vector) in units of 0.5 rad, world
    axes; then the gripper: 1 if the fingers are nearer closed than open in the next frame, else -1.
    """
    hand = poses.body("hand")
    position, rotation = poses.body_position[:, hand], poses.body_rotation[:, hand]
    actions = np.zeros((len(poses), 7))
    actions[:-1, :3] = np.diff(position, axis=0) / STEP_M
    turns = rotation[1:] @ rotation[:-1].swapaxes(1, 2)
    actions[:-1, 3:6] = _vectors(turns) / STEP_RAD
    closed = np.where(joint_states(poses)[:, 7:].mean(1) < OPEN / 2, 1.0, -1.0)
    actions[:, 6] = np.append(closed[1:], closed[-1])
    return actions.astype(np.float32)


def _between(
    one: Float[np.ndarray, "t 3 3"], other: Float[np.ndarray, "t 3 3"]
) -> Float[np.ndarray, "t 3 3"]:
    """The second rotation as seen from the first."""
    return one.swapaxes(1, 2) @ other


def _vectors(rotations: Float[np.ndarray, "t 3 3"]) -> Float[np.ndarray, "t 3"]:
    """Rotation vectors."""
    found = np.empty((len(rotations), 3))
    quat = np.empty(4)
    for t, rotation in enumerate(rotations):
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotation).ravel())
        mujoco.mju_quat2Vel(found[t], quat, 1.0)
    return found
