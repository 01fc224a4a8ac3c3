"""Metrics on motions that can be worked out: a number that is right or an error, never a NaN."""

import warnings

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.tracks import Tracks
from kinecast.metrics.best_of_k import best_of_k, nearest_sample
from kinecast.metrics.boundary import position_jump, velocity_jump
from kinecast.metrics.coverage import coverage
from kinecast.metrics.crps import crps
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.diversity import deviation, pairwise_distance
from kinecast.metrics.energy_score import energy_score
from kinecast.metrics.evaluate import evaluate
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.fvmd import fvmd
from kinecast.metrics.fvmd_long import fvmd_long
from kinecast.metrics.fvmd_scene import fvmd_scene
from kinecast.metrics.fvmd_tracks import fvmd_tracks
from kinecast.metrics.horizon import error_over_horizon
from kinecast.metrics.low_rank_loss import low_rank_loss
from kinecast.metrics.lrtl import lrtl, rank_residual
from kinecast.metrics.min_ade import min_ade, min_fde, sample_ades
from kinecast.metrics.miss_rate import miss_rate
from kinecast.metrics.motion_normalised import (
    divcurl_of_motion,
    flow_tv_of_motion,
    rank_residual_of_motion,
)
from kinecast.metrics.pck import pck
from kinecast.metrics.poke_epe import poke_epe
from kinecast.metrics.reconstruction import vepe
from kinecast.metrics.sample_mse import sample_errors
from kinecast.metrics.scene_variance import scene_variance
from kinecast.metrics.tapvid import tapvid
from kinecast.metrics.time_budget import min_ade_within
from kinecast.metrics.visibility import average_precision, f1
from kinecast.metrics.visibility_calibration import calibration

SIZE, SIDE, STRIDE = (128, 128), 5, 20.0
N = SIDE**2
CENTRE = np.array([64.0, 64.0])


def moved(matrix=((1, 0), (0, 1)), shift=(0, 0), frames=8):
    """A grid whose every frame is the one before, turned or scaled about the centre, and moved."""
    y, x = np.mgrid[:SIDE, :SIDE]
    xy = [np.stack([x.ravel(), y.ravel()], -1) * STRIDE + CENTRE - 2 * STRIDE]
    for _ in range(frames - 1):
        xy.append((xy[-1] - CENTRE) @ np.asarray(matrix, float).T + CENTRE + np.asarray(shift))
    return np.stack(xy).astype(np.float32)


def turn(angle):
    return ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle)))


def tracks(xy, visible=None):
    return Tracks(xy, np.ones(xy.shape[:2], bool) if visible is None else visible, SIZE)


def field(xy, visible=None):
    visible = np.ones(xy.shape[:2], bool) if visible is None else visible
    square = (len(xy), SIDE, SIDE)
    return Field(xy.reshape(*square, 2), visible.reshape(square), SIZE, STRIDE, (24.0, 24.0))


def normalised(xy):
    return torch.from_numpy(xy).transpose(-3, -2) / 64 - 1


