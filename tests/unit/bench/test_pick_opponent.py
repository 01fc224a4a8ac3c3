"""The opponent of a kind of data is the best baseline on its validation clips."""

import numpy as np
import pytest

from kinecast.bench.baselines import pick_opponent
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import baselines

SIZE = (80, 48)


def clip(speed, frames=24):
    """10 points in the middle that move at `speed` pixels a frame, each its own way."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 10)
    step = speed * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    xy = (30 + np.arange(frames)[:, None, None] * step).astype(np.float32)
    tracks = Tracks(xy=xy, visible=np.ones(xy.shape[:2], bool), size=SIZE)
    return tracks.split(frames // 2)


def test_straight_motion_picks_an_undamped_one_and_rest_is_all_alike():
    table = pick_opponent([clip(0.5), clip(1.0)])
    assert table.best.startswith(("linear", "constant_velocity"))
    assert set(table.ade) == set(table.moving_ade) == set(baselines())
    assert table.clips == 2
    still = pick_opponent([clip(0.0)])
    assert max(still.ade.values()) == pytest.approx(0, abs=1e-4)
    assert all(np.isnan(value) for value in still.moving_ade.values())


def test_the_table_is_a_mean_over_clips():
    one, other, both = (
        pick_opponent(c) for c in ([clip(0.5)], [clip(1.0)], [clip(0.5), clip(1.0)])
    )
    name = "constant_position"
    assert both.ade[name] == pytest.approx((one.ade[name] + other.ade[name]) / 2)
    assert both.ade[name] == pytest.approx(0.75 * 6.5, rel=1e-4)  # 1 .. 12 steps from the last


def test_it_prints_best_first_and_refuses_nothing():
    lines = str(pick_opponent([clip(1.0)])).splitlines()
    assert len(lines) == 1 + len(baselines())
    assert lines[-1].startswith("constant_position")
    with pytest.raises(UserError, match="got none"):
        pick_opponent([])
