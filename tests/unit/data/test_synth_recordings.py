"""Recorded motion: the documented layout, made here, and what is done with it."""

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.synth import generate
from kinecast.data.synth.families.skeletons import upright
from kinecast.data.synth.recordings import load

CPU = torch.device("cpu")
SIZE = (320, 192)
OPTIONS = {"seed": 2, "n": 6, "frames": 20, "size": SIZE, "grid": Grid(6, 10, 32.0, (16.0, 16.0))}
STARTS = np.array([0, 80, 200])


def paths(d, scale):
    t = np.arange(200, dtype=np.float32)
    return (scale * np.stack([np.cos(0.05 * t + 1.3 * i) for i in range(d)], -1)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """A tiny folder in the layout of docs/worlds.md."""
    spread = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32) * 0.4
    joints = paths(3, 0.5)[:, None] + spread
    skeleton = {"parents": np.array([-1, 0, 1, 2, 0]), "fps": np.float32(60), "starts": STARTS}
    np.savez(tmp_path / "mocap_human_tiny.npz", joints=joints, **skeleton)
    np.savez(tmp_path / "mocap_hand_tiny.npz", joints=0.1 * joints, **skeleton)
    angle = np.linspace(0, 1, 200)
    zero = np.zeros(200)
    turn = np.stack([zero, zero, np.sin(angle / 2), np.cos(angle / 2)], -1)
    pose = np.concatenate([paths(3, 0.3), turn], -1).astype(np.float32)
    np.savez(tmp_path / "cameras_tiny.npz", pose=pose, fps=np.float32(30), starts=STARTS)
    fps = np.array([10, 1000], np.float32)
    np.savez(tmp_path / "paths_pedestrian_tiny.npz", points=paths(2, 3), fps=fps, starts=STARTS)
    np.savez(tmp_path / "paths_hands_tiny.npz", points=paths(3, 0.3), fps=fps, starts=STARTS)
    np.savez(tmp_path / "paths_animals_tiny.npz", points=paths(2, 90), fps=fps, starts=STARTS)
    return tmp_path


@pytest.mark.parametrize("family", ["person", "hand", "crowd", "critters", "tour", "handled"])
def test_recordings_change_the_families_that_use_them(folder, family):
    options = OPTIONS | {"n": 14}
    recorded = generate(family, motion=folder, **options)
    procedural = generate(family, **options)
    assert torch.isfinite(recorded.xy).all()
    same = (recorded.xy == procedural.xy).flatten(1).all(1)
    assert not same.all()
    again = generate(family, motion=folder, **(OPTIONS | {"n": 2, "start": 3}))
    assert torch.equal(again.xy, recorded.xy[3:5])


def test_families_without_ingredients_are_the_same_with_a_folder(folder):
    with_folder = generate("thrown", motion=folder, **OPTIONS)
    assert torch.equal(with_folder.xy, generate("thrown", **OPTIONS).xy)


def test_a_folder_may_hold_only_some_kinds(folder):
    for path in folder.glob("mocap_*"):
        path.unlink()
    with_folder = generate("person", motion=folder, **OPTIONS)
    assert torch.equal(with_folder.xy, generate("person", **OPTIONS).xy)


def test_windows_never_cross_from_clip_to_clip(tmp_path):
    clip = np.repeat(np.arange(4, dtype=np.float32), [3, 50, 7, 200])[:, None]
    points = np.concatenate([clip, np.arange(260, dtype=np.float32)[:, None]], 1)
    starts = np.array([0, 3, 53, 60, 260])
    np.savez(tmp_path / "paths_pedestrian_a.npz", points=points, starts=starts, fps=np.float32(30))
    walks = load(tmp_path, CPU).walks[0]
    n = 300
    draw = torch.Generator().manual_seed(0)
    choice, where = torch.rand(2, n, generator=draw)
    fps = 10 + 50 * torch.rand(n, generator=draw)
    window = walks.windows(choice, where, fps, torch.arange(40.0))
    assert (window[..., 0] == window[:, :1, 0]).all()
    assert set(window[:, 0, 0].tolist()) == {0.0, 1.0, 2.0, 3.0}
    step = (window[:, 1:, 1] - window[:, :-1, 1]).abs()
    assert (step <= (30 / fps)[:, None] + 1e-3).all()  # it turns back, it never jumps
    long = window[:, 0, 0] == 3.0
    expected = (30 / fps)[:, None].expand_as(step)
    torch.testing.assert_close(step[long], expected[long], atol=1e-3, rtol=0)


def test_recorded_up_is_up_here():
    turned = upright(torch.tensor([[[0.0, 0.0, 1.7]]]), torch.tensor([0.3]), torch.tensor([-1.0]))
    torch.testing.assert_close(turned, torch.tensor([[[0.0, -1.7, 0.0]]]))
    point = torch.tensor([[[0.3, -0.4, 0.5]]])
    moved = upright(point, torch.tensor([1.1]), torch.tensor([1.0]))
    torch.testing.assert_close(moved.norm(), point.norm())


def change(folder, name, **arrays):
    with np.load(folder / name) as file:
        np.savez(folder / name, **(dict(file) | arrays))


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("cameras_tiny.npz", {"pose": np.zeros((200, 6))}, r"pose \(T, 7\)"),
        ("cameras_tiny.npz", {"starts": np.array([0, 150])}, "starts from 0 to 200"),
        ("cameras_tiny.npz", {"pose": np.full((200, 7), np.nan)}, "finite pose"),
        ("mocap_human_tiny.npz", {"parents": np.array([-1, 0])}, "expected 5 parents"),
        ("paths_hands_tiny.npz", {"starts": np.array([0, 199, 200])}, "2 frames apart"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(folder, name, arrays, message):
    change(folder, name, **arrays)
    with pytest.raises(UserError, match=message):
        generate("person", motion=folder, **OPTIONS)


def test_a_wrong_folder_says_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match="expected a folder of motion"):
        load(tmp_path / "none", CPU)
    with pytest.raises(UserError, match="got none"):
        load(tmp_path, CPU)
    np.savez(tmp_path / "cameras_a.npz", pose=np.zeros((4, 7)))
    with pytest.raises(UserError, match="got no fps, starts"):
        load(tmp_path, CPU)