def split(xy, visible):
    """History and future."""
    half = max(len(xy) // 2, 1)
    whole = tracks(xy, visible)
    return whole.window(0, half), whole.window(min(half, len(xy) - 1), len(xy))


MASK, QUERY = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, N, 2)
# Samples (k t n 2), truth (t n 2), its visibility (t n) -> numbers.
METRICS = {
    "ade and fde": lambda s, x, v: [
        value
        for name, value in evaluate([tracks(one) for one in s], tracks(x, v)).items()
        if name not in ("moving", "mean_fde", "best_fde")  # of no points: documented to be NaN
    ],
    "min_ade": lambda s, x, v: [min_ade(s, tracks(x, v)), *sample_ades(s, tracks(x, v))],
    "min_fde": lambda s, x, v: min_fde(s, tracks(x, v)),
    "budget": lambda s, x, v: min_ade_within(sample_ades(s, tracks(x, v)), np.ones(len(s)), 2),
    "miss": lambda s, x, v: miss_rate(s, tracks(x, v), 4.0),
    "horizon": lambda s, x, v: error_over_horizon(s[0], tracks(x, v)).error,
    "pck": lambda s, x, v: list(pck(s[0], tracks(x, v)).values()),
    "energy": lambda s, x, v: energy_score(s, tracks(x, v)),
    "crps": lambda s, x, v: crps(s, tracks(x, v)),
    "coverage": lambda s, x, v: [coverage(s, tracks(x, v)).error],
    "vepe": lambda s, x, v: vepe([(tracks(s[0], v & False), tracks(x, v))]),
    "jump": lambda s, x, v: position_jump(split(x, v)[0], split(s[0], v & False)[1]),
    "velocity jump": lambda s, x, v: velocity_jump(split(x, v)[0], split(s[0], v & False)[1]),
    "best_of_k": lambda s, x, v: [best_of_k(s, x[None]), nearest_sample(s, x[None])],
    "scene variance": lambda s, x, v: scene_variance(s),
    "mse": lambda s, x, v: [
        float(value)
        for e in (sample_errors(normalised(s), normalised(x), relative=True),)
        for value in (e.mean_track, e.mean, e.best.error)
    ],
    "poke epe": lambda s, x, v: float(poke_epe(normalised(s), normalised(x), 3)),
    "deviation": lambda s, x, v: float(deviation(normalised(s))),
    "pairwise": lambda s, x, v: float(pairwise_distance(normalised(s))),
    "lrtl": lambda s, x, v: list(lrtl(s[0], np.arange(N) // 10).values()),
    "rank share": lambda s, x, v: rank_residual_of_motion(s[0]),
    "low rank loss": lambda s, x, v: float(
        low_rank_loss(torch.from_numpy(s), QUERY.expand(len(s), -1, -1, -1), MASK[[0] * len(s)])
    ),
    "flow tv": lambda s, x, v: flow_tv(field(s[0], v)),
    "divcurl": lambda s, x, v: divcurl_energy(field(s[0], v)),
    "flow tv share": lambda s, x, v: flow_tv_of_motion(field(s[0], v)),
    "divcurl share": lambda s, x, v: divcurl_of_motion(field(s[0], v)),
    "fvmd": lambda s, x, v: list(fvmd(s, np.stack([x] * len(s)))),
    "fvmd tracks": lambda s, x, v: list(
        fvmd_tracks([(field(one, v & False), field(x, v)) for one in s], 4)
    ),
    "fvmd long": lambda s, x, v: list(
        fvmd_long([(field(one, v & False), field(x, v)) for one in s])
    ),
    "fvmd scene": lambda s, x, v: list(fvmd_scene(s[None], np.stack([x] * len(s))[None]).mean),
    "f1": lambda s, x, v: f1(np.stack([v] * len(s)), v),
    "ap": lambda s, x, v: average_precision(v.astype(float), v),
    "calibration": lambda s, x, v: [calibration(v * 0.9, v).error, calibration(v * 0.9, v).brier],
}  # fmt: skip
STILL, NAN = moved(), moved() * np.float32(np.nan)
SEEN = np.ones(STILL.shape[:2], bool)
SCENES = {  # samples, truth, its visibility
    "still": (np.stack([STILL] * 3), STILL, SEEN),
    "still before a moving truth": (np.stack([STILL] * 3), moved(shift=(2, 1)), SEEN),
    "single frame": (np.stack([STILL[:1]] * 3), STILL[:1], SEEN[:1]),
    "two frames": (np.stack([moved(shift=(3, 0))[:2]] * 3), STILL[:2], SEEN[:2]),
    "one sample": (moved(shift=(3, 0))[None], STILL, SEEN),
    "all occluded": (np.stack([moved(shift=(3, 0))] * 3), STILL, ~SEEN),
    "occluded and not finite": (np.stack([moved(shift=(3, 0))] * 3), NAN, ~SEEN),
    "forecast not finite": (np.stack([NAN] * 3), moved(shift=(3, 0)), SEEN),
    "turned": (np.stack([moved(turn(0.1))] * 3), moved(turn(0.2)), SEEN),
    "grown": (np.stack([moved(((1.1, 0), (0, 1.1)))] * 3), STILL, SEEN),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", METRICS)
def test_a_number_or_an_error_that_says_what_is_wrong(name, scene):
    samples, truth, visible = SCENES[scene]
    refused = ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns of what would be NaN
        try:
            found = METRICS[name](samples, truth, visible)
        except UserError as error:
            found, refused = 0.0, str(error)
    assert np.isfinite(np.asarray(found, np.float64)).all()
    assert refused.startswith("expected ") or not refused
    assert scene not in ("turned", "grown") or not refused


WITHOUT_VISIBILITY = {"best_of_k", "scene variance", "mse", "poke epe", "deviation", "pairwise"}
OF_SAMPLES = {"lrtl", "rank share", "low rank loss", "fvmd", "fvmd scene"}


@pytest.mark.parametrize("name", METRICS)
def test_an_occluded_truth_is_refused(name):
    samples, truth, visible = SCENES["all occluded"]
    if name in WITHOUT_VISIBILITY | OF_SAMPLES:
        METRICS[name](samples, truth, visible)
    elif name in ("fvmd tracks", "fvmd long"):  # empty histograms: -2 eps a dimension
        assert METRICS[name](samples, truth, visible)[2] == pytest.approx(0, abs=0.01)
    elif name == "calibration":  # nothing is visible, and that was said
        assert METRICS[name](samples, truth, visible) == [0, 0]
    else:
        with pytest.raises(UserError, match=r"visible|seen"):
            METRICS[name](samples, truth, visible)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"f1", "ap", "calibration"}))
