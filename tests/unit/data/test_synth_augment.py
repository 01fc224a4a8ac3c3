"""Augmentation: nothing at zero strength, and what each function says at full strength."""

import math

import pytest
import torch

from kinecast.core import rng
from kinecast.data.synth import augment

B, T, H, W = 40, 60, 5, 8
SIZE = (320, 200)


def grid():
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    return (torch.stack([x, y], -1) + 0.5) * 40.0


def still(frames=T):
    return grid().expand(B, frames, H, W, 2).clone(), torch.ones(B, frames, H, W, dtype=torch.bool)


def moving(frames=T):
    xy, visible = still(frames)
    t = torch.arange(frames, dtype=torch.float32)[:, None, None]
    xy[..., 0] += 2.0 * t
    xy[..., 1] += torch.sin(0.2 * t) * 10
    return xy, visible


def draw(seed=0):
    return rng.generator(seed, 77)


def test_nothing_happens_at_zero_strength():
    xy, visible = moving()
    assert torch.equal(augment.tracker_noise(xy, draw(), jitter=0.0, wander=0.0), xy)
    assert torch.equal(augment.dropouts(visible, draw(), spells=0.0, lost=0.0), visible)
    assert torch.equal(augment.drift(xy, draw(), share=0.0, edges=0.0), xy)
    for change in (
        augment.flips(xy, visible, draw(), SIZE, chance=0.0),
        augment.reverse(xy, visible, draw(), chance=0.0),
        augment.time_warp(xy, visible, draw(), frames=T, anchor=0, strength=0.0),
    ):
        assert torch.equal(change[0], xy)
        assert torch.equal(change[1], visible)


def test_the_same_generator_gives_the_same_result_and_inputs_stay_as_they_are():
    xy, visible = moving()
    before = xy.clone()
    for function in (
        lambda g: augment.tracker_noise(xy, g),
        lambda g: augment.drift(xy, g, share=0.5),
        lambda g: augment.dropouts(visible, g),
        lambda g: augment.time_warp(xy, visible, g, frames=30, anchor=30)[0],
        lambda g: augment.flips(xy, visible, g, SIZE)[0],
    ):
        assert torch.equal(function(draw(3)), function(draw(3)))
    assert torch.equal(xy, before)
    assert visible.all()


def test_noise_has_the_drawn_strengths_and_keeps_the_anchor_exact():
    xy, _ = still()
    white = augment.tracker_noise(xy, draw(), jitter=0.6, wander=0.0) - xy
    strength = white.flatten(1).std(1)
    assert strength.max() < 0.62
    assert strength.min() < 0.1  # each clip draws its own
    assert (white[:, 1:] * white[:, :-1]).mean().abs() < 0.01
    slow = augment.tracker_noise(xy, draw(), jitter=0.0, wander=1.0) - xy
    ratio = (slow[:, 1:] * slow[:, :-1]).mean() / (slow * slow).mean()
    assert math.exp(-1 / 5) < ratio < math.exp(-1 / 40) + 0.01
    exact = augment.tracker_noise(xy, draw(), anchor=20)
    assert torch.equal(exact[:, 20], xy[:, 20])
    assert not torch.equal(exact[:, 21], xy[:, 21])


def test_dropouts_only_take_away_and_never_at_the_anchor():
    _, visible = still()
    visible[:, :, 0] = False
    for anchor in (0, 25, T - 1):
        seen = augment.dropouts(visible, draw(), spells=1.0, lost=0.5, anchor=anchor)
        assert not (seen & ~visible).any()
        assert torch.equal(seen[:, anchor], visible[:, anchor])
        assert 0.4 < seen[:, :, 1:].float().mean() < 0.95


def test_spells_end_and_lost_points_stay_lost():
    _, visible = still()
    spells = augment.dropouts(visible, draw(), spells=1.0, lost=0.0)
    hidden = (~spells).sum(1)
    assert hidden.max() <= 41
    returned = (~spells[:, :-1] & spells[:, 1:]).any(1)
    assert returned.any()
    lost = augment.dropouts(visible, draw(), spells=0.0, lost=1.0, anchor=0)
    assert not (~lost[:, :-1] & lost[:, 1:]).any()
    assert (~lost[:, -1]).any()


def test_drift_sticks_points_at_a_boundary_to_their_neighbour():
    xy, _ = still()
    t = torch.arange(T, dtype=torch.float32)[:, None, None]
    xy[:, :, :, 4:, 0] += 3.0 * t  # the right half moves
    drifted = augment.drift(xy, draw(), share=0.0, edges=1.0)
    changed = (drifted != xy).any(-1).any(1)
    assert changed[:, :, 3:5].any()
    assert not changed[:, :, :3].any()
    assert not changed[:, :, 5:].any()
    assert torch.equal(drifted[:, 0], xy[:, 0])
    clip, i = torch.nonzero(changed[:, :, 4])[0].tolist()
    step = drifted[clip, 1:, i, 4, 0] - drifted[clip, :-1, i, 4, 0]
    slowed = int(torch.nonzero(step < 1.5)[0])
    torch.testing.assert_close(step[:slowed], torch.full((slowed,), 3.0))
    torch.testing.assert_close(step[slowed + 1 :], torch.zeros(T - 2 - slowed))
    assert (drifted[:, 1:] - drifted[:, :-1]).abs().max() < 3.5  # no jumps


