"""Paths, draws and bodies: identities and limits."""

import math

import pytest
import torch

from kinecast.data.synth.bodies import limbs
from kinecast.data.synth.draws import BLOCK, Draws
from kinecast.data.synth.families.physical import _simulate
from kinecast.data.synth.motion import (
    minimum_jerk,
    on_and_off,
    oscillate,
    rotation,
    smooth,
    stop_and_go,
    wander,
)
from kinecast.data.synth.scene import Stage

TIMES = torch.arange(200, dtype=torch.float32)


def draws(n=6, seed=0):
    return Draws.of(seed, 1, range(n), torch.device("cpu"))


def stage(frames, anchor=0):
    return Stage(frames, anchor, (320, 192), None, torch.device("cpu"))


def test_minimum_jerk_starts_and_ends_at_rest():
    s = torch.linspace(0, 1, 1001, dtype=torch.float64)
    x = minimum_jerk(s)
    speed = torch.gradient(x, spacing=(s,))[0]
    assert x[0] == 0
    assert x[-1] == 1
    assert speed[[0, -1]].abs().max() < 1e-2
    torch.testing.assert_close(x, 1 - x.flip(0))
    assert speed.max().item() == pytest.approx(1.875, abs=1e-3)  # 15/8 of the mean speed
    assert minimum_jerk(torch.tensor([-3.0, 4.0])).tolist() == [0.0, 1.0]


def test_stop_and_go_adds_up_its_moves_and_pauses_in_between():
    steps = draws().normal(2, 3, 3)
    times = torch.arange(-200.0, 1000.0)
    path = stop_and_go(draws(seed=1), times, steps, pause=(20.0, 50.0), rest=1.0)
    assert (path[:, 0] == 0).all()
    torch.testing.assert_close(path[:, -1], steps.sum(2))
    still = (path[:, 1:] == path[:, :-1]).all(-1)
    moving = (~still).float().sum(1)
    assert (moving <= 3 * 46).all()
    assert (moving >= 3 * 5).all()


def test_wander_has_unit_variance_and_no_jumps():
    path = wander(draws(200), TIMES, 3, 2, lo=10.0, hi=30.0)
    assert path.shape == (200, 200, 3, 2)
    assert path.mean().abs() < 0.05
    assert 0.8 < path.std() < 1.1
    assert (path[:, 1:] - path[:, :-1]).abs().max() < 1.0


def test_an_oscillation_repeats():
    path = oscillate(draws(), TIMES, 2, 3, lo=25.0, hi=25.0001)
    torch.testing.assert_close(path[:, :100], path[:, 25:125], atol=1e-3, rtol=0)


def test_a_gate_stays_between_closed_and_open():
    gate = on_and_off(draws(50), TIMES, 4)
    assert gate.min() > -1e-5
    assert gate.max() < 1 + 1e-5
    assert ((gate < 0.01) | (gate > 0.99)).float().mean() > 0.5