def test_a_forecast_that_is_not_finite_is_refused(name):
    samples, truth, visible = SCENES["forecast not finite"]
    with pytest.raises(UserError, match=r"finite|visible|seen"):
        METRICS[name](samples, truth, visible)


def test_a_shift_against_stillness():
    """Truth moves (3, 4) a frame: t frames later it is 5 t pixels off."""
    truth, still = moved(shift=(3, 4)), np.stack([STILL] * 2)
    off = 5 * np.arange(8)
    assert min_ade(still, tracks(truth)) == pytest.approx(off.mean())
    assert min_fde(still, tracks(truth)) == energy_score(still[:, -1:], tracks(truth[-1:])) == 35
    np.testing.assert_allclose(error_over_horizon(still[0], tracks(truth)).error, off, rtol=1e-6)
    assert crps(still, tracks(truth)) == pytest.approx((3 + 4) / 2 * np.arange(8).mean())
    assert energy_score(still, tracks(truth)) == pytest.approx(np.sqrt(np.square(off).mean()))
    assert best_of_k(still, truth[None]) == pytest.approx(np.square(off).mean() / 2)
    assert vepe([(tracks(STILL), tracks(truth))]) == pytest.approx(off.mean())
    assert pck(still[0], tracks(truth))["pck_16"] == 2 / 8  # 0 and 10 pixels of a 256 frame
    assert miss_rate(still, tracks(truth), 35.0) == 0
    assert miss_rate(still, tracks(truth), 34.9) == 1
    assert velocity_jump(*split(truth, SEEN)) == pytest.approx(0, abs=1e-6)
    assert position_jump(*split(truth, SEEN)) == pytest.approx(5)
    errors = sample_errors(normalised(still), normalised(truth))
    assert errors.mean.item() == pytest.approx(np.square(off).mean() / 2, rel=1e-5)
    assert poke_epe(normalised(still), normalised(truth), 4).item() == pytest.approx(35)
    query = np.zeros((1, N))
    hidden, xy = ~SEEN.T[None], truth.swapaxes(0, 1)[None].astype(float)
    scores = tapvid(query, hidden, xy, hidden, np.stack([STILL.swapaxes(0, 1)]) + 0.0, "first")
    assert scores["pts_within_16"] == 3 / 7  # 5, 10 and 15 pixels
    assert scores["jaccard_16"] == 3 / (7 + 4)
    assert scores["occlusion_accuracy"] == 1


