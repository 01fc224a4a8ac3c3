import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.layers import KINDS, Kind, LayeredSource, layered_clip, project
from kinecast.data.trackers.dis import sample

SIZE = (160, 96)


def _clip(kind: str, seed: int = 0, **options):
    return layered_clip(kind, seed, frames=12, size=SIZE, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_depends_on_its_arguments_alone(kind):
    a, b, c = _clip(kind), _clip(kind), _clip(kind, seed=1)
    assert (a.video[0:3] == b.video[0:3]).all()
    assert (a.tracks.xy == b.tracks.xy).all()
    assert (a.tracks.visible == b.tracks.visible).all()
    assert (a.video[0:3] != c.video[0:3]).any()


def test_frames_do_not_depend_on_the_window_they_are_read_in():
    video = _clip("noise").video
    assert (video[0:8][3:5] == video[3:5]).all()
    assert video[4:4].shape == (0, SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize("kind", ["translation", "affine", "perspective", "leaving"])
def test_points_keep_their_colour(kind):
    # The one test that ties pixels and tracks: without noise, what lies under a visible point is
    # the same in all frames, and 2 pixels beside it it is not.
    clip = _clip(kind, grid=Grid.over(SIZE, 4.0))
    frames = clip.video[0:12].astype(np.float32)
    right, beside = [], []
    for t in range(1, 12):
        seen = clip.tracks.visible[t]
        here = sample(frames[0], clip.tracks.xy[0, seen])
        right.append(np.abs(sample(frames[t], clip.tracks.xy[t, seen]) - here).mean(1))
        off = clip.tracks.xy[t, seen] + np.float32([2, 0])
        beside.append(np.abs(sample(frames[t], off) - here).mean(1))
    right, beside = np.concatenate(right), np.concatenate(beside)
    assert np.median(right) < 2.5
    assert np.median(beside) > 2 * np.median(right)


def test_nearer_layers_hide_points_and_the_frame_ends_others():
    tracks = _clip("occlusion").tracks
    hidden = ~tracks.visible
    assert (hidden & tracks.inside()).mean() > 0.05  # behind something
    tracks = _clip("leaving", seed=2).tracks
    assert not tracks.visible[~tracks.inside()].any()
    assert (~tracks.inside()).any()


@pytest.mark.parametrize("reference", [0, 5, 11])
def test_points_are_exact_where_they_were_laid(reference):
    tracks = _clip("perspective", reference=reference).tracks
    assert (tracks.query_frame == reference).all()
    assert (tracks.xy[reference] == tracks.grid.points().reshape(-1, 2)).all()
    assert tracks.visible[reference].all()


def test_tracks_from_two_reference_frames_agree():
    # A point laid on the first frame and one laid where it is in the last are the same point.
    forward = _clip("affine", grid=Grid(1, 1, 1.0, (80.5, 48.5))).tracks
    end = forward.xy[-1, 0]
    backward = _clip("affine", grid=Grid(1, 1, 1.0, tuple(map(float, end))), reference=11).tracks
    if forward.visible[-1, 0]:
        np.testing.assert_allclose(backward.xy[:, 0], forward.xy[:, 0], atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-0.2, 0.2), min_size=9, max_size=9))
def test_projecting_back_gives_the_points(entries):
    pose = np.eye(3) + np.array(entries).reshape(3, 3) * [[1, 1, 50], [1, 1, 50], [0.01, 0.01, 0]]
    points = np.array([[3.0, 4.0], [-5.0, 7.0], [0.0, 0.0]])
    np.testing.assert_allclose(
        project(np.linalg.inv(pose), project(pose, points)), points, atol=1e-9
    )


def test_blur_is_the_mean_over_the_shutter_and_does_not_move_points():
    blurred, sharp = _clip("blur"), KINDS["blur"]
    assert sharp.shutter > 0
    still = LayeredSource([], 2, SIZE, Kind(shutter=0.5, noise=0.0), seed=0)
    assert (still.read(0, 2) == 0).all()  # no layers, no light
    assert blurred.tracks.visible[0].all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "opera"}, "expected a kind of affine"),
        ({"frames": 0}, "frames >= 1"),
        ({"reference": 12}, "reference < frames"),
    ],
)
def test_impossible_clips_are_refused(options, message):
    arguments = {"kind": "affine", "seed": 0, "frames": 12, "size": SIZE} | options
    with pytest.raises(UserError, match=message):
        layered_clip(arguments.pop("kind"), arguments.pop("seed"), **arguments)