def test_rotations_are_rotations_about_their_vector():
    vector = draws(50).normal(4, 3) * 2
    R = rotation(vector)
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-5, rtol=0)
    torch.testing.assert_close((R @ vector[..., None])[..., 0], vector, atol=1e-5, rtol=0)
    trace = R.diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(trace, 1 + 2 * torch.cos(vector.norm(dim=-1)), atol=1e-5, rtol=0)
    quarter = rotation(torch.tensor([0.0, 0.0, math.pi / 2])) @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(quarter, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_smoothing_keeps_lines_and_ends():
    line = torch.arange(30.0)[None, :, None]
    torch.testing.assert_close(smooth(line, 3)[:, 3:-3], line[:, 3:-3])
    torch.testing.assert_close(smooth(torch.ones(1, 9, 2), 20), torch.ones(1, 9, 2))


def test_limbs_span_their_joints_and_do_not_twist():
    T = 40
    angle = torch.linspace(0, 3, T)
    start = torch.zeros(1, T, 1, 3)
    end = torch.stack([torch.cos(angle), torch.sin(angle), 0 * angle], -1)[None, :, None]
    body = limbs(start, end, torch.full((1, 1), 0.1))
    torch.testing.assert_close(body.centre, 0.5 * end)
    along, side, other = body.axes.unbind(-1)
    torch.testing.assert_close(along.norm(dim=-1), torch.full((1, T, 1), 0.56))
    for across in (side, other):
        torch.testing.assert_close(across.norm(dim=-1), torch.full((1, T, 1), 0.1))
        assert (across * along).sum(-1).abs().max() < 1e-6
    out_of_plane = torch.stack([side[..., 2], other[..., 2]], -1)
    torch.testing.assert_close(out_of_plane, out_of_plane[:, :1].expand_as(out_of_plane))


def drop(bounce, friction, frames=150, velocity=(0.0, 0.0, 0.0)):
    path, orient = _simulate(
        stage(frames),
        torch.tensor([[[0.0, 0.0, 5.0]]]),
        torch.tensor([[velocity]]),
        torch.tensor([[0.2]]),
        torch.tensor([[0.0, 0.004, 0.0]]),
        torch.tensor([1.2]),
        torch.tensor([[bounce]]),
        torch.tensor([[friction]]),
        torch.tensor([[0.0, 5.0, 50.0, 50.0]]),
    )
    return path[0, :, 0], orient[0, :, 0]


def test_a_dropped_ball_falls_as_gravity_says_and_bounces_lower():
    path, _ = drop(bounce=0.7, friction=0.0)
    t = torch.arange(20.0)
    torch.testing.assert_close(path[:20, 1], 0.002 * t * (t + 1))
    ground = 1.0
    assert path[:, 1].max() <= ground + 1e-6
    hit = int(torch.nonzero(path[:, 1] > ground - 0.05)[0])
    apex = ground - path[hit + 5 :, 1].min()
    assert apex.item() == pytest.approx(0.7**2 * ground, rel=0.15)


def test_a_rolling_ball_turns_by_its_way_over_its_radius_and_slows_down():
    path, orient = drop(bounce=0.0, friction=0.01, velocity=(0.01, 0.004, 0.0))
    x = path[:, 0]
    rolled = slice(100, 149)
    way = (x[rolled][-1] - x[rolled][0]).item()
    first, last = orient[100], orient[148]
    turned = math.acos(((last @ first.T).diagonal().sum().item() - 1) / 2)
    assert turned == pytest.approx(way / 0.2, rel=0.02)
    speed = x[1:] - x[:-1]
    assert (speed[101:] <= speed[100:-1] + 1e-6).all()


def test_colliding_balls_keep_their_momentum():
    path, _ = _simulate(
        stage(60),
        torch.tensor([[[-1.0, 0.0, 5.0], [1.0, 0.05, 5.0]]]),
        torch.tensor([[[0.05, 0.0, 0.0], [-0.02, 0.0, 0.0]]]),
        torch.tensor([[0.2, 0.3]]),
        torch.zeros(1, 3),
        torch.tensor([50.0]),
        torch.ones(1, 2),
        torch.zeros(1, 2),
        torch.tensor([[0.0, 5.0, 50.0, 50.0]]),
    )
    velocity = path[0, 1:] - path[0, :-1]
    mass = torch.tensor([0.008, 0.027])[:, None]
    momentum = (mass * velocity).sum(1)
    torch.testing.assert_close(momentum[-1], momentum[0], atol=1e-6, rtol=0)
    assert velocity[-1, 0, 0] < 0 < velocity[0, 0, 0]  # the light one bounces back
    energy = (mass * velocity**2).sum((1, 2))
    torch.testing.assert_close(energy[-1], energy[0], atol=1e-7, rtol=1e-3)


def test_draws_are_handed_out_once_and_run_out_loudly():
    some = draws(2)
    a, b = some.uniform(5), some.uniform(5)
    assert not torch.equal(a, b)
    with pytest.raises(ValueError, match="more than"):
        some.uniform(BLOCK)


def test_draws_follow_their_distributions():
    many = draws(400)
    assert many.chance(0.3, 10).float().mean().item() == pytest.approx(0.3, abs=0.03)
    picked = many.pick([1.0, 0.0, 3.0], 10)
    assert (picked == 1).sum() == 0
    assert (picked == 2).float().mean().item() == pytest.approx(0.75, abs=0.03)
    torch.testing.assert_close(many.direction(4).norm(dim=-1), torch.ones(400, 4))
    scale = many.log_uniform(10, lo=0.1, hi=10.0)
    assert 0.1 <= scale.min() <= scale.max() <= 10.0
    assert (scale < 1).float().mean().item() == pytest.approx(0.5, abs=0.03)
