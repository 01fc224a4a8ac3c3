"""LRTL and the loss it is named after, on bodies whose rank is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.metrics.low_rank_loss import low_rank_loss
from kinecast.metrics.lrtl import lrtl, rank_residual
from kinecast.metrics.motion_normalised import rank_residual_of_motion

FRAMES, POINTS = 12, 20


def draw(seed):
    return np.random.default_rng(seed)


def rigid(seed, points=POINTS):
    """A body in space that turns and moves under an affine camera, (T, n, 2) pixels."""
    rng = draw(seed)
    body, axis = rng.normal(0, 20, (points, 3)), rng.normal(0, 1, (FRAMES, 3, 3))
    turns = np.linalg.qr(axis)[0]
    return np.einsum("tij,nj->tni", turns[:, :2], body) + rng.uniform(0, 200, (FRAMES, 1, 2))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999))
def test_a_rigid_body_has_no_residual_and_the_order_of_points_does_not_matter(seed):
    body = rigid(seed)
    assert rank_residual(body) == pytest.approx(0, abs=1e-9)
    loose = body + draw(seed).normal(0, 1, body.shape)
    mixed = draw(seed).permutation(loose, axis=1)
    assert rank_residual(mixed) == pytest.approx(rank_residual(loose))
    assert rank_residual(loose[::-1]) == pytest.approx(rank_residual(loose))


def test_two_bodies_have_a_residual_together_and_none_apart():
    xy = np.concatenate([rigid(0), rigid(1), rigid(2, points=4)], axis=1)
    objects = np.repeat([3, 7, 9], [POINTS, POINTS, 4])
    assert rank_residual(xy) > 10
    assert lrtl(xy, objects) == pytest.approx({3: 0, 7: 0}, abs=1e-9)  # 4 points: left out
    objects[:POINTS] = -1  # background
    assert list(lrtl(xy, objects)) == [7]


def test_what_is_beyond_rank_five_is_what_the_best_approximation_leaves():
    loose = draw(0).normal(0, 9, (FRAMES, POINTS, 2))
    matrix = np.concatenate([loose[..., 0], loose[..., 1]])
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    left = np.linalg.norm(matrix - u[:, :5] * s[:5] @ v[:5])
    assert rank_residual(loose) == pytest.approx(left)
    assert rank_residual(loose, "per_point") == pytest.approx(left / POINTS**0.5)
    shifted = loose + draw(1).normal(0, 99, (FRAMES, 1, 2))
    moved = rank_residual(loose, centred=True)
    assert rank_residual(shifted, centred=True) == pytest.approx(moved)


def test_the_share_of_motion_does_not_change_with_its_size_and_stillness_has_none():
    body = rigid(0)
    loose = body + draw(0).normal(0, 2, body.shape)
    share = rank_residual_of_motion(loose)
    assert 0 < share < 1
    assert rank_residual_of_motion(loose * 3) == pytest.approx(share)
    assert rank_residual_of_motion(body) == pytest.approx(0, abs=1e-9)
    with pytest.raises(UserError, match="points that move"):
        rank_residual_of_motion(np.tile(body[:1], (FRAMES, 1, 1)))


def test_too_little_for_a_rank_is_refused():
    body = rigid(0)
    with pytest.raises(UserError, match="at least 3 frames of 6 points, got 1 of 20"):
        rank_residual(body[:1])
    with pytest.raises(UserError, match="got 12 of 5"):
        rank_residual(body[:, :5])
    with pytest.raises(UserError, match="finite positions"):
        rank_residual(np.where(body == body[0, 0, 0], np.nan, body))
    with pytest.raises(UserError, match="more than 5 points, got none"):
        lrtl(body, np.arange(POINTS) // 5)
    with pytest.raises(UserError, match="one object a point"):
        lrtl(body, np.zeros(3, int))


def test_the_loss_is_the_tail_of_each_masks_singular_values():
    tracks = torch.from_numpy(draw(0).normal(0, 9, (1, FRAMES, POINTS, 2)))
    queries = torch.zeros(1, 1, POINTS, 2)
    masks = torch.full((1, 2, 4, 6), 0.25)
    masks[:, 1] = 0.75
    matrix = np.concatenate([tracks[0, ..., 0], tracks[0, ..., 1]])
    tail = np.linalg.svd(matrix, compute_uv=False)[5:].sum()
    assert low_rank_loss(tracks, queries, masks).item() == pytest.approx(tail / 2)
    body = torch.from_numpy(rigid(0))[None]
    assert low_rank_loss(body, queries, masks).item() == pytest.approx(0, abs=1e-8)
    with pytest.raises(UserError, match="finite tracks"):
        low_rank_loss(tracks * torch.nan, queries, masks)
