"""Rollouts of a policy, in a world that stands in for the simulator."""

from pathlib import Path

import image_models
import numpy as np
import pytest

from kinecast.bench import rollouts
from kinecast.bench.contestants.model import model
from kinecast.bench.contestants.trivial import trivial
from kinecast.bench.report.estimate import rate
from kinecast.bench.suites import libero, suite
from kinecast.core.errors import MissingExtraError, UserError
from kinecast.data.libero import benchmark
from kinecast.data.libero.benchmark import Task
from kinecast.data.libero.environment import REST, Observation
from kinecast.forecast.load import load

TASK = Task("libero_object", "lift_the_soup", 3, "lift the soup", Path("t.bddl"), Path("t.init"))


def observation(level=0, success=False):
    view = np.full((128, 128, 3), level % 256, np.uint8)
    still = np.zeros(3)
    return Observation(
        views={"agentview": view, "eye_in_hand": 255 - view},
        joints=np.linspace(0, 1, 7) + level, fingers=np.zeros(2), hand=still,
        hand_quaternion=np.zeros(4), success=success,
    )  # fmt: skip


class World:
    """Counts what is done in it; the goal holds after so many steps."""

    def __init__(self, task=TASK, goal=None):
        self.task, self.goal, self.actions, self.pictures = task, goal, [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def reset(self, state, *, pictures):
        self.state, self.actions = state, []
        return self._seen(pictures)

    def step(self, action, *, pictures):
        assert action.shape == (7,)
        assert (np.abs(action) <= 1).all()
        self.actions.append(action)
        return self._seen(pictures)

    def _seen(self, pictures):
        self.pictures.append(pictures)
        done = self.goal is not None and len(self.actions) >= self.goal
        return observation(10 * len(self.actions) + self.state, done)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return image_models.zipmo_policy(tmp_path_factory.mktemp("models") / "policy")


@pytest.mark.parametrize(
    ("goal", "steps", "success"), [(None, 5, False), (3, 3, True), (0, 0, True)]
)
def test_an_episode_ends_when_the_goal_holds_or_time_is_up(goal, steps, success):
    world = World(goal=goal)
    episode = rollouts.play(world, rollouts.Resting(), state=2, horizon=5)
    assert (episode.steps, episode.success) == (steps, success)
    assert world.state == 2
    assert all((action == REST).all() for action in world.actions)
    assert not any(world.pictures)  # who does not look needs no pictures


def test_a_policys_actions_depend_on_what_it_sees_and_on_the_seed(policy):
    forecaster = load(policy)

    def actions(seed, state=0, text="lift the soup"):
        world = World()
        rollouts.play(world, rollouts.Policy(forecaster, text, seed), state, horizon=3)
        assert all(world.pictures)
        return np.stack(world.actions)

    first = actions(42)
    np.testing.assert_array_equal(actions(42), first)  # nothing is left of the episode before
    assert (actions(43) != first).any()
    assert (actions(42, state=90) != first).any()
    assert (actions(42, text="close the drawer") != first).any()


def test_what_is_no_policy_does_not_act(policy, tmp_path):
    planner = image_models.zipmo(tmp_path / "planner")
    case = rollouts.case(TASK, 0, 9)
    assert rollouts.refuses(model(policy, "cpu"), case) is None
    assert rollouts.refuses(trivial("constant_position", "cpu"), case) is None
    for other in (model(planner, "cpu"), trivial("constant_velocity", "cpu")):
        assert "no policy" in rollouts.refuses(other, case)
    with pytest.raises(UserError, match="no policy"):
        rollouts.Policy(load(planner), "lift", 0)


def test_a_case_is_measured_in_its_own_initial_state(policy, monkeypatch):
    world = World(goal=2)
    monkeypatch.setattr(rollouts, "task", lambda name, number: (name, number))
    monkeypatch.setattr(rollouts, "Environment", lambda task: setattr(world, "of", task) or world)
    case = rollouts.case(TASK, 11, 5)
    found = rollouts.measure(model(policy, "cpu"), case, libero.PROTOCOL)
    assert found.scalars == {"success": 1, "steps": 2}
    assert set(found.cost) == {"seconds", "cpu_seconds", "policy_seconds"}
    assert (world.state, world.of) == (11, ("libero_object", "3"))
    still = rollouts.measure(trivial("constant_position", "cpu"), case, libero.PROTOCOL)
    assert still.scalars == {"success": 1, "steps": 2}


def test_seeds_are_those_of_ten_environments_side_by_side():
    assert [rollouts.seed_of(i) for i in (0, 1, 9, 10, 11)] == [42, 100042, 900042, 43, 100043]
    case = rollouts.case(TASK, 11, 600)
    assert case.about["seed"] == 100043
    assert (case.horizon, case.truth.count, case.text) == (600, 0, "lift the soup")


def test_the_sizes_of_the_suite(monkeypatch):
    def tasks(name):
        return tuple(Task(name, f"t{i}", i, "do it", Path("b"), Path("s")) for i in range(3))

    monkeypatch.setattr(libero, "tasks", tasks)
    found = suite("libero")
    assert found.sizes == ("mini", "spatial", "object", "goal", "10", "90", "full")
    mini = list(found.cases("mini"))
    assert [(c.group, c.about["number"], c.horizon) for c in mini] == [("libero_object", 0, 24)] * 2
    assert [c.about["initial_state"] for c in mini] == [0, 1]
    spatial = list(found.cases("spatial"))
    assert len(spatial) == 3 * 10
    assert {(c.group, c.horizon) for c in spatial} == {("libero_spatial", 600)}
    lots = found.lots("full", None)
    assert len(lots) == len({lot.name for lot in lots}) == 5 * 3 * 10
    facts = found.facts(mini[0], found.protocol)
    assert (facts.id, facts.scene, facts.horizon) == (mini[0].id, "libero_object/t0", 24)


def test_without_the_extra_the_message_names_it(monkeypatch):
    def missing(name):
        raise benchmark.PackageNotFoundError(name)

    monkeypatch.setattr(benchmark, "version", missing)
    benchmark.tasks.cache_clear()
    with pytest.raises(MissingExtraError, match=r"kinecast\[libero\]"):
        next(suite("libero").cases("mini"))


def test_a_success_rate_in_a_report_has_a_wilson_interval():
    found = rate([1.0, 0.0, 0.0, 0.0])
    assert (found.mean, found.cases) == (0.25, 4)
    assert found.low == pytest.approx(0.0456, abs=1e-4)
    with pytest.raises(UserError, match="successes of 0 or 1"):
        rate([0.5])