def test_drift_goes_back_in_time_too():
    xy, _ = moving()
    xy[:, :, :, ::2, 1] += torch.arange(T, dtype=torch.float32)[:, None, None]
    drifted = augment.drift(xy, draw(), share=1.0, edges=1.0, anchor=T - 1)
    assert torch.equal(drifted[:, -1], xy[:, -1])
    assert (drifted[:, 0] != xy[:, 0]).any()


@pytest.mark.parametrize("anchor", [15, 25, 44])
def test_a_warp_replays_the_path_of_each_point_around_the_anchor(anchor):
    xy, visible = still()
    t = torch.arange(T, dtype=torch.float32)
    xy[..., 0] += 2.0 * t[:, None, None]
    visible[:, 30:] = False
    warped, seen = augment.time_warp(xy, visible, draw(), frames=30, anchor=anchor)
    assert warped.shape == (B, 30, H, W, 2)
    mid = anchor - 15
    torch.testing.assert_close(warped[:, mid], xy[:, anchor])
    torch.testing.assert_close(warped[..., 1], xy[:, :30, ..., 1])
    at = (warped[..., 0] - xy[:, :1, ..., 0]) / 2.0  # the input frame that is played
    step = (at[:, 1:] - at[:, :-1])[:, :, 0, 0]
    assert (step > 0).all()
    assert (step <= 2.0 + 1e-3).all()
    assert step.std(0).mean() > 0.1  # clips differ
    assert at.min() >= 0
    assert at.max() <= T - 1
    assert torch.equal(seen, at.round() < 30)


def test_a_warp_plays_straight_lines_between_the_frames_of_any_path():
    xy, visible = still()
    clock = torch.arange(T, dtype=torch.float32)[:, None, None]
    xy[..., 0] += 2.0 * clock  # tells which input frame is played
    xy[..., 1] = 300.0 * torch.rand(xy.shape[:-1], generator=draw(5))
    warped, _ = augment.time_warp(xy, visible, draw(), frames=30, anchor=25)
    at = (warped[..., 0] - xy[:, :1, ..., 0]).double() / 2.0
    low = at.floor().long().clamp(0, T - 2)
    paths = xy[..., 1].double()
    before, after = paths.gather(1, low), paths.gather(1, low + 1)
    torch.testing.assert_close(
        warped[..., 1].double(), before + (at - low) * (after - before), atol=0.02, rtol=0
    )


def test_a_warp_of_a_point_that_rests_is_that_point_exactly():
    xy, visible = still()
    xy = xy + 0.1  # not a whole number of pixels
    warped, _ = augment.time_warp(xy, visible, draw(), frames=30, anchor=25)
    assert torch.equal(warped, xy[:, :30])


def test_a_warp_needs_room_around_the_anchor():
    xy, visible = still()
    with pytest.raises(ValueError, match="around frame 2"):
        augment.time_warp(xy, visible, draw(), frames=30, anchor=2)
    with pytest.raises(ValueError, match="expected 0 < frames"):
        augment.time_warp(xy, visible, draw(), frames=T + 1, anchor=0)


def test_mirrored_clips_keep_their_grid_and_their_motion():
    xy, visible = moving()
    visible[:, 5:, 0, 0] = False
    flipped, seen = augment.flips(xy, visible, draw(), SIZE, chance=1.0)
    assert torch.equal(flipped[:, 0], xy[:, 0])  # the grid is symmetric
    step, before = flipped[:, 1:] - flipped[:, :-1], xy[:, 1:] - xy[:, :-1]
    torch.testing.assert_close(step[..., 0], -before[..., 0], atol=1e-3, rtol=0)
    up = step[:, :, 0, 0, 1] / before[:, :, 0, 0, 1]
    assert ((up - 1).abs() < 0.1).all(1).any()
    assert ((up + 1).abs() < 0.1).all(1).any()
    corner = ~seen[:, -1]
    assert (corner.sum((1, 2)) == 1).all()
    assert (corner[:, 0, -1] | corner[:, -1, -1]).all()


def test_reversing_twice_is_nothing():
    xy, visible = moving()
    visible[:, :7, 1, 1] = False
    once = augment.reverse(xy, visible, draw(), chance=1.0)
    assert torch.equal(once[0][:, 0], xy[:, -1])
    twice = augment.reverse(*once, draw(), chance=1.0)
    assert torch.equal(twice[0], xy)
    assert torch.equal(twice[1], visible)
