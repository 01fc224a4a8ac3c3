"""Recorded metrics in other shapes and with other settings than the cases that are at hand."""

import json
import math
import re

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.metrics.sample_mse import sample_errors
from kinecast.metrics.tapvid import tapvid
from kinecast.released.case import Case
from kinecast.released.metric_check import check_metrics

SETTINGS = {"cell_size": 5, "cube_frames": 4, "angle_bins": 8, "magnitude_bins": 256}


@pytest.fixture
def record(tmp_path):
    """Write a case; `check` what was written."""

    def write(arrays, outputs, system="metrics", config=None, features=None):
        np.savez(tmp_path / "inputs.npz", **arrays)
        (tmp_path / "outputs.json").write_text(json.dumps(outputs))
        about = {"system": system, "kind": "metrics", "tolerance": {"rel": 1e-6, "abs": 1e-9}}
        about |= {"inputs": "inputs.npz", "outputs": "outputs.json"}
        if config is not None:
            about["config"] = "config.json"
            (tmp_path / "config.json").write_text(json.dumps(config))
        if features is not None:
            np.savez(tmp_path / "fvmd_features.npz", **features)
        (tmp_path / "case.json").write_text(json.dumps(about))
        return {d.output: d for d in check_metrics(Case.read(tmp_path))}

    return write


def draw(seed=0):
    return np.random.default_rng(seed)


def videos(count, k=3, frames=(6, 6)):
    """Recorded clips of ZipMo's evaluation, forecasts of other lengths than truths."""
    arrays = {}
    for n in range(count):
        arrays[f"v{n}_gt"] = draw(n).uniform(-1, 1, (5, frames[0], 2)).astype(np.float32)
        pred = draw(99 + n).uniform(-1, 1, (k, 5, frames[1], 2))
        arrays[f"v{n}_pred"] = pred.astype(np.float32)
    return arrays


@pytest.mark.parametrize("frames", [(6, 6), (6, 15), (15, 6)])
def test_videos_beyond_the_tenth_keep_their_place(record, frames):
    arrays = videos(12, frames=frames)
    mins = [
        float(
            sample_errors(
                torch.from_numpy(arrays[f"v{n}_pred"]), torch.from_numpy(arrays[f"v{n}_gt"])
            ).best.error
        )
        for n in range(12)
    ]
    outputs = {"with_l1": {"Min_MSE": mins}, "k_used": 3, "inpaint_nans": False}
    assert all(d.within for d in record(arrays, outputs).values())
    outputs["with_l1"]["Min_MSE"] = [mins[n] for n in (0, 1, 10, 11, *range(2, 10))]
    assert not record(arrays, outputs)["with_l1.Min_MSE"].within


def test_one_sample_has_no_deviation(record):
    names = ("std_diversity", "diversity_pairwise")
    outputs = {"one": dict(zip(names, ([math.nan] * 2, [0.0] * 2), strict=True))}
    found = record(videos(2, k=1), {**outputs, "k_used": 1, "inpaint_nans": False})
    assert all(found[f"one.{name}"].within for name in names)


def test_the_older_copy_of_tapvid_has_no_nan_where_another_video_counts(record):
    rng = draw()
    hidden, theirs = rng.random((2, 2, 3, 6)) < 0.3
    xy, other = rng.uniform(0, 256, (2, 2, 3, 6, 2))
    query = np.zeros((2, 3, 3))
    query[1, :, 0] = 5  # of the second video nothing is after the query frame
    arrays = {
        "query_points": query, "gt_occluded": hidden, "gt_tracks": xy,
        "pred_occluded": theirs.astype(np.uint8), "pred_tracks": other,
    }  # fmt: skip
    right = float((hidden == theirs)[0, :, 1:].mean())
    outputs = {"whn_cotracker_copy": {"occlusion_accuracy": [right, 0.0]}, "query_mode": "first"}
    assert record(arrays, outputs)["whn_cotracker_copy.occlusion_accuracy"].within
    ours = tapvid(query[..., 0], hidden, xy, theirs, other, "first")
    assert math.isnan(ours["occlusion_accuracy"][1])
    with pytest.raises(UserError, match="mode of first, strided"):
        record(arrays, {**outputs, "query_mode": "last"})


def test_means_and_covariances_beside_the_features_are_judged(record):
    a, b = draw().normal(0, 3, (2, 9, 4))
    arrays = {"feat_a": a, "feat_b": b, "mu_a": a.mean(0), "cov_b": np.cov(b, rowvar=False)}
    outputs = {"note": "no number"}
    assert all(d.within for d in record(arrays, outputs).values())
    found = record({**arrays, "mu_a": a.mean(0) + 0.1}, outputs)
    assert [name for name, d in found.items() if not d.within] == ["mu_a"]
    with pytest.raises(UserError, match="got none of other"):
        record({**arrays, "other": a}, outputs)
    with pytest.raises(UserError, match=r"recorded numbers in .*, got none"):
        record({"feat_a": a, "feat_b": b}, outputs)


def clips(count, frames=10, h=5, w=10, nan=False):
    """Run folders on a rectangular grid."""
    arrays = {}
    y, x = np.mgrid[:h, :w]
    for n in range(count):
        steps = draw(n).normal(0, 2, (2, frames, h * w, 2))
        gt, pred = np.cumsum(steps, axis=1).astype(np.float32) + 20
        if nan:
            pred[2, 3] = np.nan
        arrays |= {f"clip{n:02}.gt_tracks": gt, f"clip{n:02}.pred_tracks": pred}
        arrays[f"clip{n:02}.query_xy"] = 8 * np.stack([x.ravel(), y.ravel()], -1)
        arrays[f"clip{n:02}.gt_visibility"] = (draw(n).random((frames, h * w)) < 0.8).astype("u1")
    return arrays


