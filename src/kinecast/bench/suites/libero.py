"""`libero`: success rates of policies by rollouts in LIBERO's simulator.

Source: ZipMo (arXiv 2604.11737), section 4 (robotics) and the released evaluation.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kinecast.bench import rollouts
from kinecast.bench.case import Case
from kinecast.bench.suite import Lot, Suite
from kinecast.data.libero.benchmark import STANDARD, Task, tasks

HORIZON, ROLLOUTS = 600, 10
MINI_HORIZON, MINI_ROLLOUTS, MINI_SUITE, MINI_TASK = 24, 2, "libero_object", 0
PROTOCOL = {
    "k": 1,
    "seed": rollouts.SEED,
    "seconds": [],
    "queries": "none: judged is whether the task's goal comes to hold",
    "resolution": "128x128, agentview and eye_in_hand",
    "frames": f"{HORIZON} steps at most, at 20 a second (mini: {MINI_HORIZON})",
    "stride": 1,
    "rollouts": f"{ROLLOUTS} a task (mini: {MINI_ROLLOUTS}), from its initial states 0, 1, ..., "
    "each after 5 steps of rest",
    "seeds": "42 + (episode mod 10) * 100,000 + episode div 10, on the CPU",
    "policy": "10 Euler steps of the planner a step; temporal average of 16 predictions, 0.99 a "
    "step of age, action (-i) mod 16 of the i-th, as published",
    "tracker": "none",
}


def suite() -> Suite:
    """Version 1."""
    return Suite(
        name="libero",
        version=1,
        about="success rate of a policy's rollouts in the simulator",
        protocol=PROTOCOL,
        lots=_lots,
        sizes=("mini", *(name.removeprefix("libero_") for name in STANDARD), "full"),
        measure=rollouts.measure,
        facts=rollouts.facts,
        refuses=rollouts.refuses,
    )


def _lots(size: str, data: Path | None) -> list[Lot]:
    """One a rollout: it takes minutes.

    Raises:
        MissingExtraError: LIBERO is not installed.
    """
    if size == "mini":
        listed = [tasks(MINI_SUITE)[MINI_TASK]]
    else:
        names = STANDARD if size == "full" else [f"libero_{size}"]
        listed = [task for name in names for task in tasks(name)]
    count, horizon = (MINI_ROLLOUTS, MINI_HORIZON) if size == "mini" else (ROLLOUTS, HORIZON)
    return [_lot(task, episode, horizon) for task in listed for episode in range(count)]


def _lot(task: Task, episode: int, horizon: int) -> Lot:
    return Lot(f"{task.suite}-{task.index:02}-{episode:02}", partial(_case, task, episode, horizon))


def _case(task: Task, episode: int, horizon: int) -> Iterator[Case]:
    yield rollouts.case(task, episode, horizon)