@pytest.mark.parametrize(
    ("xy", "speed_difference", "energy"),
    [
        (moved(shift=(3, 4)), 0, 0),
        (moved(((1.05, 0), (0, 1.05)), frames=2), 0.05, 0.1**2),
        (moved(((1, -0.05), (0.05, 1)), frames=2), 0.05, 0.1**2),
        (moved(((1, 0.05), (0.05, 1)), frames=2), 0.05, 0),  # a shear: neither spreads nor turns
        (moved(turn(0.3), frames=2), np.sin(0.3) + 1 - np.cos(0.3),
         4 * (np.sin(0.3) ** 2 + (1 - np.cos(0.3)) ** 2)),
    ],
)  # fmt: skip
def test_fields_of_a_shift_an_expansion_and_a_turn(xy, speed_difference, energy):
    """Neighbours differ by the matrix's columns: FlowTV adds both directions."""
    assert flow_tv(field(xy)) == pytest.approx(2 * speed_difference, abs=1e-6)
    assert divcurl_energy(field(xy)) == pytest.approx(energy, abs=1e-6)
    paper = divcurl_energy(field(xy), "paper")
    assert paper == pytest.approx(divcurl_energy(field(xy)) / STRIDE**2)
    speed = np.linalg.norm(np.diff(xy.astype(float), axis=0), axis=-1)
    assert flow_tv_of_motion(field(xy)) == pytest.approx(flow_tv(field(xy)) * STRIDE / speed.mean())
    assert divcurl_of_motion(field(xy)) == pytest.approx(
        divcurl_energy(field(xy)) * STRIDE**2 / np.square(speed).mean()
    )


@pytest.mark.parametrize("xy", [STILL, moved(shift=(3, 4)), moved(turn(0.3)), moved(turn(-1))])
def test_a_rigid_motion_in_the_plane_has_low_rank(xy):
    assert rank_residual(xy.astype(np.float64)) == pytest.approx(0, abs=1e-3)  # float32 positions
    loss = low_rank_loss(
        torch.from_numpy(xy)[None], torch.zeros(1, 1, N, 2), torch.ones(1, 1, 2, 2)
    )
    assert loss.item() == pytest.approx(0, abs=1e-3)


def test_sets_of_equal_motion_are_as_near_as_a_set_is_to_itself():
    """The order of which clip moves how does not matter, where the clips are does not either."""
    ways = [(2, 1), (-3, 4), (5, -2), (1, 7)]
    a = np.stack([moved(shift=way) for way in ways])
    b = np.stack([moved(shift=way) for way in ways[::-1]]) + np.float32(64)
    assert fvmd(a, b).combined == pytest.approx(fvmd(a, a).combined, abs=1e-6)
    assert -0.1 < fvmd(a, a).combined < 0
    assert fvmd(a, np.stack([STILL] * 4)).combined > 100
    assert fvmd(a, a * -1).combined > 100  # all directions turned round


def test_a_pan_weighs_in_one_bin_of_each_cell():
    """Two sets without spread: the squared distance of two histograms."""
    a, b = (np.stack([moved(shift=s, frames=4)] * 2) for s in ((2, 5), (-2, -5)))
    weight = 75 * 3 / 8  # 25 points in 3 frames, ceil(log2(1 + 5.4)) = 3
    assert fvmd(a, b).velocity == pytest.approx(2 * weight**2, rel=1e-5)
    assert fvmd(a, b).acceleration == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "name",
    ["min_ade", "min_fde", "budget", "miss", "energy", "crps", "coverage", "best_of_k", "mse",
     "scene variance", "poke epe", "deviation", "pairwise", "low rank loss", "ade and fde"],
)  # fmt: skip
def test_no_sample_is_refused(name):
    with pytest.raises(UserError, match="expected"):
        METRICS[name](np.zeros((0, *STILL.shape), np.float32), STILL, SEEN)


def test_one_clip_has_no_spread():
    for metric in (
        lambda: fvmd(STILL[None], STILL[None]),
        lambda: fvmd_long([(field(STILL), field(STILL))]),
        lambda: fvmd_tracks([(field(STILL), field(STILL))], 8),
        lambda: fvmd_scene(STILL[None, None], STILL[None, None]),
    ):
        with pytest.raises(UserError, match="at least 2 clips"):
            metric()
