"""One LIBERO task as an environment: reset to an initial state, act, see two views.

A step is 1/20 s. Actions are those of LIBERO: seven numbers in [-1, 1], namely a displacement of
the hand (1 is 5 cm along the world's x, y, z), a turn of it (rotation vector, 1 is 0.5 rad) and the
gripper (1 closes, -1 opens). The simulator draws pictures bottom row first; they are turned upright
here, once, and are upright everywhere else in this package.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, UInt8

from kinecast.core.coords import Size, check_size
from kinecast.core.errors import UserError
from kinecast.data.libero.benchmark import Task, library, quiet
from kinecast.data.libero.hand import ACTION, Hand
from kinecast.data.libero.relief import Relief

CAMERAS = {"agentview": "agentview", "eye_in_hand": "robot0_eye_in_hand"}  # view -> camera
SIZE: Size = (128, 128)  # of LIBERO's demonstrations
FPS = 20.0
REST = np.array([0, 0, 0, 0, 0, 0, -1.0])  # stay, gripper open
_FIXTURES = 0  # LIBERO's seed
_SETTLE = 5  # steps of rest after a reset, in which things come to lie
_COLLISION, _HIDDEN = 0, 5  # groups of geoms: robosuite's, and one that rays do not see


@dataclass(frozen=True, eq=False)
class Observation:
    """What a policy may know.

    Attributes:
        views: name of the view -> upright RGB frame; empty if no pictures were asked for.
        joints: angles of the arm, radians.
        fingers: positions of the two fingers, metres.
        hand: position of the hand, metres, in the world's frame.
        hand_quaternion: its orientation, (x, y, z, w).
        success: whether the goal of the task holds.
    """

    views: Mapping[str, UInt8[np.ndarray, "h w 3"]]
    joints: Float64[np.ndarray, " 7"]
    fingers: Float64[np.ndarray, " 2"]
    hand: Float64[np.ndarray, " 3"]
    hand_quaternion: Float64[np.ndarray, " 4"]
    success: bool

    @property
    def proprioception(self) -> Float64[np.ndarray, " 9"]:
        """Joints, then fingers: what ZipMo's policy takes."""
        return np.concatenate([self.joints, self.fingers])


