"""Contestants: how they are asked for, what they refuse, and what they are given of a case."""

from dataclasses import replace

import image_models
import numpy as np
import pytest
from bench_cases import GRID, SIZE, case
from stand_ins import FRAMES, tiny_config, tiny_system

from kinecast.bench.contestant import contestant, contestants
from kinecast.bench.contestants.model import at_points
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.layers import layered_clip
from kinecast.forecast.baselines import baselines, forecast
from kinecast.forecast.load import load
from kinecast.io.checkpoint import save_checkpoint

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A history model."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, tiny_config(), tiny_system().state_dict(), "card")
    return str(folder)


@pytest.fixture(scope="module")
def zipmo(tmp_path_factory):
    """A model of an image and up to four pokes: 7 frames."""
    return image_models.zipmo(tmp_path_factory.mktemp("models") / "zipmo")


@pytest.fixture(scope="module")
def whn(tmp_path_factory):
    """A model of an image, with points of its own: 6 x 8 of a 64 x 48 frame, 5 frames."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINECAST_HOME", str(folder / "home"))
        image_models.dinov2(folder / "home" / "encoders" / "dinov2-small")
        yield image_models.whn(folder / "whn")


def test_words_become_contestants_in_order():
    made = contestants("truth,constant_position,trajloom-small,baseline:kalman_1")
    names = [one.name for one in made]
    assert names == ["truth", "constant_position", "trajloom-small", "kalman_1"]
    kinds = [one.facts()["kind"] for one in made]
    assert kinds == ["sanity", "baseline", "model", "baseline"]
    assert {one.name for one in contestant("baselines")} >= set(baselines())


def test_a_model_says_which_weights_it_is_of(tiny):
    facts = contestant(tiny, "cpu")[0].facts()
    assert facts["weights_sha256"] == load(tiny, "cpu").provenance["weights_sha256"]
    assert len(facts["config_sha256"]) == 64
    assert facts["device"] == "cpu"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "at least one name"),
        ("truth,truth", "each of --models once, got truth twice"),
        ("constant_positon", "did you mean constant_position"),
        ("trajloom-smal", "did you mean trajloom-small"),
        ("model:nothing", "no model is called 'nothing'"),
        ("baseline:linear_5", "did you mean linear_"),
        ("truth:first", "truth without an argument"),
        ("tracker:flwo", "expected a tracker of"),
    ],
)
def test_unknown_words_are_refused(words, message):
    with pytest.raises(UserError, match=message):
        contestants(words)


def test_a_trivial_forecast_is_what_the_library_gives():
    one, (made,) = case(), contestant("linear_4")
    (future,) = made.forecast(one, 8, 0)
    assert np.array_equal(future.xy, forecast("linear_4", one.history, one.horizon).xy)
    assert made.refuses(case(history=1)) == "takes a history of at least 2 frames"
    assert contestant("constant_position")[0].refuses(case(history=1)) is None


def test_truth_is_the_other_half_of_the_futures():
    (truth,), one = contestant("truth"), case()
    assert truth.forecast(one, 8, 0) == list(one.truths)
    futures = tuple(replace(one.truth, xy=one.truth.xy + i) for i in range(5))
    many = replace(one, truths=futures)
    assert truth.forecast(many, 8, 0) == list(futures[3:])
    assert truth.forecast(many, 1, 0) == [futures[3]]
    unknown = one.truth.xy.copy()
    unknown[0, 0] = np.nan
    lost = replace(one.truth, xy=unknown, visible=one.truth.visible & np.isfinite(unknown).all(-1))
    assert truth.refuses(replace(one, truths=(lost,))) is not None


def test_the_tracker_follows_the_case_s_points():
    clip = layered_clip("translation", 1, frames=12, size=(192, 128))
    history, future = clip.tracks.split(6)
    (tracker,), one = contestant("tracker:lk"), replace(case(), history=history, truths=(future,))
    assert tracker.refuses(one) == "takes a video"
    one = replace(one, video=clip.video)
    assert tracker.refuses(one) is None
    (found,) = tracker.forecast(one, 8, 0)
    seen = future.visible & found.visible
    assert np.median(np.linalg.norm(found.xy - future.xy, axis=-1)[seen]) < 0.5
    later = replace(history, grid=None)
    assert tracker.refuses(replace(one, history=later)) is not None


def test_a_history_model_forecasts_the_case(tiny):
    (model,), one = contestant(tiny, "cpu"), case(history=FRAMES, future=30)
    assert model.refuses(one) is None
    found = model.forecast(one, 3, 7)
    straight = load(tiny, "cpu").forecast(one.history, k=3, seed=7, horizon=30)
    assert np.array_equal(np.stack([f.xy for f in found]), np.stack([f.xy for f in straight]))
    assert np.array_equal(found.visible_prob, straight.visible_prob)


def test_a_history_model_refuses_what_it_cannot_see(tiny):
    (model,) = contestant(tiny, "cpu")
    one = case(history=4)
    nowhere = np.zeros_like(one.history.visible)
    hidden = replace(one.history, visible=nowhere, query_frame=np.full(96, -1))
    for history, why in (
        (one.history.window(3, 4), "takes a history of at least 2 frames"),
        (replace(one.history, grid=None), "takes points on a grid"),
        (hidden, "takes points that are seen in the last 24 frames"),
    ):
        assert model.refuses(replace(one, history=history)) == why


def test_an_image_model_is_given_image_points_and_pokes(zipmo):
    (model,) = contestant(zipmo, "cpu")
    one = case(future=5, frame=Frame(PICTURE), velocity=(0.5, 0.25))
    pokes = Pokes(one.points()[:2], one.points()[:2] + 9, np.float32([1, 0.5]))
    one = replace(one, pokes=pokes, poked=None)
    assert model.refuses(one) is None
    found = model.forecast(one, 2, 3)
    in_window = Pokes(pokes.start, pokes.end, pokes.time * np.float32(5 / 7))
    straight = load(zipmo, "cpu").forecast(
        image=Frame(PICTURE), pokes=in_window, points=one.points(), k=2, seed=3, horizon=5
    )
    assert found[1].xy == pytest.approx(straight[1].xy, abs=1e-3)
    assert np.array_equal(found.visible_prob, straight.visible_prob)


def test_points_that_have_left_the_image_move_as_the_nearest_place_in_it(zipmo):
    (model,) = contestant(zipmo, "cpu")
    one = case(history=12, future=5, frame=Frame(PICTURE), velocity=(3.0, 0.0))
    gone = ~one.history.inside()[-1]
    assert 0 < gone.sum() < len(gone)
    (found,) = model.forecast(one, 1, 0)
    inside = np.clip(one.points(), 1e-3, np.float32(SIZE) - np.float32(1e-3))
    (straight,) = load(zipmo, "cpu").forecast(image=PICTURE, points=inside, k=1, seed=0, horizon=5)
    assert found.xy - one.points() == pytest.approx(straight.xy - inside, abs=1e-3)
    assert not found.visible[~found.inside()].any()


def test_an_image_model_refuses_what_it_cannot_have(zipmo, whn, tmp_path):
    (pokes,), (grid,) = contestant(zipmo, "cpu"), contestant(whn, "cpu")
    (libero,) = contestant(image_models.zipmo_libero(tmp_path / "libero"), "cpu")
    blind, seen = case(future=5), case(future=5, frame=Frame(PICTURE))
    assert pokes.refuses(blind) == "takes an image"
    assert grid.refuses(case(future=6, frame=Frame(PICTURE))) == (
        "forecasts at most 5 frames from an image"
    )
    assert libero.refuses(seen) == "takes 2 views of a moment"
    assert libero.refuses(replace(seen, views=(Frame(PICTURE),))) == "takes a text"


def test_points_move_as_those_of_the_model_s_own_grid(whn):
    """At its own points it is its forecast; between them, and beyond, what the field says."""
    (model,) = contestant(whn, "cpu")
    own = load(whn, "cpu").forecast(image=PICTURE, k=2, seed=1)
    laid = own.history.xy[0]
    one = case(future=5, frame=Frame(PICTURE))
    at = Tracks(laid[None], np.ones((1, len(laid)), bool), SIZE)
    truth = Tracks(np.repeat(laid[None], 5, 0), np.ones((5, len(laid)), bool), SIZE)
    found = model.forecast(replace(one, history=at, truths=(truth,)), 2, 1)
    assert found[1].xy == pytest.approx(own[1].xy, abs=1e-3)
    assert model.forecast(one, 2, 1)[0].xy.shape == (5, GRID.count, 2)


def test_a_linear_field_is_sampled_exactly():
    coarse = Grid(3, 4, 20.0, (10.0, 12.0))
    starts = coarse.points().reshape(1, -1, 2)
    turn = np.float32([[0.1, -0.05], [0.02, 0.2]])
    xy = np.stack([starts[0] + 0.5 * t * (starts[0] @ turn) for t in (1, 2)])
    seen = np.ones((2, 12), bool)
    drawn = Forecast(
        (Tracks(xy.astype(np.float32), seen, SIZE, grid=coarse),),
        np.full((1, 2, 12), 0.75, np.float16),
        Tracks(starts, seen[:1], SIZE, grid=coarse),
    )
    inner = np.float32([[10, 12], [33, 40], [69.5, 51]])
    history = Tracks(inner[None], np.ones((1, 3), bool), SIZE)
    truth = Tracks(np.repeat(inner[None], 2, 0), np.ones((2, 3), bool), SIZE)
    found = at_points(drawn, replace(case(), history=history, truths=(truth,), poked=None))
    wanted = np.stack([inner + 0.5 * t * (inner @ turn) for t in (1, 2)])
    assert found[0].xy == pytest.approx(wanted, abs=1e-3)
    assert (found.visible_prob == 0.75).all()


def test_a_runs_model_is_called_after_the_run(tmp_path):
    image_models.whn(tmp_path / "one" / "model")
    image_models.whn(tmp_path / "two" / "model")
    places = ",".join(str(tmp_path / run / "model") for run in ("one", "two"))
    assert [made.name for made in contestants(places, "cpu")] == ["one", "two"]
