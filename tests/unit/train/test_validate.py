import numpy as np
import pytest
import torch
from regression_plan import GRID, SIZE, batch_of

from kinecast.forecast.baselines import constant_position
from kinecast.metrics import displacement
from kinecast.systems.base import Needs
from kinecast.train.chunk_pool import ChunkPool
from kinecast.train.mean_motion import MeanMotion
from kinecast.train.recipe import Data
from kinecast.train.stage import Batch
from kinecast.train.validate import Validation, clip_of

CPU = torch.device("cpu")


class Still:
    """Every point stays where it was last; `spread` pixels of noise tell samples apart."""

    needs = Needs("history", 2)

    def __init__(self, spread=0.0):
        self.spread = spread

    def condition(self, history):
        return {"last": history.xy[:, -1:]}

    def latent_shape(self, cond):
        return (1, GRID.h, GRID.w, 2)

    def source(self, noise, cond):
        return noise

    def velocity(self, z_t, t, cond):
        return torch.zeros_like(z_t)

    def pin(self, cond):
        return None

    def decode(self, z, cond):
        pixel = 2.0 / torch.tensor(SIZE)
        return (cond["last"] + self.spread * pixel * z).expand(-1, 2, -1, -1, -1), None


def test_a_still_system_scores_what_constant_position_does():
    scores = Validation([batch_of(0), batch_of(1)]).scores(Still(), CPU)
    for name in ("model", "one sample", "best of 4"):
        assert scores[name] == pytest.approx(scores["constant_position"], rel=1e-4)
    assert scores["damped_8_0.98"] < scores["constant_position"]  # straight motions
    assert scores["moving"] > scores["model"]


def test_samples_differ_and_their_mean_is_the_best_guess():
    validation = Validation([batch_of(0)])
    scores = validation.scores(Still(spread=3.0), CPU)
    assert scores["model"] < scores["one sample"]
    assert scores["best of 4"] < scores["one sample"]
    assert scores == validation.scores(Still(spread=3.0), CPU)  # the noise is fixed


def test_a_clip_does_not_depend_on_its_batch():
    batch = batch_of(0)
    halves = [
        type(batch)(**{k: v[s] for k, v in batch.tensors().items()}, size=SIZE, grid=GRID)
        for s in (slice(0, 3), slice(3, 8))
    ]
    whole, parts = (
        Validation(batches).scores(Still(spread=3.0), CPU) for batches in ([batch], halves)
    )
    for name, value in whole.items():
        assert parts[name] == pytest.approx(value, rel=1e-6)


def test_a_clip_is_the_tracked_history_and_the_exact_future():
    batch = batch_of(0)
    history, truth = clip_of(batch, 2)
    assert (len(history), len(truth)) == (4, 2)
    assert torch.equal(torch.from_numpy(truth.xy), batch.xy[2, 4:].flatten(1, 2))
    assert torch.equal(torch.from_numpy(history.xy), batch.noisy_xy[2].flatten(1, 2))
    assert history.grid == GRID


class Drifting:
    """A pool whose points all move by (3, -1) pixels a frame; hidden ones fly away."""

    data = Data(history=4, horizon=2)
    clips_of_one_size = 600
    spread = ChunkPool.spread

    def __init__(self):
        self.taken = []

    def take(self, number, which, indices, draw):
        self.taken += indices.tolist()
        start = torch.from_numpy(GRID.points()).expand(len(indices), 1, -1, -1, -1)
        xy = start + torch.arange(6.0)[:, None, None, None] * torch.tensor([3.0, -1.0])
        visible = torch.ones(xy.shape[:-1], dtype=torch.bool)
        visible[:, 4:, 0] = False
        xy[:, 4:, 0] = 1e4
        return Batch(xy, visible, xy[:, :4], visible[:, :4], SIZE, GRID)


def test_the_mean_is_that_of_what_points_do_in_training():
    pool = Drifting()
    batch = batch_of(0)
    history, truth = clip_of(batch, 2)
    mean = MeanMotion(pool)
    assert not pool.taken
    guess = mean.forecast(history, 2)
    moved = guess - constant_position(history, 2).xy
    assert np.allclose(moved, [[[3.0, -1.0]], [[6.0, -2.0]]], atol=1e-3)
    assert (min(pool.taken), max(pool.taken)) == (0, 598)
    scores = Validation([batch], mean=mean).scores(Still(), CPU)
    everything = np.ones(truth.count, bool)
    each = [
        displacement.ade(mean.forecast(past, 2), future, everything)
        for past, future in (clip_of(batch, i) for i in range(len(batch)))
    ]
    assert scores["predict the mean"] == pytest.approx(np.mean(each), rel=1e-6)