class Environment:
    """A task in the simulator. Use as a context manager, or `close` it.

    Args:
        task: of `benchmark.tasks`.
        size: (W, H) of the pictures.

    Raises:
        MissingExtraError: LIBERO is not installed.
        UserError: no GL library for pictures.
    """

    def __init__(self, task: Task, size: Size = SIZE) -> None:
        self.task, self.size = task, check_size(size)
        self._states = task.states()
        make = library("libero.libero.envs.env_wrapper").ControlEnv
        with quiet():
            self._env = make(
                bddl_file_name=str(task.bddl),
                use_camera_obs=False,  # pictures are drawn when they are asked for
                has_renderer=False,
                has_offscreen_renderer=True,
                hard_reset=False,
                ignore_done=True,
                camera_names=list(CAMERAS.values()),
                camera_widths=self.size[0],
                camera_heights=self.size[1],
            )

    def __enter__(self) -> "Environment":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the simulator and its GL context."""
        self._env.close()

    @property
    def language(self) -> str:
        """The instruction."""
        return self.task.language

    @property
    def initial_states(self) -> int:
        """How many initial states the task has."""
        return len(self._states)

    def reset(self, state: int = 0, *, pictures: bool = True) -> Observation:
        """Start from an initial state and rest until things lie still.

        A state says where things are, but not where fixtures are: LIBERO draws that from NumPy's
        global generator, which this seeds, so that the same state is always the same scene.

        Args:
            state: number of the initial state.
            pictures: whether the observation has views; without, it is many times faster.

        Raises:
            UserError: the task has no initial state of that number.
        """
        if not 0 <= state < len(self._states):
            raise UserError(
                f"expected an initial state from 0 to {len(self._states) - 1}, got {state}"
            )
        with quiet():
            self._env.seed(_FIXTURES)
            self._env.reset()
        self.restore(self._states[state])
        for _ in range(_SETTLE):
            self._env.step(REST)
        return self.observe(pictures=pictures)

    def step(self, action: Float[np.ndarray, " 7"], *, pictures: bool = True) -> Observation:
        """Act for 1/20 s.

        Raises:
            UserError: not seven finite numbers in [-1, 1].
        """
        action = np.asarray(action, np.float64)
        if action.shape != (ACTION,) or not (np.abs(action) <= 1).all():
            raise UserError(
                f"expected an action of {ACTION} numbers in [-1, 1], got {action.tolist()}"
            )
        self._env.step(action)
        return self.observe(pictures=pictures)

    def observe(self, *, pictures: bool = True) -> Observation:
        """What is the case now."""
        # robosuite keeps the observations of the last step, whatever state is set since
        raw = self._env.env._get_observations(force_update=True)
        return Observation(
            views=self.draw() if pictures else {},
            joints=np.array(raw["robot0_joint_pos"], np.float64),
            fingers=np.array(raw["robot0_gripper_qpos"], np.float64),
            hand=np.array(raw["robot0_eef_pos"], np.float64),
            hand_quaternion=np.array(raw["robot0_eef_quat"], np.float64),
            success=bool(self._env.check_success()),
        )

    def draw(self) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Both views, upright."""
        W, H = self.size
        frames = {
            view: self._env.sim.render(camera_name=camera, width=W, height=H)
            for view, camera in CAMERAS.items()
        }
        return {view: np.ascontiguousarray(frame[::-1]) for view, frame in frames.items()}

    def state(self) -> Float64[np.ndarray, " d"]:
        """The simulator's state: time, positions, velocities."""
        return np.array(self._env.get_sim_state(), np.float64)

    def restore(self, state: Float64[np.ndarray, " d"]) -> None:
        """Set the simulator's state."""
        self._env.set_state(state)
        self._env.sim.forward()

    def model_xml(self) -> str:
        """The scene as MuJoCo's XML."""
        return str(self._env.sim.model.get_xml())

    # what the oracle may know besides

    def hand(self) -> Hand:
        """Pose of the point between the fingertips, and how far apart they are."""
        site = self._data.site("gripper0_grip_site")
        fingers = self.fingers()
        return Hand(site.xpos.copy(), site.xmat.reshape(3, 3).copy(), float(np.abs(fingers).sum()))

    def base(self) -> Float64[np.ndarray, " 2"]:
        """The arm's foot, xy."""
        return self._data.body("robot0_base").xpos[:2].copy()

    def fingers(self) -> Float64[np.ndarray, " 2"]:
        """Positions of the two fingers, metres."""
        joints = ("gripper0_finger_joint1", "gripper0_finger_joint2")
        return np.array([float(self._data.joint(joint).qpos[0]) for joint in joints])

    def position(self, name: str) -> Float64[np.ndarray, " 3"]:
        """Where an object, a fixture or a region is: the point that goals are about.

        Raises:
            UserError: the scene has none of that name.
        """
        bodies = self._env.env.obj_body_id
        if name in bodies:
            return self._data.xpos[bodies[name]].copy()
        if name in self._env.env.object_sites_dict:
            return self._data.site(name).xpos.copy()
        raise UserError(f"expected a thing or region of {self.task.name}, got {name!r}")

    def bounds(self, name: str) -> Float64[np.ndarray, "2 3"]:
        """Lowest and highest corner of the box around an object, in the world's frame."""
        model, data = self._model, self._data
        boxes = []
        for geom in self._geoms(name):
            turn = data.geom_xmat[geom].reshape(3, 3)
            centre = data.geom_xpos[geom] + turn @ model.geom_aabb[geom, :3]
            half = np.abs(turn) @ model.geom_aabb[geom, 3:]
            boxes.append((centre - half, centre + half))
        lows, highs = zip(*boxes, strict=True)
        return np.stack([np.min(lows, axis=0), np.max(highs, axis=0)])

    def relief(
        self,
        centre: Float64[np.ndarray, " 2"],
        half: float,
        cell: float,
        own: str | None = None,
        without: str | None = None,
    ) -> Relief:
        """Heights over a square patch, the robot taken away.

        Args:
            centre: xy of the patch.
            half: half its side, metres.
            cell: metres between cells.
            own: the object whose cells are marked.
            without: an object to take away as well.
        """
        mujoco = library("mujoco")
        model, data = self._model, self._data
        count = 2 * round(half / cell) + 1
        origin = (centre[0] - half, centre[1] - half)
        height = np.full((count, count), -np.inf)
        owner = np.full((count, count), -1)
        seen = np.zeros(6, np.uint8)
        seen[_COLLISION] = 1
        top = float(data.geom_xpos[:, 2].max()) + 1.0
        hit, down = np.zeros(1, np.int32), np.array([0.0, 0.0, -1.0])
        with self._hidden(without):
            for i in range(count):
                for j in range(count):
                    start = np.array([origin[0] + cell * i, origin[1] + cell * j, top])
                    depth = mujoco.mj_ray(model, data, start, down, seen, 1, -1, hit)
                    if hit[0] >= 0:
                        height[i, j], owner[i, j] = top - depth, hit[0]
        marked = np.isin(owner, self._geoms(own)) if own else np.zeros_like(owner, bool)
        return Relief(origin, cell, height, marked)

    @property
    def _model(self) -> Any:
        return self._env.sim.model._model

    @property
    def _data(self) -> Any:
        return self._env.sim.data._data

    def _geoms(self, name: str) -> np.ndarray:
        """The geoms of an object that collide."""
        model = self._model
        root = self._env.env.obj_body_id[name]
        below = np.array([root in _ancestors(model, body) for body in range(model.nbody)])
        return np.flatnonzero(below[model.geom_bodyid] & (model.geom_group == _COLLISION))

    @contextlib.contextmanager
    def _hidden(self, name: str | None) -> Iterator[None]:
        """Rays go through the robot, and through an object."""
        model = self._model
        roots = {"robot0_base", "gripper0_right_gripper", "mount0_base"}
        hidden = [
            geom
            for geom in range(model.ngeom)
            if roots & {model.body(b).name for b in _ancestors(model, model.geom_bodyid[geom])}
        ]
        if name is not None:
            hidden.extend(self._geoms(name))
        groups, opacity = model.geom_group.copy(), model.geom_rgba[:, 3].copy()
        model.geom_group[hidden] = _HIDDEN
        model.geom_rgba[:, 3] = 1.0  # rays go through what is fully transparent
        try:
            yield
        finally:
            model.geom_group[:], model.geom_rgba[:, 3] = groups, opacity


def _ancestors(model: Any, body: int) -> set[int]:
    """A body and all that it hangs on, without the world."""
    found = set()
    while body:
        found.add(int(body))
        body = model.body_parentid[body]
    return found
