from dataclasses import replace

import numpy as np
import pytest
from shard_clips import SIZE, assert_same, coloured_clip, numbers_under, random_clip

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data import augment

CHANGES = {
    "flip_x": augment.flip_x,
    "flip_y": augment.flip_y,
    "reverse": augment.reverse,
    "faster": lambda clip: augment.faster(clip, 3),
    "window": lambda clip: augment.window(clip, 2, 3, 2),
    "crop": lambda clip: augment.crop(clip, (10, 6, 71, 40)),
    "mask": lambda clip: augment.mask(clip, (20, 10, 60, 40), range(2, 7)),
    "random_flips": lambda clip: augment.random_flips(clip, np.random.default_rng(1), 1.0),
    "random_crop": lambda clip: augment.random_crop(clip, np.random.default_rng(1), (50, 40)),
    "random_mask": lambda clip: augment.random_mask(clip, np.random.default_rng(1)),
    "random_points": lambda clip: augment.random_points(clip, np.random.default_rng(1), 6),
}


def centred(clip):
    """The clip with points half a pixel off the pixels' borders, so that a flip moves none over."""
    tracks = clip.tracks
    return replace(clip, tracks=replace(tracks, xy=tracks.xy + np.float32(0.5), grid=None))


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_under_a_point_stays_under_it(name):
    """Every visible point of the result sits on its own colour: on pixels that only it painted."""
    clip = centred(coloured_clip())
    numbered = replace(clip.tracks, confidence=np.zeros(clip.tracks.visible.shape, np.float32))
    # the confidence carries the point's number through whatever reorders points
    numbered.confidence[:] = np.arange(1, clip.tracks.count + 1) / 256
    changed = CHANGES[name](replace(clip, tracks=numbered))
    tracks = changed.tracks
    expected = np.where(tracks.visible, np.rint(tracks.confidence * 256), -1).astype(int)
    np.testing.assert_array_equal(numbers_under(changed), expected)
    assert tracks.visible.any()
    assert (len(changed.video), changed.video.size) == (len(tracks), tracks.size)
    assert changed.video.fps == tracks.fps


@pytest.mark.parametrize("make", [coloured_clip, random_clip])
@pytest.mark.parametrize("name", ["flip_x", "flip_y", "reverse"])
def test_twice_is_the_identity(make, name):
    clip = make()
    twice = CHANGES[name](CHANGES[name](clip))
    if name == "reverse":
        assert_same(clip, twice)
    else:  # W - (W - x) rounds twice
        np.testing.assert_allclose(twice.tracks.xy, clip.tracks.xy, atol=1e-5)
        np.testing.assert_array_equal(twice.tracks.visible, clip.tracks.visible)
        np.testing.assert_array_equal(twice.tracks.query_frame, clip.tracks.query_frame)
        assert twice.tracks.grid == clip.tracks.grid
    np.testing.assert_array_equal(twice.video[:], clip.video[:])
    assert not np.array_equal(CHANGES[name](clip).video[:], clip.video[:])


@pytest.mark.parametrize("name", ["flip_x", "flip_y", "crop"])
def test_a_grid_still_says_where_points_were_laid(name):
    changed = CHANGES[name](coloured_clip()).tracks
    laid = changed.grid.points().reshape(-1, 2)
    np.testing.assert_array_equal(changed.xy[0], laid)


def test_a_crop_shifts_and_hides():
    clip = coloured_clip()
    box = (10, 6, 71, 40)
    part = augment.crop(clip, box)
    assert part.tracks.size == (61, 34)
    points = clip.tracks.grid.points().reshape(-1, 2)
    kept = ((points >= box[:2]) & (points < box[2:])).all(1)
    np.testing.assert_array_equal(part.tracks.xy + box[:2], clip.tracks.xy[:, kept])
    inside = part.tracks.inside()
    np.testing.assert_array_equal(part.tracks.visible, clip.tracks.visible[:, kept] & inside)
    assert not inside.all()
    np.testing.assert_array_equal(part.video[3:5], clip.video[3:5][:, 6:40, 10:71])


