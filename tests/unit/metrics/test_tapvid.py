import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics.tapvid import THRESHOLDS, score

SIZE = (80, 48)


def _tracks(seed: int = 0, query: int = 0, T: int = 12, N: int = 9) -> Tracks:
    draw = np.random.default_rng(seed)
    visible = draw.random((T, N)) < 0.7
    visible[query] = True
    xy = draw.uniform(0, SIZE, (T, N, 2)).astype(np.float32)
    return Tracks(xy=xy, visible=visible, size=SIZE, query_frame=np.full(N, query))


def _moved(tracks: Tracks, by: tuple[float, float], visible: np.ndarray | None = None) -> Tracks:
    return Tracks(
        xy=tracks.xy + np.float32(by),
        visible=tracks.visible if visible is None else visible,
        size=tracks.size,
        query_frame=tracks.query_frame,
    )


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), query=st.integers(0, 11))
def test_the_truth_scores_one(seed, query):
    truth = _tracks(seed, query)
    assert set(score(truth, truth).values()) == {1.0}


def test_thresholds_are_pixels_of_a_256_frame_on_both_axes():
    truth = _tracks()
    # 3 px of the 256 frame in either axis: within 4, 8 and 16, not within 1 and 2.
    for by in [(3 * 80 / 256, 0.0), (0.0, 3 * 48 / 256)]:
        result = score(_moved(truth, by), truth)
        assert [result[f"pts_within_{d}"] for d in THRESHOLDS] == [0, 0, 1, 1, 1]
        assert result["average_pts_within_thresh"] == pytest.approx(0.6)


def test_wrong_visibility_costs_accuracy_and_jaccard_but_not_position():
    truth = _tracks()
    visible = np.ones_like(truth.visible)
    result = score(_moved(truth, (0, 0), visible), truth)
    share = truth.visible[1:].mean()
    assert result["average_pts_within_thresh"] == 1
    assert result["occlusion_accuracy"] == pytest.approx(share)
    assert result["average_jaccard"] == pytest.approx(share)  # TP / (all that is called visible)


def test_the_query_frame_does_not_count():
    truth = _tracks(query=5)
    xy = truth.xy.copy()
    xy[5] += 20
    spoilt = Tracks(xy=xy, visible=truth.visible, size=SIZE, query_frame=truth.query_frame)
    assert score(spoilt, truth)["average_jaccard"] == 1


def test_only_the_chosen_points_count():
    truth = _tracks()
    xy = truth.xy.copy()
    xy[:, :4] += 30
    spoilt = Tracks(xy=xy, visible=truth.visible, size=SIZE, query_frame=truth.query_frame)
    good = np.arange(truth.count) >= 4
    assert score(spoilt, truth, good)["average_jaccard"] == 1
    assert score(spoilt, truth, ~good)["average_pts_within_thresh"] < 0.5


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99))
def test_the_order_of_points_does_not_matter(seed):
    truth, order = _tracks(seed), np.random.default_rng(seed).permutation(9)
    found = _moved(truth, (1.5, -0.5), _tracks(seed + 1).visible)

    def mixed(tracks):
        xy, visible = tracks.xy[:, order], tracks.visible[:, order]
        return Tracks(xy=xy, visible=visible, size=SIZE, query_frame=tracks.query_frame)

    assert score(mixed(found), mixed(truth)) == pytest.approx(score(found, truth))


def test_other_points_are_refused():
    with pytest.raises(UserError, match="the same points"):
        score(_tracks(N=8), _tracks(N=9))
    with pytest.raises(UserError, match="query frames"):
        score(_tracks(query=0), _moved(_tracks(query=3), (0, 0)))
