"""Neighbours by motion: found where they are, handed over exactly, always the same."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from straight_system import SIZE

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.synth import generate
from kinecast.forecast import nearest
from kinecast.forecast.baselines import forecast as baseline
from kinecast.forecast.nearest import HistoryIndex
from kinecast.io.checkpoint import file_hash
from kinecast.metrics.evaluate import evaluate

PAST, FRAMES = 12, 10
GRID = Grid.over(SIZE, 16.0)


def wave(bend, frames=PAST + FRAMES, velocity=(0.5, 0.25), grid=GRID, name="", size=SIZE):
    """Points that go straight until the present, and then turn, each by `bend`."""
    t = np.arange(frames, dtype=np.float32)[:, None, None] - (PAST - 1)
    after = np.maximum(t, 0)
    xy = grid.points().reshape(1, -1, 2) + t * np.float32(velocity) + bend * after**2 / 10
    return Clip(Tracks(xy.astype(np.float32), np.ones(xy.shape[:2], bool), size), id=name)


@pytest.fixture(scope="module")
def index():
    """Ten motions, of ten speeds, that bend as their number says."""
    clips = [wave(i / 10, velocity=(0.4 * i, 0.1), name=str(i)) for i in range(10)]
    return HistoryIndex.build(clips, PAST, FRAMES, {"from": "waves"})


@pytest.mark.parametrize("i", range(10))
def test_a_clip_of_the_index_finds_itself_and_its_future(index, i):
    past, truth = wave(i / 10, velocity=(0.4 * i, 0.1)).tracks.split(PAST)
    first, second = index.forecast(past, FRAMES, k=2)
    assert first.source == {"neighbour": str(i)}
    np.testing.assert_allclose(first.xy, truth.xy, atol=0.02)
    assert abs(int(second.source["neighbour"]) - i) == 1
    assert np.array_equal(first.visible, first.inside())


def test_other_points_and_another_size_of_frame_find_the_same_clip(index):
    big = (2 * SIZE[0], 2 * SIZE[1])
    dots = Grid(1, 5, 21.0, (30.0, 40.0))
    past, truth = wave(1.2, velocity=(4.8, 0.2), grid=dots, size=big).tracks.split(PAST)
    future = index.forecast(past, FRAMES, k=1)[0]
    assert future.source == {"neighbour": "6"}
    np.testing.assert_allclose(future.xy, truth.xy, atol=0.05)


def test_only_visible_positions_are_read_and_a_hidden_point_goes_on_from_where_it_was_seen(index):
    past, truth = wave(0.5, velocity=(2.0, 0.1)).tracks.split(PAST)
    visible = past.visible.copy()
    visible[-3:, 1] = False
    visible[:, 2] = False
    visible[2:7, 3] = False
    wild = np.where(visible[..., None], past.xy, np.nan).astype(np.float32)
    clean, future = (
        index.forecast(replace(past, xy=xy, visible=visible), FRAMES, k=1)[0]
        for xy in (past.xy, wild)
    )
    assert np.array_equal(clean.xy, future.xy)
    assert np.isfinite(future.xy).all()
    assert future.source == {"neighbour": "5"}
    np.testing.assert_allclose(future.xy[:, 3:], truth.xy[:, 3:], atol=0.02)
    # it was last seen three frames ago: what its match did then is not what it did at the present
    gone = past.xy[-4, 1] + truth.xy[3:, 1] - past.xy[-1, 1]
    np.testing.assert_allclose(future.xy[: FRAMES - 3, 1], gone, atol=0.02)
    assert not future.visible[:, 2].any()
    assert np.ptp(future.xy[:, 2], axis=0).max() == 0


@given(seed=st.integers(0, 2**16))
def test_the_order_of_points_does_not_matter(index, seed):
    past, _ = wave(0.7, velocity=(1.3, 0.4)).tracks.split(PAST)
    order = np.random.default_rng(seed).permutation(past.count)
    turned = Tracks(past.xy[:, order], past.visible[:, order], past.size)
    a, b = index.forecast(past, 5, k=3), index.forecast(turned, 5, k=3)
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(other.xy, one.xy[:, order], atol=1e-4)


def test_a_longer_horizon_goes_on_by_what_was_forecast(index):
    past, _ = wave(0.0, velocity=(0.0, 0.1)).tracks.split(PAST)
    future = index.forecast(past, 3 * FRAMES + 2, k=1)[0]
    assert len(future) == 3 * FRAMES + 2
    assert np.isfinite(future.xy).all()
    line = past.xy[-1] + 0.1 * np.arange(1, 33)[:, None, None] * [0, 1]
    np.testing.assert_allclose(future.xy, line, atol=0.05)


def test_a_history_of_any_length_is_compared_by_what_it_shows(index):
    past, truth = wave(0.8, velocity=(3.2, 0.1)).tracks.split(PAST)
    future = index.forecast(past.window(PAST - 2, PAST), FRAMES, k=1)[0]
    assert future.source == {"neighbour": "8"}
    np.testing.assert_allclose(future.xy, truth.xy, atol=0.02)


def test_a_saved_index_is_the_same_and_has_the_same_bytes(index, tmp_path):
    index.save(tmp_path / "a.safetensors")
    index.save(tmp_path / "b.safetensors")
    assert file_hash(tmp_path / "a.safetensors") == file_hash(tmp_path / "b.safetensors")
    again = HistoryIndex.load(tmp_path / "a.safetensors")
    assert (again.futures.ids, again.about) == (index.futures.ids, {"from": "waves"})
    past, _ = wave(0.3, velocity=(1.1, 0.2)).tracks.split(PAST)
    for one, other in zip(index.forecast(past, 7, 4), again.forecast(past, 7, 4), strict=True):
        assert np.array_equal(one.xy, other.xy)
        assert np.array_equal(one.visible, other.visible)


def test_batches_of_clips_change_nothing(index, monkeypatch):
    past, _ = wave(0.3, velocity=(1.1, 0.2)).tracks.split(PAST)
    whole = index.forecast(past, 7, 4)
    monkeypatch.setattr(nearest, "AT_ONCE", 1)
    for one, other in zip(whole, index.forecast(past, 7, 4), strict=True):
        np.testing.assert_allclose(one.xy, other.xy, atol=1e-4)


def test_what_is_wrong_is_said(index, tmp_path):
    past, _ = wave(0.3).tracks.split(PAST)
    once = replace(past, visible=np.arange(PAST)[:, None] == np.zeros(past.count, int))
    with pytest.raises(UserError, match="in which points are seen to move"):
        index.forecast(once, 4)
    with pytest.raises(UserError, match=r"1 to 10 samples .* got 4 and 11"):
        index.forecast(past, 4, k=11)
    with pytest.raises(UserError, match=r"expected clips of at least 22 frames .* got none"):
        HistoryIndex.build([wave(0.0, frames=20)], PAST, FRAMES)
    with pytest.raises(UserError, match="a past of at least 2 frames"):
        HistoryIndex.build([wave(0.0)], 1, FRAMES)
    index.save(tmp_path / "cut.safetensors")
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-9])
    with pytest.raises(UserError, match="cannot read the index"):
        HistoryIndex.load(tmp_path / "cut.safetensors")


def test_on_worlds_like_its_own_it_is_nearer_than_standing_still_and_fast():
    """Best of 8 among 160 clips; a thousand clips are looked through in a second."""
    worlds = generate("mix", seed=0, n=160, frames=48, grid=Grid.over((832, 480), 64.0))
    index = HistoryIndex.build((worlds.clip(i) for i in range(160)), 24, 24)
    asked = generate("mix", seed=7, n=24, frames=48, grid=Grid.over((832, 480), 64.0))
    scores, began = [], time.process_time()
    for i in range(24):
        past, truth = asked.clip(i).tracks.split(24)
        still = evaluate([baseline("constant_position", past, 24)], truth, past)
        ours = evaluate(index.forecast(past, 24, 8), truth, past)
        scores.append((ours["best_ade"], ours["sample_ade"], still["best_ade"]))
    assert time.process_time() - began < 10
    best, _, still = np.nanmean(scores, axis=0)
    assert best < 0.95 * still
