"""What must not change a metric does not: order of points, samples, clips and pairs; hidden points.

Every metric is here, in `test_metric_samples` or in `test_metrics_displacement`: the last test says
if one is missing.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import kinecast.metrics
from kinecast.core.field import Field
from kinecast.core.tracks import Tracks
from kinecast.metrics.best_of_k import best_of_k, nearest_sample
from kinecast.metrics.boundary import position_jump, velocity_jump
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.diversity import deviation, pairwise_distance
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.fvmd_long import fvmd_long
from kinecast.metrics.fvmd_scene import fvmd_scene
from kinecast.metrics.fvmd_tracks import fvmd_tracks
from kinecast.metrics.low_rank_loss import low_rank_loss
from kinecast.metrics.lrtl import lrtl
from kinecast.metrics.motion_normalised import (
    divcurl_of_motion,
    flow_tv_of_motion,
    rank_residual_of_motion,
)
from kinecast.metrics.poke_epe import poke_epe
from kinecast.metrics.reconstruction import vepe
from kinecast.metrics.sample_mse import sample_errors
from kinecast.metrics.scene_variance import scene_variance
from kinecast.metrics.tapvid import score, tapvid
from kinecast.metrics.time_budget import min_ade_within
from kinecast.metrics.visibility import average_precision, f1
from kinecast.metrics.visibility_calibration import calibration

SIZE = (80, 48)
K, G, T, N = 4, 3, 8, 9
seeds = given(seed=st.integers(0, 9999))
few = settings(deadline=None, max_examples=10)


def tracks(xy, visible=None):
    xy = np.asarray(xy, np.float32)
    return Tracks(xy, np.ones(xy.shape[:2], bool) if visible is None else visible, SIZE)


def pointwise(xy, futures, visible, called, objects):
    """Every metric of points in no order: samples (k t n 2), futures (g t n 2), flags (t n)."""
    truth, forecast = tracks(futures[0], visible), tracks(xy[0], called)
    torched = torch.from_numpy(xy).transpose(1, 2) / 40 - 1
    target = torch.from_numpy(futures[0]).transpose(0, 1) / 40 - 1
    errors = sample_errors(torched, target)
    n = xy.shape[2]
    masks = torch.full((1, 2, 4, 6), 0.3)
    clip = torch.from_numpy(xy[:1])
    return {
        "best_of_k": best_of_k(xy, futures),
        "nearest_sample": nearest_sample(xy, futures, "distance"),
        "position_jump": position_jump(forecast.window(0, 4), truth.window(4, T)),
        "velocity_jump": velocity_jump(forecast.window(0, 4), truth.window(4, T)),
        "deviation": deviation(torched),
        "pairwise": pairwise_distance(torched),
        "loss": low_rank_loss(clip, torch.zeros(1, 1, n, 2), masks),
        "lrtl": np.mean(list(lrtl(xy[0], objects).values())),
        "rank share": rank_residual_of_motion(xy[0]),
        "epe": poke_epe(torched, target, n),
        "vepe": vepe([(forecast, truth)]),
        "mse": [errors.mean_track, errors.mean, errors.best.error],
        "variance": scene_variance(xy),
        "f1": f1(called, visible),
        "tapvid": list(score(forecast, truth).values()),
    }


def flat(scores):
    return np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in scores.values()])


def drawn(seed):
    rng = np.random.default_rng(seed)
    xy, futures = (np.cumsum(rng.normal(0, 3, (k, T, N, 2)), axis=1) + 40 for k in (K, G))
    visible, called = (rng.random((T, N)) < 0.8 for _ in range(2))
    visible[:, 0] = called[:, 0] = True
    return rng, xy.astype("f4"), futures.astype("f4"), visible, called, np.arange(N) // 9


@few
@seeds
def test_order_of_points(seed):
    rng, xy, futures, visible, called, objects = drawn(seed)
    order = rng.permutation(N)
    mixed = pointwise(
        xy[:, :, order], futures[:, :, order], visible[:, order], called[:, order], objects[order]
    )
    expected = flat(pointwise(xy, futures, visible, called, objects))
    np.testing.assert_allclose(flat(mixed), expected, rtol=1e-5, atol=1e-6, equal_nan=True)


@few
@seeds
def test_order_of_samples_and_futures(seed):
    rng, xy, futures, *_ = drawn(seed)
    torched = torch.from_numpy(xy).transpose(1, 2) / 40 - 1
    target = torch.from_numpy(futures[0]).transpose(0, 1) / 40 - 1
    ades, ready = rng.uniform(1, 9, (2, K))
    order, other = rng.permutation(K), rng.permutation(G)
    p = rng.random((K, T, N))
    seen = rng.random((T, N)) < 0.7

    def scores(xy, futures, torched, ades, ready, p):
        errors = sample_errors(torched, target)
        found = calibration(p, seen)
        return {
            "best": best_of_k(xy, futures),
            "nearest": nearest_sample(xy, futures),
            "variance": scene_variance(xy),
            "deviation": deviation(torched),
            "pairwise": pairwise_distance(torched),
            "epe": poke_epe(torched, target, 2),
            "mse": [errors.mean_track, errors.mean, errors.best.error],
            "budget": min_ade_within(ades, ready, 9),
            "ap": average_precision(p, seen),
            "f1": f1(p > 0.5, seen),
            "calibration": [found.error, found.brier],
        }

    expected = scores(xy, futures, torched, ades, ready, p)
    mixed = scores(xy[order], futures[other], torched[order], ades[order], ready[order], p[order])
    np.testing.assert_allclose(flat(mixed), flat(expected), rtol=1e-5, atol=1e-7)


@few
@seeds
def test_points_that_are_never_seen(seed):
    rng, xy, futures, visible, called, _ = drawn(seed)
    truth, forecast = tracks(futures[0], visible), tracks(xy[0], called)
    nowhere = np.full((T, 2, 2), np.nan, np.float32)
    never = np.zeros((T, 2), bool)
    more = tracks(np.concatenate([futures[0], nowhere], 1), np.concatenate([visible, never], 1))
    longer = tracks(np.concatenate([xy[0], nowhere], 1), np.concatenate([called, never], 1))
    assert vepe([(longer, more)]) == vepe([(forecast, truth)])
    pieces = (forecast.window(0, 4), truth.window(4, T), longer.window(0, 4), more.window(4, T))
    assert position_jump(*pieces[2:]) == position_jump(*pieces[:2])
    assert velocity_jump(*pieces[2:]) == velocity_jump(*pieces[:2])
    assert f1(longer.visible, more.visible) == f1(called, visible)
    p = rng.random((T, N))
    assert average_precision(np.concatenate([p, 0.0 * never], 1), more.visible) == (
        pytest.approx(average_precision(p, visible))
    )
    expected, found = score(forecast, truth), score(longer, more)
    right = expected.pop("occlusion_accuracy") * T * N  # flags of hidden points count
    assert found.pop("occlusion_accuracy") == pytest.approx((right + 2 * T) / (T * (N + 2)))
    assert found == pytest.approx(expected)


@few
@seeds
def test_order_of_videos_in_a_batch(seed):
    rng, xy, futures, *_ = drawn(seed)
    hidden, called = rng.random((2, 3, N, T)) < 0.3
    a, b = xy[:3].swapaxes(1, 2), futures.swapaxes(1, 2)
    query = rng.integers(0, T, (3, N)).astype(float)
    order = rng.permutation(3)
    for mode in ("first", "strided"):
        one = tapvid(query, hidden, b, called, a, mode)
        two = tapvid(query[order], hidden[order], b[order], called[order], a[order], mode)
        for name, values in one.items():
            np.testing.assert_array_equal(two[name], values[order])
    pairs = [(tracks(xy[i]), tracks(futures[i])) for i in range(3)]
    assert vepe([pairs[i] for i in order]) == pytest.approx(vepe(pairs))


def field(xy, visible):
    return Field(xy.astype(np.float32), visible, SIZE, 8.0, (4.0, 4.0))


def walks(rng, frames=12, h=5, w=11):
    visible = rng.random((frames, h, w)) < 0.85
    return np.cumsum(rng.normal(0, 3, (frames, h, w, 2)), axis=0), visible


def wider(xy, visible, fill):
    """With a column and a row that are never seen."""
    xy = np.pad(xy, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=fill)
    return field(xy, np.pad(visible, ((0, 0), (0, 1), (0, 1))))


@few
@seeds
def test_hidden_rows_and_columns_of_a_grid(seed):
    rng = np.random.default_rng(seed)
    xy, visible = walks(rng)
    for metric in (flow_tv, divcurl_energy, flow_tv_of_motion, divcurl_of_motion):
        expected = pytest.approx(metric(field(xy, visible)), rel=1e-6)
        assert metric(wider(xy, visible, np.nan)) == expected
        assert metric(wider(xy, visible, 1e3)) == expected
        mirrored = field(xy[:, :, ::-1] * [-1, 1], visible[:, :, ::-1])
        if metric in (flow_tv, flow_tv_of_motion):  # both differences are of pairs
            assert metric(mirrored) == expected


@few
@seeds
def test_order_of_clips_and_hidden_points_of_sets(seed):
    rng = np.random.default_rng(seed)
    truths = [walks(rng) for _ in range(4)]
    forecasts = [xy * 1.3 + rng.normal(0, 1, xy.shape) for xy, _ in truths]
    both = list(zip(forecasts, truths, strict=True))
    pairs = [(field(f, v), field(xy, v)) for f, (xy, v) in both]
    hidden = [(wider(f, v, 7.0), wider(xy, v, np.nan)) for f, (xy, v) in both]
    order = rng.permutation(4)
    for metric in (fvmd_long, lambda p: fvmd_tracks(p, 8, 2)):
        expected = metric(pairs)
        assert metric([pairs[i] for i in order]) == pytest.approx(expected, rel=1e-8)
        assert metric(hidden) == pytest.approx(expected, rel=1e-8)
        other = [(field(f + 40 * ~v[..., None], v), field(xy, v)) for f, (xy, v) in both]
        assert metric(other) == pytest.approx(expected, rel=1e-8)
    scenes = np.stack([np.stack([walks(rng, 8, 5, 5)[0] for _ in range(3)]) for _ in range(4)])
    scenes = scenes.reshape(2, 2, 3, 8, 25, 2)
    expected = fvmd_scene(*scenes).mean
    assert fvmd_scene(*scenes[:, ::-1]).mean == pytest.approx(expected, rel=1e-8)
    assert fvmd_scene(*scenes[:, :, ::-1]).mean == pytest.approx(expected, rel=1e-8)


def test_every_metric_is_tested_for_what_must_not_change_it():
    helpers = {"samples", "grid_flow", "lost", "resample", "motion_histogram"}
    helpers |= {"__init__", "bootstrap"}
    folder = Path(next(iter(kinecast.metrics.__path__)))
    tested = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = {path.stem for path in folder.glob("*.py")} - helpers
    assert len(names) > 25
    assert {name for name in names if f"kinecast.metrics.{name} " not in tested} <= {
        "displacement"  # by `evaluate`
    }
