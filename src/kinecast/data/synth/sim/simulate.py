"""Run a setup: where every geom, body and camera is in each frame."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from kinecast.core.errors import UserError
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import CameraPath, Setup


@dataclass(frozen=True, eq=False)
class Poses:
    """Where everything is in each frame (G geoms, B bodies, C cameras).

    Attributes:
        model: the compiled `mujoco.MjModel`; its last C cameras are those of the setup.
        geom_position, geom_rotation: (T, G, 3), (T, G, 3, 3) geom to world.
        body_position, body_rotation: (T, B, 3), (T, B, 3, 3) body to world.
        body_velocity: (T, B, 6) linear m/s and angular rad/s, world axes, of the body's frame.
        camera_position, camera_rotation: (T, C, 3), (T, C, 3, 3) camera to world; a camera looks
            along its -z, its x is right, its y up.
        fovy: (C,) vertical field of view, radians.
        owner: (G,) id of the thing a geom belongs to, 0 for the background.
        collisions: (K, 3) rows (frame, id, id) of two things (0: background) that touched in the
            steps that led to that frame; sorted, each once.
    """

    model: Any
    geom_position: Float[np.ndarray, "t g 3"]
    geom_rotation: Float[np.ndarray, "t g 3 3"]
    body_position: Float[np.ndarray, "t b 3"]
    body_rotation: Float[np.ndarray, "t b 3 3"]
    body_velocity: Float[np.ndarray, "t b 6"]
    camera_position: Float[np.ndarray, "t c 3"]
    camera_rotation: Float[np.ndarray, "t c 3 3"]
    fovy: Float[np.ndarray, " c"]
    owner: Int[np.ndarray, " g"]
    collisions: Int[np.ndarray, "k 3"]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.geom_position)

    def body(self, name: str) -> int:
        """Number of a body by its name."""
        return int(self.model.body(name).id)

    def window(self, start: int, stop: int) -> Self:
        """Frames [start, stop) alone.

        Raises:
            UserError: there are none, or not all of them.
        """
        if not 0 <= start < stop <= len(self):
            raise UserError(
                f"expected a window of one frame or more within {len(self)}, got [{start}, {stop})"
            )
        part = {
            field.name: getattr(self, field.name)[start:stop]
            for field in fields(self)
            if field.name not in ("model", "fovy", "owner", "collisions")
        }
        frame = self.collisions[:, 0]
        touched = self.collisions[(start <= frame) & (frame < stop)] - (start, 0, 0)
        return replace(self, **part, collisions=touched)


def simulate(setup: Setup, frames: int, fps: float) -> Poses:
    """Run the physics; the same setup gives the same poses, bit for bit.

    Frame t shows second t / fps. A frame is a whole number of equal steps, none longer than the
    timestep of `setup.spec`.

    Raises:
        UserError: the world flies apart, or the setup names a body or joint that it does not have.
    """
    model = _compile(setup)
    data = mujoco.MjData(model)
    owner = _owners(setup, model)
    steps = max(1, int(np.ceil(1 / (fps * model.opt.timestep) - 1e-9)))
    model.opt.timestep = 1 / (fps * steps)
    for name, value in setup.positions.items():
        data.qpos[_named(model.joint, name).qposadr[0]] = value
    _settle(setup, model, data)
    _throw(setup, model, data)

    record: list[tuple[np.ndarray, ...]] = []
    touches: list[np.ndarray] = []
    things = len(setup.things) + 1
    for t in range(frames):
        touched = np.zeros((things, things), bool)
        for step in range(steps if t else 0):
            if setup.control is not None:
                setup.control(model, data, (t - 1 + step / steps) / fps)
            mujoco.mj_step(model, data)
            if data.ncon:
                one, other = owner[data.contact.geom].T
                touched[np.minimum(one, other), np.maximum(one, other)] = True
        np.fill_diagonal(touched, False)
        pairs = np.argwhere(touched)
        touches.append(np.column_stack([np.full(len(pairs), t), pairs]))
        record.append(_observe(model, data))
    positions, rotations, bodies, turns, velocities = (
        np.stack(x) for x in zip(*record, strict=True)
    )
    if any(data.warning[kind].number for kind in _DIVERGED) or not np.isfinite(bodies).all():
        raise UserError(
            "the simulated world flew apart; use a smaller timestep or less stiff contacts"
        )
    eyes = [_look(path, model, bodies, turns) for path in setup.cameras]
    return Poses(
        model=model,
        geom_position=positions,
        geom_rotation=rotations,
        body_position=bodies,
        body_rotation=turns,
        body_velocity=velocities,
        camera_position=np.stack([position for position, _ in eyes], axis=1),
        camera_rotation=np.stack([rotation for _, rotation in eyes], axis=1),
        fovy=np.array([path.fovy for path in setup.cameras]),
        owner=owner,
        collisions=np.concatenate(touches),
    )


_DIVERGED = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


def _compile(setup: Setup) -> Any:
    """The model, with a camera for each path."""
    spec = setup.spec.copy()
    for path in setup.cameras:
        spec.worldbody.add_camera(name=f"view {path.name}", fovy=np.degrees(path.fovy))
    return spec.compile()


def _owners(setup: Setup, model: Any) -> np.ndarray:
    """(G,) id of the thing of each geom: of its body, or of the nearest body above it."""
    of_body = np.zeros(model.nbody, np.int64)
    for i, thing in enumerate(setup.things):
        for name in thing.bodies:
            of_body[_named(model.body, name).id] = i + 1
    for body in range(1, model.nbody):  # parents come before children
        of_body[body] = of_body[body] or of_body[model.body_parentid[body]]
    return of_body[model.geom_bodyid]


def _settle(setup: Setup, model: Any, data: Any) -> None:
    steps = int(np.ceil(setup.settle / model.opt.timestep))
    for step in range(steps):
        if setup.control is not None:
            setup.control(model, data, (step - steps) * model.opt.timestep)
        mujoco.mj_step(model, data)


def _throw(setup: Setup, model: Any, data: Any) -> None:
    """Set the velocities of bodies with a free joint."""
    mujoco.mj_kinematics(model, data)
    for name, velocity in setup.velocities.items():
        body = _named(model.body, name)
        joint = int(body.jntadr[0])
        if joint < 0 or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
            raise UserError(f"expected a body with a free joint to throw, got {name!r}")
        at = model.jnt_dofadr[joint]
        data.qvel[at : at + 3] = velocity[:3]
        turned = data.xmat[body.id].reshape(3, 3).T @ velocity[3:]  # MuJoCo: in the body's axes
        data.qvel[at + 3 : at + 6] = turned


def _observe(model: Any, data: Any) -> tuple[np.ndarray, ...]:
    mujoco.mj_kinematics(model, data)  # after a step the poses are those before it
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    velocity = np.zeros((model.nbody, 6))
    kind = mujoco.mjtObj.mjOBJ_XBODY
    for body in range(model.nbody):
        mujoco.mj_objectVelocity(model, data, kind, body, velocity[body], 0)
    return (
        data.geom_xpos.copy(),
        data.geom_xmat.reshape(-1, 3, 3).copy(),
        data.xpos.copy(),
        data.xmat.reshape(-1, 3, 3).copy(),
        velocity[:, [3, 4, 5, 0, 1, 2]],  # MuJoCo has the angular part first
    )


def _look(
    path: CameraPath, model: Any, bodies: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Position (T, 3) and rotation (T, 3, 3), camera to world, of a path."""
    frames = len(bodies)
    position, target, up = (
        np.broadcast_to(np.asarray(x, float), (frames, 3))
        for x in (path.position, path.target, path.up)
    )
    back = _unit(position - target)
    right = _unit(np.cross(up, back))
    rotation = np.stack([right, np.cross(back, right), back], axis=-1)
    if path.mount is None:
        return position.copy(), rotation
    body = _named(model.body, path.mount).id
    turn = turns[:, body]
    return bodies[:, body] + np.einsum("tij,tj->ti", turn, position), turn @ rotation


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _named(find: Any, name: str) -> Any:
    try:
        return find(name)
    except KeyError as error:
        raise UserError(f"expected a body or joint of the world, got {name!r}") from error
