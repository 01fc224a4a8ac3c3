"""Windows of recorded demonstrations, in LIBERO's layout and in ATM's."""

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.train.demos import DemoClips, read_demos
from kinecast.train.recipe import ImageData, with_words
from kinecast.train.recipes import build, recipe_of
from kinecast.train.zipmo_policy import PolicyStage

h5py = pytest.importorskip("h5py", reason="needs the extra data")
W, H, STEPS = 12, 10, 5
DATA = ImageData(size=(64, 48), views=2, encoder="", text_encoder="words", reuse=1, validation=4)


def frames(demo, view):
    """Each frame of one level, brighter at the top."""
    levels = 10 * demo + 100 * view + np.arange(STEPS)
    picture = np.zeros((STEPS, H, W, 3), np.uint8) + levels[:, None, None, None].astype(np.uint8)
    picture[:, 0] += 50
    return picture


def robot(demo):
    actions = np.arange(STEPS)[:, None] + np.zeros(7) + 10 * demo
    return actions, {"joint_states": actions / 2, "gripper_states": actions[:, :2] / 4}


def libero(folder, demos):
    path = folder / "suite" / "KITCHEN_SCENE1_put_it_there_demo.hdf5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        for i in range(demos):
            actions, states = robot(i)
            demo = file.create_group(f"data/demo_{i}")
            demo["actions"] = actions
            for name, value in states.items():
                demo[f"obs/{name}"] = value
            for view, name in enumerate(("agentview", "eye_in_hand")):
                demo[f"obs/{name}_rgb"] = frames(i, view)[:, ::-1]
    return folder


def atm(folder, demos):
    for i in range(demos):
        path = folder / "suite" / "put_it_there_demo" / f"demo_{i}.hdf5"
        path.parent.mkdir(parents=True, exist_ok=True)
        actions, states = robot(i)
        with h5py.File(path, "w") as file:
            file["root/actions"] = actions
            for name, value in states.items():
                file[f"root/extra_states/{name}"] = value
            for view, name in enumerate(("agentview", "eye_in_hand")):
                file[f"root/{name}/video"] = frames(i, view).transpose(0, 3, 1, 2)[None]
                file[f"root/{name}/tracks"] = np.full((1, STEPS, 3, 2), 0.5, np.float32)
                file[f"root/{name}/vis"] = np.ones((1, STEPS, 3), np.float32)
    return folder


@pytest.mark.parametrize("layout", [libero, atm])
def test_both_layouts_give_the_same_windows(tmp_path, layout):
    folder = layout(tmp_path, 3)
    demos = list(read_demos(folder))
    assert [demo.text for demo in demos] == ["put it there"] * 3
    clips = DemoClips(folder, DATA, horizon=4, seed=0)
    assert clips.clips_of_one_size == 2 * STEPS
    all_of_them = clips.take(0, torch.arange(2 * STEPS)).actions[:, 0, 0].tolist()
    assert all_of_them != sorted(all_of_them) == [*range(STEPS), *range(10, 10 + STEPS)]
    item = clips.take(0, torch.tensor([all_of_them.index(3)]))
    assert item.pixels.shape == (1, 2, 48, 64, 3)
    assert item.pixels[0, 0, 0, 0, 0] > item.pixels[0, 0, -1, 0, 0]  # upright
    assert item.steps.tolist() == [3]
    assert item.actions[0, :, 0].tolist() == [3, 4, 4, 4]  # the last one is held
    assert item.states[0, 0].tolist() == [1.5] * 7 + [0.75] * 2
    assert item.text.shape == (1, 1, 256)
    assert item.pixels[0, :, -1, 0, 0].tolist() == [3, 103]


def test_a_demonstration_is_held_out_and_steps_decide_the_rest(tmp_path):
    clips = DemoClips(libero(tmp_path, 3), DATA, horizon=4, seed=0)
    held = torch.cat([item.actions[:, 0, 0] for item in clips.validation(2)])
    seen = torch.cat([clips.batch(step, 5, 9).actions[:, 0, 0] for step in range(2)])
    assert len(seen.unique()) == 10
    assert not set(held.tolist()) & set(seen.tolist())
    assert len(held) == 4
    assert torch.equal(clips.batch(1, 5, 9).pixels, clips.batch(1, 5, 9).pixels)
    assert not torch.equal(clips.batch(1, 5, 9).steps, clips.batch(3, 5, 9).steps)
    with pytest.raises(UserError, match="batch of at most 10"):
        clips.batch(0, 11)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.demos=nowhere",), "expected data.demos as a folder of .* got nowhere"),
        (("data.demos={}", "policy.batch=64"), r"batch of at most 5 \(all windows\), got 64"),
        (("data.families=layers-panned",), "robot with its actions .* got layers-panned"),
        (("data.frames=4",), r"data.frames of at least model.policy.horizon=6, got 4"),
        (("data.views=1",), "expected data.views=2"),
        (("data.text_encoder=",), "expected data.text_encoder of words, bert"),
    ],
)
def test_what_a_policy_cannot_learn_from_is_told_before_its_planner_is_trained(
    tmp_path, words, message
):
    folder = libero(tmp_path / "demos", 2)
    recipe = with_words(recipe_of("zipmo-policy", "tiny"), [word.format(folder) for word in words])
    with pytest.raises(UserError, match=message):
        build(recipe, None, torch.device("cpu"))


def test_a_policy_is_trained_on_the_recordings_it_is_given(tmp_path):
    words = [f"data.demos={libero(tmp_path, 3)}"]
    plan = build(with_words(recipe_of("zipmo-policy", "tiny"), words), None, torch.device("cpu"))
    seen = plan.stage("policy").batch(0).actions[:, 0, 0].tolist()
    assert set(seen) <= {*range(STEPS), *range(10, 10 + STEPS)}


def test_the_mean_actions_are_those_of_all_recordings(tmp_path, monkeypatch):
    monkeypatch.setattr("kinecast.train.zipmo_policy.MEAN_CLIPS", 60)
    words = [f"data.demos={libero(tmp_path, 30)}"]
    plan = build(with_words(recipe_of("zipmo-policy", "tiny"), words), None, torch.device("cpu"))
    mean = plan.stage("policy")._mean_actions()[0, 0].item()
    of_all = 2 + 10 * sum(i for i in range(30) if i % 10 != 9) / 27
    assert mean == pytest.approx(of_all, abs=25)  # the first 60 windows of 12 episodes: 57


def test_a_policy_learns_from_them(tmp_path):
    recipe = recipe_of("zipmo-policy", "tiny")
    plan = build(recipe, None, torch.device("cpu"))
    clips = DemoClips(libero(tmp_path, 3), recipe.data, recipe.model.policy.horizon, 0)
    plan.system.requires_grad_(False)
    cpu = torch.device("cpu")
    stage = PolicyStage(plan.system, clips, recipe.stages["policy"], recipe.model, cpu)
    loss, _ = stage.loss(stage.batch(0), torch.Generator().manual_seed(0))
    loss.backward()
    assert loss > 0
    assert all(p.grad is not None for p in plan.system.policy.layers.parameters())


def test_one_demonstration_is_too_few(tmp_path):
    with pytest.raises(UserError, match="at least 2 demonstrations"):
        DemoClips(libero(tmp_path, 1), DATA, horizon=4, seed=0)