def test_a_crop_of_scattered_points_keeps_those_that_are_seen_in_it():
    xy = np.array(
        [[[5.0, 5.0], [50.0, 20.0], [79.0, 47.0]], [[5.0, 5.0], [5.0, 5.0], [41.0, 21.0]]]
    )
    clip = Clip(
        Tracks(xy.astype(np.float32), np.ones((2, 3), bool), SIZE, np.zeros(3, int)), id="a"
    )
    part = augment.crop(clip, (40, 10, 60, 30)).tracks
    np.testing.assert_array_equal(part.xy, xy[:, 1:] - (40, 10))
    assert part.visible.tolist() == [[True, False], [False, True]]
    assert part.query_frame.tolist() == [0, -1]  # where the second was laid, it is not seen
    with pytest.raises(UserError, match="got none"):
        augment.crop(clip, (30, 40, 32, 42))


def test_time_moves_query_frames_and_rates():
    clip = random_clip(0)
    query = np.array([0, 2, 4, 5, 11, -1, 3])
    visible = np.ones_like(clip.tracks.visible)
    xy = np.nan_to_num(clip.tracks.xy)
    tracks = replace(clip.tracks, xy=xy, query_frame=query, visible=visible)
    clip = replace(clip, tracks=tracks)
    back = augment.reverse(clip).tracks
    assert back.query_frame.tolist() == [11, 9, 7, 6, 0, -1, 8]
    fast = augment.faster(clip, 2).tracks
    assert fast.query_frame.tolist() == [0, 1, 2, -1, -1, -1, -1]
    assert (len(fast), fast.fps) == (6, 12.0)
    np.testing.assert_array_equal(fast.xy, xy[::2])
    part = augment.window(clip, 2, 4, 2).tracks
    assert part.query_frame.tolist() == [-1, 0, 1, -1, -1, -1, -1]
    assert (len(part), part.fps) == (4, 6.0)
    np.testing.assert_array_equal(part.xy, xy[2:10:2])
    np.testing.assert_array_equal(augment.window(clip, 2, 4, 2).video[1:3], clip.video[:][4:7:2])


def test_a_mask_is_grey_where_and_when_it_says():
    clip = coloured_clip()
    hidden = augment.mask(clip, (20, 10, 60, 40), range(2, 7))
    before, after = clip.video[:], hidden.video[:]
    assert (after[2:7, 10:40, 20:60] == augment.GREY).all()
    after[2:7, 10:40, 20:60] = before[2:7, 10:40, 20:60]
    np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(hidden.video[3:5], hidden.video[:][3:5])
    whole = augment.mask(clip, (0, 0, 80, 48)).tracks
    assert not whole.visible.any()
    assert (whole.query_frame == -1).all()


def test_the_same_draw_gives_the_same_clip_and_others_do_not():
    clip = coloured_clip()

    def made(seed):
        draw = np.random.default_rng(seed)
        changed = augment.random_flips(clip, draw)
        changed = augment.random_reverse(changed, draw)
        changed = augment.random_crop(changed, draw, (64, 40))
        return augment.random_points(changed, draw, 4)

    assert_same(made(5), made(5))
    assert len({made(seed).tracks.xy.tobytes() for seed in range(8)}) == 8
    assert made(5).tracks.count == 4


def test_tracks_without_a_video_go_the_same_way():
    clip = coloured_clip()
    blind = replace(clip, video=None)
    for name, change in CHANGES.items():
        assert_same(replace(change(clip), video=None), change(blind))
        assert change(blind).video is None, name


def test_pictures_are_read_only_where_they_are_looked_at():
    clip, asked = coloured_clip(), []

    class Watched:
        size, fps = clip.video.size, clip.video.fps

        def __len__(self):
            return len(clip.video)

        def read(self, start, stop):
            asked.append((start, stop))
            return clip.video[start:stop]

    changed = replace(clip, video=Video(Watched()))
    for change in CHANGES.values():
        change(changed)
    assert asked == []
    augment.reverse(augment.flip_x(changed)).video[0:1]
    assert asked == [(9, 10)]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda clip: augment.window(clip, 0, 11),
        lambda clip: augment.window(clip, 1, 5, 3),
        lambda clip: augment.window(clip, -1, 5),
        lambda clip: augment.window(clip, 0, 0),
        lambda clip: augment.faster(clip, 0),
        lambda clip: augment.crop(clip, (0, 0, 81, 48)),
        lambda clip: augment.crop(clip, (5, 5, 5, 9)),
        lambda clip: augment.mask(clip, (-1, 0, 4, 4)),
        lambda clip: augment.random_crop(clip, np.random.default_rng(0), (81, 10)),
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(UserError, match="expected"):
        wrong(coloured_clip())
