"""Nothing after --at reaches the history: one tracking pass serves both it and the truth."""

import numpy as np
import pytest
from small_clip import write_clip

import kinecast
from kinecast.core.grid import Grid
from kinecast.data.trackers import TRACKERS, get_tracker

START, AT, STOP = 2, 12, 20


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("laid", [START, AT - 1], ids=["start", "now"])
def test_the_history_is_the_same_without_its_future(tmp_path, tracker, laid):
    video = kinecast.open_video(write_clip(tmp_path / "clip.mp4", STOP))
    grid = Grid.over(video.size, 16.0)
    follow = get_tracker(tracker)
    whole = follow.track(video, grid=grid, reference=laid, start=START, stop=STOP)
    alone = follow.track(video, grid=grid, reference=laid, start=START, stop=AT)
    past = whole.window(0, AT - START)
    assert np.array_equal(past.xy, alone.xy)
    assert np.array_equal(past.visible, alone.visible)
    assert np.array_equal(past.confidence, alone.confidence)