def config(**settings):
    how = {"clip_len": 0, "clip_stride": 3, "use_gt_visibility": True, **settings}
    return {"W": 80, "H": 40, "feature_case": how}


def fvmd_section(**numbers):
    return {
        "eval_start": 0, "eval_len": -1, "clip_len": 0, "clip_stride": 15,
        "use_gt_visibility": True, "visibility_name": "gt_visibility.npy", **SETTINGS, **numbers,
    }  # fmt: skip


def test_a_rectangular_grid_and_whole_videos_as_windows(record):
    numbers = {"grid_H": 5, "grid_W": 10, "num_windows": 3, "feature_dim_v": 2 * 1 * 2 * 8}
    features = {"vel_gt": np.zeros((3, 32))}
    outputs = {"fvmd.full_gtvis": fvmd_section(**numbers)}
    found = record(clips(3), outputs, "trajloom", config(), features)
    assert all(found[f"fvmd.full_gtvis.{name}"].within for name in numbers)
    assert found["fvmd_features.vel_gt"].value > 0  # of the right shape: three whole videos
    assert not math.isinf(found["fvmd_features.vel_gt"].value)


def test_the_mask_is_the_file_that_was_named(record):
    arrays = clips(2)
    for name in ("clip00", "clip01"):
        arrays[f"{name}.pred_visibility"] = np.zeros_like(arrays[f"{name}.gt_visibility"])
    nothing = {"fvmd_tracks_velocity": 0.0}  # all is masked: 2 eps a dimension
    for mask, still in (("gt_visibility.npy", False), ("pred_visibility.npy", True)):
        outputs = {"fvmd.full": fvmd_section(visibility_name=mask, **nothing)}
        found = record(arrays, outputs, "trajloom", config())["fvmd.full.fvmd_tracks_velocity"]
        assert (found.value < 0.01) == still


@pytest.mark.parametrize(
    ("name", "count", "nan", "raises"),
    [
        ("fvmd.8_8_gtvis", 1, False, False),  # a video of one window, if 16 frames were taken
        ("fvmd.16_8_gtvis", 1, False, True),
        ("fvmd.8_2_gtvis", 1, False, False),
        ("fvmd.full_gtvis", 1, False, True),
        ("fvmd.full_novis", 2, False, False),
        ("nan.fvmd.8_2_gtvis", 2, True, True),
    ],
)
def test_what_raised_is_told_by_the_settings_in_its_name(record, name, count, nan, raises):
    frames = 16 if "8_8" in name else 10
    arrays = clips(count, frames, nan=nan)
    found = record(arrays, {name: {"raises": "ValueError"}}, "trajloom", config())
    assert found[f"{name}.raises"].within == raises


def test_videos_without_a_number_are_left_out_of_the_mean(record):
    arrays = clips(2)
    arrays["clip01.gt_visibility"][:] = 0
    section = {
        "eval_start": 0, "eval_len": -1, "use_visibility": True, "grid_stride": 8.0,
        "visibility_name": "gt_visibility.npy",
    }  # fmt: skip
    videos = [{"flowsmooth_tv": 0.0}, {"flowsmooth_tv": math.nan}]
    outputs = {"quality.gt_vis": {**section, "per_video": videos}}
    ours = record(arrays, outputs, "trajloom", config())["quality.gt_vis.per_video.flowsmooth_tv"]
    assert 0 < ours.value < math.inf  # a number, and NaN, where they were recorded
    arrays["clip00.gt_visibility"][:] = 0
    outputs = {"quality.gt_vis": {**section, "flowsmooth_tv_video_mean": math.nan}}
    found = record(arrays, outputs, "trajloom", config())
    assert found["quality.gt_vis.flowsmooth_tv_video_mean"].within
    vepe = {"ignore_gt_visibility": False, "exclude_t0": True, "eval_len": -1, "vepe_px": math.nan}
    found = record(arrays, {"vepe.hidden": vepe}, "trajloom", config())
    assert found["vepe.hidden.vepe_px"].within


def cut(arrays, name, shape):
    return {**arrays, name: arrays[name][tuple(slice(n) for n in shape)]}


def test_arrays_that_do_not_fit_are_refused(record):
    flow = {"vepe.x": {"eval_len": 0, "exclude_t0": False, "ignore_gt_visibility": False}}
    zipmo = {"k_used": 2, "inpaint_nans": False, "one": {"Min_MSE": [1.0]}}
    runs, clip = clips(1), videos(1)
    for arrays, outputs, system, message in (
        (cut(clip, "v0_pred", (3, 2)), zipmo, "metrics", "expected n = 5 in v0_pred"),
        ({"v0_gt": clip["v0_gt"], "v1_pred": clip["v0_pred"]}, zipmo, "metrics", "v0_pred beside"),
        ({**clip, "v0_gt": np.ones((5, 6, 2), int)}, zipmo, "metrics", "v0_gt of float numbers"),
        (clip, {**zipmo, "k_used": "all"}, "metrics", "numbers and settings as in other cases"),
        ({"vectors": np.zeros((1, 4, 24, 2), "f4")}, {"hist": 1}, "metrics", "square grid, got 24"),
        (cut(runs, "clip00.gt_visibility", (3,)), flow, "trajloom", "10 frames and 50 points"),
        ({"other": clip["v0_gt"]}, flow, "trajloom", "gt_tracks beside the rest"),
        (runs, {"vepe.x": 3.0}, "trajloom", "section of numbers"),
        (runs, {"vepe.x": {**flow["vepe.x"], "eval_len": "all"}}, "trajloom", "and settings"),
        (runs, {"fvmd.x": {"raises": "ValueError"}}, "trajloom", "clip length and stride"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=re.escape(message)):
            record(arrays, outputs, system, config())
