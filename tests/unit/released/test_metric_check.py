"""TrajLoom's run folders as its scripts read them: order of points, masks, windows, damage."""

import json

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.fvmd_tracks import fvmd_tracks, windows
from kinecast.released.case import Case
from kinecast.released.metric_check import check_metrics

H, W, FRAMES, STRIDE = 5, 10, 18, 16
SIZE = (160, 80)
SHUFFLED = 1  # the clip whose points are in disorder
FVMD = {
    "eval_start": 1, "eval_len": 16, "clip_len": 12, "clip_stride": 2, "use_gt_visibility": True,
    "cell_size": 5, "cube_frames": 4, "angle_bins": 8, "magnitude_bins": 256,
}  # fmt: skip
QUALITY = {
    "eval_start": 0, "eval_len": -1, "grid_stride": STRIDE, "use_visibility": True,
    "visibility_name": "gt_visibility.npy",
}  # fmt: skip


def clip(n):
    """Truth, forecast, (T, h, w, 2), and what is visible."""
    rng = np.random.default_rng(n)
    walks = np.cumsum(rng.normal(0, 2, (2, FRAMES, H, W, 2)), axis=1).astype(np.float32)
    return walks[0], walks[1], rng.random((FRAMES, H, W)) < 0.8


def field(xy, visible):
    return Field(xy, visible, SIZE, float(STRIDE), (0.0, 0.0))


@pytest.fixture
def record(tmp_path):
    """Write a case of three clips with such sections."""

    def write(sections, features=None):
        y, x = np.mgrid[:H, :W] * STRIDE
        query, inputs = np.stack([x.ravel(), y.ravel()], -1), {}
        for n in range(3):
            order = np.arange(H * W)
            if n == SHUFFLED:
                order = np.random.default_rng(9).permutation(order)
            truth, forecast, visible = (a.reshape(FRAMES, H * W, -1)[:, order] for a in clip(n))
            arrays = {"gt_tracks": truth, "pred_tracks": forecast, "query_xy": query[order]}
            arrays["gt_visibility"] = visible[..., 0].astype(np.uint8)
            inputs |= {f"clip0{n}.{name}": array for name, array in arrays.items()}
        np.savez(tmp_path / "inputs.npz", **inputs)
        if features is not None:
            np.savez(tmp_path / "fvmd_features.npz", **features)
        how = {"clip_len": 8, "clip_stride": 5, "use_gt_visibility": True}
        config = {"W": SIZE[0], "H": SIZE[1], "feature_case": how}
        case = {
            "system": "trajloom", "kind": "metrics", "config": "config.json",
            "inputs": "inputs.npz", "outputs": "outputs.json",
            "tolerance": {"rel": 1e-6, "*fvmd*": {"rel": 1e-5}},
        }  # fmt: skip
        for name, value in (("config", config), ("outputs", sections), ("case", case)):
            (tmp_path / f"{name}.json").write_text(json.dumps(value))
        return Case.read(tmp_path)

    return write


def test_windows_are_cut_and_masked_and_points_ordered(record):
    cut = np.s_[1:17]
    clips = [[a[cut] for a in clip(n)] for n in range(3)]
    pairs = [(field(forecast, seen), field(truth, seen)) for truth, forecast, seen in clips]
    scores = fvmd_tracks(pairs, 12, 2)
    numbers = {
        "fvmd_tracks_velocity": scores.velocity,
        "fvmd_tracks_acceleration": scores.acceleration,
        "fvmd_tracks_combine": scores.combined,
        "num_videos": 3,
        "num_windows": 3 * 3,
        "grid_H": H,
        "grid_W": W,
        "feature_dim_va": 2 * 3 * 2 * 8,
    }
    parts = [windows(truth, seen, 8, 5) for truth, _, seen in map(clip, range(3))]
    features = {"vel_gt": np.concatenate([part.velocity for part in parts])}
    found = check_metrics(record({"fvmd.12_2": {**FVMD, **numbers}}, features))
    assert {d.output for d in found} == {
        *(f"fvmd.12_2.{name}" for name in numbers),
        "fvmd_features.vel_gt",
    }
    assert all(d.within for d in found)


def test_a_section_says_what_was_done_to_the_clips(record):
    values = []
    for n in range(3):
        _, forecast, visible = clip(n)
        if n == 0:
            visible = np.ones_like(visible)
        values.append(flow_tv(field(forecast, visible)))
    videos = [{"video": f"clip0{n}", "flowsmooth_tv": value} for n, value in enumerate(values)]
    numbers = {"num_missing_visibility_files": 1, "per_video": videos}
    sections = {
        "missing_vis_clip00.quality.gt_vis": {**QUALITY, **numbers},
        "nan_case.fvmd.12_2": {"raises": "LinAlgError"},
        "fvmd.12_2": {"raises": "LinAlgError"},  # it does not
    }
    found = {d.output: d.within for d in check_metrics(record(sections))}
    assert found == {
        "missing_vis_clip00.quality.gt_vis.num_missing_visibility_files": True,
        "missing_vis_clip00.quality.gt_vis.per_video.flowsmooth_tv": True,
        "nan_case.fvmd.12_2.raises": True,
        "fvmd.12_2.raises": False,
    }


def test_without_queries_points_are_taken_as_they_come(record):
    def values(prefix):
        videos = [
            {"video": f"clip0{n}", "flowsmooth_tv": flow_tv(field(*clip(n)[1:]))} for n in (0, 1, 2)
        ]
        return {f"{prefix}quality.gt_vis": {**QUALITY, "per_video": videos}}

    (known,) = check_metrics(record(values("")))
    (unknown,) = check_metrics(record(values("no_query_xy.")))
    assert known.within
    assert not unknown.within  # 50 points in disorder, and 5 x 10 all the same


def test_unknown_sections_and_settings_are_refused(record):
    with pytest.raises(UserError, match=r"section of vepe, quality, fvmd, got vpe\.default"):
        check_metrics(record({"vpe.default": {}}))
    with pytest.raises(UserError, match="the published histogram"):
        check_metrics(record({"fvmd.large": {**FVMD, "cell_size": 6}}))
    with pytest.raises(UserError, match=r"got none of fvmd\.new\.fvmd_tracks_jerk"):
        check_metrics(record({"fvmd.new": {**FVMD, "fvmd_tracks_jerk": 1.0}}))
