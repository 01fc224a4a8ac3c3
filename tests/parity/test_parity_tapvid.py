"""TAP-Vid metrics against numbers recorded from tapnet's own code."""

import json
from pathlib import Path

import numpy as np
import pytest

from kinecast.metrics.tapvid import first_queries, strided_queries, tapvid

CASES = Path(__file__).parent / "cases" / "metrics"
SCORED = ["first", "strided", "thresholds", "all_occluded", "query_last"]


def _case(name: str) -> tuple[dict[str, np.ndarray], dict]:
    folder = CASES / f"tapvid_{name}"
    inputs = dict(np.load(folder / "inputs.npz"))
    return inputs, json.loads((folder / "outputs.json").read_text())


def _scores(inputs: dict, outputs: dict, trackwise: bool) -> dict[str, np.ndarray]:
    return tapvid(
        inputs["query_points"][..., 0],
        inputs["gt_occluded"],
        inputs["gt_tracks"],
        inputs["pred_occluded"],
        inputs["pred_tracks"],
        mode=outputs["query_mode"],
        trackwise=trackwise,
    )


@pytest.mark.parametrize("trackwise", [False, True])
@pytest.mark.parametrize("name", SCORED)
def test_metrics_are_tapnets(name, trackwise):
    inputs, outputs = _case(name)
    scores = _scores(inputs, outputs, trackwise)
    expected = outputs["tapnet_trackwise" if trackwise else "tapnet"]
    assert set(scores) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(scores[key], value, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", SCORED)
def test_the_older_copy_differs_only_in_its_pooled_occlusion_accuracy(name):
    # It divides each video's right flags by the evaluated flags of the whole batch.
    inputs, outputs = _case(name)
    scores, older = _scores(inputs, outputs, False), outputs["whn_cotracker_copy"]
    frames = np.arange(inputs["gt_occluded"].shape[-1])
    query = np.round(inputs["query_points"][..., :1])
    counts = frames > query if outputs["query_mode"] == "first" else frames != query
    share = counts.sum((1, 2)) / max(counts.sum(), 1)
    for key, value in older.items():
        ours = scores[key] * share if key == "occlusion_accuracy" else scores[key]
        np.testing.assert_allclose(ours, value, atol=1e-9, err_msg=key)


@pytest.mark.parametrize(
    ("protocol", "queries"), [("first", first_queries), ("strided", strided_queries)]
)
def test_queries_are_tapnets(protocol, queries):
    inputs, _ = _case("queries")
    points, index = queries(inputs["occluded"], inputs["points_xy_px"])
    np.testing.assert_allclose(points, inputs[f"{protocol}_query_points"][0], atol=1e-9)
    np.testing.assert_array_equal(inputs["occluded"][index], inputs[f"{protocol}_occluded"][0])
    np.testing.assert_allclose(
        inputs["points_xy_px"][index], inputs[f"{protocol}_target_points"][0], atol=1e-9
    )
    if protocol == "strided":
        np.testing.assert_array_equal(index, inputs["strided_trackgroup"][0])
