"""The suite `worlds`, the parts that are rendered."""

from functools import partial

import numpy as np
import pytest
from installed import why_no_pictures

pytest.importorskip("mujoco", reason="needs the extra sim")

from kinecast.bench.suites.worlds import futures, shapes
from kinecast.bench.suites.worlds.rendered import Asked, rendered
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.synth.sim.film import film
from kinecast.data.synth.sim.movi import COLOURS

pytestmark = pytest.mark.skipif(bool(why_no_pictures()), reason=why_no_pictures())
SCENE = 1  # of movi-a: no thing hides another's colour there


@pytest.fixture(scope="module", autouse=True)
def _kept(tmp_path_factory):
    """Clips are rendered once for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINECAST_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def many():
    return next(futures._scenes("known", 2, range(SCENE, SCENE + 1)))


@pytest.fixture(scope="module")
def poked(many):
    """One for each of the same two futures."""
    return list(futures._poked("known", 2, range(SCENE, SCENE + 1)))


@pytest.fixture(scope="module")
def falling():
    return next(shapes.falling_blocks(1)[0].make())


def test_futures_share_the_first_frame_exactly_and_then_differ(many, poked):
    assert [len(many.history), len(many.truths), many.horizon] == [1, 2, 23]
    assert np.array_equal(many.history.xy[0], many.history.grid.points().reshape(-1, 2))
    assert many.history.visible.all()
    assert many.about["k"] == 2
    one, other = (truth.xy for truth in many.truths)
    on_things = many.objects >= 0
    assert np.abs(one - other)[:, on_things].max() > 10
    assert np.array_equal(one[:, ~on_things], other[:, ~on_things])
    for case, truth in zip(poked, many.truths, strict=True):
        assert np.array_equal(case.frame.image, many.frame.image)
        assert np.array_equal(case.history.xy, many.history.xy)
        assert np.array_equal(case.truth.xy, truth.xy)


def test_different_first_frames_are_refused(many):
    clips = [futures._clip("known", scene, 0) for scene in (SCENE, SCENE + 1)]
    with pytest.raises(UserError, match="one first frame"):
        futures._check_same_start(*clips)


def test_clips_are_those_of_the_whn_builder(many):
    from kinecast.data.builders.whn_kubric import SEED, rollout_seeds

    take = film("movi-a", seed=SEED, index=SCENE, future=rollout_seeds()[1], stride=8)
    tracks = take.views[0].tracks
    assert np.array_equal(tracks.window(1, 24).xy, many.truths[1].xy)
    assert np.array_equal(tracks.window(1, 24).visible, many.truths[1].visible)
    assert np.array_equal(take.views[0].pictures.rgb[0], many.frame.image)
    assert np.array_equal(take.views[0].thing.astype(int) - 1, many.objects)
    named = [COLOURS[thing.colour] for thing in take.setup.things]
    _check_colours(many, named)


def test_pokes_are_of_the_future_that_is_the_truth(poked):
    for case in poked:
        assert 1 <= len(case.pokes) <= futures.POKES
        things = case.objects[case.poked]
        assert len(set(things)) == len(things)
        assert (things >= 0).all()
        assert np.array_equal(case.pokes.start, case.history.xy[0, case.poked])
        frames = np.rint(case.pokes.time * case.horizon).astype(int) - 1
        assert np.array_equal(case.pokes.end, case.truth.xy[frames, case.poked])
        assert case.truth.visible[frames, case.poked].all()
    assert not np.array_equal(poked[0].pokes.end, poked[1].pokes.end)


def test_pokes_of_a_background_alone_are_refused(many):
    with pytest.raises(UserError, match="background alone"):
        futures.pokes_of(many.truth, np.full(many.truth.count, -1))


def test_blocks_fall(falling):
    assert (len(falling.history), falling.horizon) == (12, 24)
    on_things = falling.objects >= 0
    assert on_things.sum() > 30
    start = falling.history.xy[0, :, 1]
    assert np.median((falling.truth.xy[-1, :, 1] - start)[on_things]) > 20
    assert np.abs(falling.truth.xy[:, ~on_things] - falling.history.xy[0, ~on_things]).max() < 0.01


def test_the_video_shows_the_frame_and_is_kept(many, monkeypatch):
    video = many.video[0 : len(many.video)]
    assert len(video) == 24
    assert np.array_equal(video[0], many.frame.image)
    monkeypatch.setattr("kinecast.bench.suites.worlds.rendered._take", _no_more)
    again = next(futures._scenes("known", 2, range(SCENE, SCENE + 1)))
    assert np.array_equal(again.video[5:24], video[5:24])
    assert np.array_equal(again.truths[1].xy, many.truths[1].xy)
    assert np.array_equal(again.objects, many.objects)


def test_a_moving_camera_films_the_same_throw():
    ask = partial(Asked, "movi-a", 5, 0, 6, 24.0, Grid.over((256, 256)), 0)
    held, moving = rendered(ask()), rendered(ask(camera="moving"))
    assert np.array_equal(held.picture, moving.picture)
    assert np.array_equal(held.objects, moving.objects)
    rest = held.objects < 0
    assert np.abs(held.tracks.xy[-1, rest] - held.tracks.xy[0, rest]).max() < 0.01
    assert np.median(np.abs(moving.tracks.xy[-1, rest] - moving.tracks.xy[0, rest])) > 0.1


def _no_more(asked):
    raise AssertionError(f"{asked} is rendered again")


def _check_colours(case, named):
    """Where a thing's points are, the picture has its colour, under white light."""
    column, row = case.history.xy[0].astype(int).T
    seen = case.frame.image[row, column].astype(float)
    checked = 0
    for thing, colour in enumerate(named):
        on = case.objects == thing
        if on.sum() >= 4 and np.ptp(colour) >= 60:
            wanted = colour - np.mean(colour)
            got = np.median(seen[on] - seen[on].mean(-1, keepdims=True), axis=0)
            cosine = got @ wanted / np.linalg.norm(got) / np.linalg.norm(wanted)
            assert cosine > 0.95, (thing, colour, got)
            checked += 1
    assert checked >= 3
    grey = np.ptp(seen[case.objects < 0], axis=1) < 10
    assert grey.mean() > 0.98, "the stage is grey, but for outlines"
