"""Video in memory, and clips that pair a video with its tracks."""

import numpy as np
import pytest

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video


def _video(frames=7):
    array = np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((6, 8, 3), np.uint8)
    return Video(ArraySource(array, fps=25.0), "numbers")


def _tracks(frames=7, size=(8, 6)):
    return Tracks(np.zeros((frames, 2, 2), np.float32), np.ones((frames, 2), bool), size)


def test_a_video_is_sliced_like_a_list():
    video = _video()
    assert (len(video), video.size, video.fps, video.name) == (7, (8, 6), 25.0, "numbers")
    for cut in (slice(2, 5), slice(None), slice(-2, None), slice(5, 99), slice(5, 2), slice(3)):
        assert video[cut][:, 0, 0, 0].tolist() == list(range(7))[cut]
    with pytest.raises(UserError, match="step 1, got step -1"):
        video[::-1]


def test_windows_are_consecutive():
    seen = [window[:, 0, 0, 0].tolist() for window in _video().windows(3)]
    assert seen == [[0, 1, 2], [3, 4, 5], [6]]


def test_warnings_are_those_of_the_source():
    notes = []
    video = Video(_video()._source, warnings=notes)
    notes.append("damaged")
    assert video.warnings == ["damaged"]
    assert _video().warnings == []


def test_frames_that_are_none():
    source = object.__new__(ArraySource)
    init = getattr(ArraySource.__init__, "__wrapped__", ArraySource.__init__)
    with pytest.raises(UserError, match=r"expected uint8 RGB frames .* got float64 \(2, 6, 8\)"):
        init(source, np.zeros((2, 6, 8)))


def test_a_clip_pairs_a_video_with_its_tracks():
    clip = Clip(_tracks(), _video(), "digits", "n0")
    assert (clip.caption, clip.id) == ("digits", "n0")
    assert Clip(_tracks()).video is None


@pytest.mark.parametrize(("frames", "size"), [(6, (8, 6)), (7, (6, 8))])
def test_a_clip_refuses_tracks_of_another_video(frames, size):
    with pytest.raises(UserError, match="expected video and tracks of one length and size, got 7"):
        Clip(_tracks(frames, size), _video())
