"""Contestants that the papers' tables ask for: solvers, autoencoders, views, 64 frames."""

from dataclasses import replace

import image_models
import numpy as np
import paper_data
import pytest

from kinecast.bench.case import Case
from kinecast.bench.contestant import contestants
from kinecast.bench.contestants.model import Model
from kinecast.bench.results import Results, Row
from kinecast.bench.suites import suite
from kinecast.bench.suites.trajloom_bench import vepe_of
from kinecast.core.cond import Frame
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

GRID = Grid(6, 8, 8.0, (0.5, 0.5))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with an encoder for WHN, and models beside it."""
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    image_models.dinov2(tmp_path / "home" / "encoders" / "dinov2-small")
    return tmp_path


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    data = tmp_path_factory.mktemp("bench")
    paper_data.trajloom_set(data / "robotap", clips=1)
    return list(suite("trajloom-bench").cases("full", data))


def pan(frames, grid=GRID, size=(64, 48), history=2):
    """Points that go (0.5, 0.25) pixels a frame, some hidden."""
    T = history + frames
    laid = grid.points().reshape(-1, 2)
    xy = (laid + np.arange(T)[:, None, None] * np.array([0.5, 0.25])).astype(np.float32)
    seen = np.random.default_rng(0).random((T, len(laid))) < 0.9
    past, future = Tracks(xy, seen, size, grid=grid).split(history)
    image = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return Case("pan", "pans", past, (future,), frame=Frame(image))


def test_a_solver_is_a_contestant_of_its_own(bench):
    plain, euler, dopri5 = contestants(
        "trajloom-small,model:trajloom-small?solver=euler&steps=10,"
        "model:trajloom-small?solver=dopri5&steps=100"
    )
    assert euler.name == "trajloom-small@euler@10"
    assert dopri5.name == "trajloom-small@dopri5@100"
    assert (dopri5.facts()["solver"], dopri5.facts()["steps"]) == ("dopri5", 100)
    assert "solver" not in plain.facts()
    one = plain.forecast(bench[0], 1, 42)[0]
    assert one.source["solver"] == "euler"
    np.testing.assert_array_equal(euler.forecast(bench[0], 1, 42)[0].xy, one.xy)
    other = contestants("model:trajloom-small?steps=2")[0].forecast(bench[0], 1, 42)[0]
    assert other.source["steps"] == 2
    assert np.abs(other.xy - one.xy).max() > 0.01
    for spec in ("model:trajloom-small?solver=eluer", "model:trajloom-small?stepz=3"):
        with pytest.raises(UserError, match="solver"):
            contestants(spec)


def test_vepe_of_an_autoencoder(bench, tmp_path):
    (vae,) = contestants("vae:trajloom-small")
    assert (vae.facts()["kind"], vae.facts()["what"]) == ("sanity", "autoencoder")
    found = suite("trajloom-bench")
    result = found.measure(vae, bench[0], found.protocol)
    (future,) = vae.forecast(bench[0], 1, 0)
    truth = bench[0].truth
    off = np.linalg.norm(future.xy.astype(np.float64) - truth.xy, axis=-1)
    for frames in (24, 81):
        want = off[:frames][truth.visible[:frames]]
        assert result.scalars[f"vepe_{frames}"] == pytest.approx(want.mean(), rel=1e-5)
        assert result.scalars[f"vepe_{frames}_points"] == len(want)
    assert result.scalars["vepe_81"] < 1  # a straight pan is easily kept

    def row(case, error, points):
        numbers = {f"vepe_{f}": error for f in (24, 81)}
        numbers |= {f"vepe_{f}_points": points for f in (24, 81)}
        return Row("m", case, "Kinetics", case, "real", "", replace(result, scalars=numbers))

    rows = (row("a", 1.0, 100.0), row("b", 4.0, 300.0))
    table = vepe_of(Results(tmp_path, {}, {}, rows), "m")
    assert table == {"Kinetics": {24: 3.25, 81: 3.25}}  # over points, not over clips
    with pytest.raises(UserError, match="expected reconstructions"):
        vepe_of(Results(tmp_path, {}, {}, ()), "m")


def test_whns_autoencoder_reconstructs_a_window_that_ends_with_the_future(home):
    (vae,) = contestants(f"vae:{image_models.whn(home / 'whn', frames=6)}")
    case = pan(frames=5)
    assert vae.refuses(case) is None
    (future,) = vae.forecast(case, 1, 0)  # it has no VAE: points are their own latents
    np.testing.assert_allclose(future.xy, case.truth.xy, atol=1e-3)
    assert vae.refuses(pan(frames=6)) is None  # its own frame is one of them
    assert vae.refuses(pan(frames=3)) == "reconstructs 6 frames"
    assert vae.refuses(pan(5, Grid(3, 4, 16.0, (0.5, 0.5)))) == "takes its own grid of 6x8 points"
    assert "image" in vae.refuses(replace(case, frame=None))
    (planner,) = contestants(f"vae:{image_models.zipmo(home / 'zipmo')}")
    assert planner.refuses(case) == "has no grid of points to reconstruct"


def test_a_hidden_point_without_a_position_is_guessed_on_the_way_in(home):
    case = pan(frames=5)
    xy = case.truth.xy.copy()
    xy[~case.truth.visible] = np.nan
    case = replace(case, truths=(replace(case.truth, xy=xy),))
    (vae,) = contestants(f"vae:{image_models.whn(home / 'whn', frames=6)}")
    (future,) = vae.forecast(case, 1, 0)
    assert np.isfinite(future.xy).all()
    np.testing.assert_allclose(future.xy[case.truth.visible], xy[case.truth.visible], atol=1e-3)


class Recorder:
    """A model of 64 frames: every point goes 1 pixel right a frame; keeps what it was asked."""

    name, window = "recorder", 63

    def __init__(self, window=63):
        self.window, self.asked = window, []

    def facts(self):
        return {"kind": "model"}

    def refuses(self, case):
        return None if case.horizon <= self.window else "forecasts fewer frames"

    def forecast(self, case, k, seed):
        self.asked.append(case.horizon)
        t = np.arange(1, case.horizon + 1, dtype=np.float32)[:, None, None]
        xy = case.history.xy[-1] + t * np.array([1, 0], np.float32)
        seen = np.ones(xy.shape[:2], bool)
        return [Tracks(xy, seen, case.size) for _ in range(k)]


def test_a_model_of_64_frames_is_read_at_16_of_them(tmp_path):
    paper_data.atm_demo(tmp_path / "libero_90" / "a_demo" / "demo_0.hdf5")
    found = suite("zipmo-libero")
    case = next(found.cases("full", tmp_path))
    long, short = Recorder(63), Recorder(15)
    result = found.measure(long, case, found.protocol)
    assert long.asked == [63]
    # after i of 15 steps it is at 63 i / 15 pixels to the right; the truth goes (1, -2) a step
    i = np.arange(16)
    want = (np.square(4.2 * i - i) + np.square(2 * i)).mean() / 2
    assert result.scalars["paper_min_mse_k8"] == pytest.approx(want, rel=1e-4)
    result = found.measure(short, case, found.protocol)
    assert short.asked == [15]
    assert result.scalars["paper_min_mse_k8"] == pytest.approx((4 * i**2).mean() / 2, rel=1e-4)
    plain = suite("whn-libero")
    plain.measure(long, case, plain.protocol)
    assert long.asked == [63, 15]


def test_a_view_is_told_with_its_place(home, monkeypatch, tmp_path):
    data = tmp_path / "data"
    paper_data.atm_demo(data / "libero_90" / "a_demo" / "demo_0.hdf5")
    cases = list(suite("zipmo-libero").cases("full", data))[:2]
    (model,) = contestants(image_models.zipmo_libero(home / "libero"))
    assert isinstance(model, Model)
    asked = []

    def forecast(**given):
        asked.append(given)
        raise UserError("enough")

    monkeypatch.setattr(model.forecaster, "forecast", forecast)
    for case in cases:
        with pytest.raises(UserError, match="enough"):
            model.forecast(case, 1, 0)
    for given, view in zip(asked, (0, 1), strict=True):
        assert given["view"] == view
        assert [frame.image[0, 0, 0] for frame in given["image"]] == [90, 91]
        assert given["episode_step"] == 0
