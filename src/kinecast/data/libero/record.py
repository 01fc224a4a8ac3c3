"""Demonstrations of the oracle in LIBERO's own layout: one hdf5 file a task.

`data/demo_<i>/` holds actions (T, 7), dones and rewards (1 at the last step), robot_states (T, 9),
states (T, D) and obs/ with the two views (T, H, W, 3), ee_pos, ee_ori, ee_states, gripper_states
and joint_states. Everything at step t is what was the case before action t. As in LIBERO, frames
are stored bottom row first.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.data.libero import oracle
from kinecast.data.libero.benchmark import Task, library
from kinecast.data.libero.environment import CAMERAS, FPS, SIZE, Environment, Observation
from kinecast.data.libero.goals import parse_goals, placements
from kinecast.data.libero.hand import rotation_vector
from kinecast.io.atomic import atomic_path

Report = Callable[["Episode"], None]


@dataclass(frozen=True, eq=False)
class Episode:
    """What the oracle did from one initial state.

    Attributes:
        initial_state: its number.
        success: whether the goal held at the end.
        actions: (T, 7).
        states: (T, D), the simulator's state before each action.
        observations: T, without pictures.
    """

    initial_state: int
    success: bool
    actions: Float64[np.ndarray, "t 7"]
    states: Float64[np.ndarray, "t d"]
    observations: tuple[Observation, ...]


def play(environment: Environment, initial_state: int) -> Episode:
    """Let the oracle act from an initial state to its end.

    Raises:
        UserError: the task is not one of picking and placing, or has no such initial state.
    """
    goals = placements(parse_goals(environment.task.bddl.read_text("utf-8")))
    observation = environment.reset(initial_state, pictures=False)
    actions, states, observations = [], [], []
    for action in oracle.solve(environment, goals):
        actions.append(action)
        states.append(environment.state())
        observations.append(observation)
        observation = environment.step(action, pictures=False)
    return Episode(
        initial_state,
        observation.success and bool(actions),
        np.array(actions).reshape(-1, 7),
        np.array(states).reshape(len(states), -1),
        tuple(observations),
    )


def record(
    path: Path,
    task: Task,
    demonstrations: int,
    size: Size = SIZE,
    report: Report = lambda episode: None,
) -> int:
    """Write demonstrations from the initial states in order, those that fail left out.

    Steps are simulated without pictures; the states of a success are then drawn.

    Args:
        path: the .hdf5 file; it appears whole or not at all.
        task: what to solve.
        demonstrations: how many are wanted.
        size: (W, H) of the frames.
        report: called with each episode, failures too.

    Returns:
        How many were written: fewer than wanted if the initial states ran out.

    Raises:
        MissingExtraError: LIBERO or h5py is not installed.
        UserError: a task that the oracle does not know, no success at all, or no GL library.
    """
    h5py = optional("h5py", "libero")
    placements(parse_goals(task.bddl.read_text("utf-8")))  # refuse before the simulator is built
    with (
        Environment(task, size) as environment,
        atomic_path(path) as temporary,
        h5py.File(temporary, "w") as file,
    ):
        data = file.create_group("data")
        written = total = 0
        for episode in _episodes(environment):
            report(episode)
            if episode.success:
                demo = data.create_group(f"demo_{written}")
                _write_demo(demo, environment, episode)
                written, total = written + 1, total + len(episode.actions)
            if written == demonstrations:
                break
        if not written:
            raise UserError(f"the oracle solved {task.suite}/{task.name} from no initial state")
        _write_attributes(data, task, size, written, total)
    return written


def _episodes(environment: Environment) -> Iterator[Episode]:
    return (play(environment, state) for state in range(environment.initial_states))


def _write_demo(demo: Any, environment: Environment, episode: Episode) -> None:
    T = len(episode.actions)
    last = np.zeros(T, np.uint8)
    last[-1] = 1
    seen = episode.observations
    fingers = np.stack([o.fingers for o in seen])
    position = np.stack([o.hand for o in seen])
    quaternion = np.stack([o.hand_quaternion for o in seen])
    orientation = np.stack([rotation_vector(_matrix(q)) for q in quaternion])
    demo["actions"] = episode.actions
    demo["dones"] = demo["rewards"] = last
    demo["robot_states"] = np.concatenate([fingers, position, quaternion], axis=1)
    demo["states"] = episode.states
    obs = demo.create_group("obs")
    obs["ee_pos"], obs["ee_ori"] = position, orientation
    obs["ee_states"] = np.concatenate([position, orientation], axis=1)
    obs["gripper_states"] = fingers
    obs["joint_states"] = np.stack([o.joints for o in seen])
    views = _film(environment, episode.states)
    for view, frames in views.items():
        obs.create_dataset(
            f"{view}_rgb", data=frames[:, ::-1], chunks=(1, *frames.shape[1:]), compression="gzip"
        )
    demo.attrs["num_samples"] = T
    demo.attrs["init_state"] = episode.states[0]
    demo.attrs["model_file"] = environment.model_xml()


def _film(
    environment: Environment, states: Float64[np.ndarray, "t d"]
) -> dict[str, UInt8[np.ndarray, "t h w 3"]]:
    """Both views of every state, upright."""
    drawn = []
    for state in states:
        environment.restore(state)
        drawn.append(environment.draw())
    return {view: np.stack([frames[view] for frames in drawn]) for view in CAMERAS}


def _write_attributes(data: Any, task: Task, size: Size, demos: int, total: int) -> None:
    parse = library("libero.libero.envs.bddl_utils").get_problem_info
    problem = parse(str(task.bddl))
    bddl = f"{task.suite}/{task.bddl.name}"
    settings = {
        "robots": ["Panda"], "controller": "OSC_POSE", "control_freq": int(FPS),
        "camera_names": list(CAMERAS.values()), "camera_widths": size[0],
        "camera_heights": size[1], "use_camera_obs": True, "has_offscreen_renderer": True,
    }  # fmt: skip
    arguments = {
        "type": 1, "env_name": problem["problem_name"], "problem_name": problem["problem_name"],
        "bddl_file": bddl, "env_kwargs": settings,
    }  # fmt: skip
    data.attrs["tag"] = "libero-v1"
    data.attrs["env_name"] = problem["problem_name"]
    data.attrs["env_args"] = json.dumps(arguments)
    data.attrs["problem_info"] = json.dumps(problem)
    data.attrs["bddl_file_name"] = bddl
    data.attrs["bddl_file_content"] = task.bddl.read_text("utf-8")
    data.attrs["macros_image_convention"] = "opengl"
    data.attrs["num_demos"], data.attrs["total"] = demos, total


def _matrix(quaternion: Float64[np.ndarray, " 4"]) -> Float64[np.ndarray, "3 3"]:
    """The rotation of a unit quaternion (x, y, z, w)."""
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
