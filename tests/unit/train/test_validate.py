import pytest
import torch
from regression_plan import GRID, SIZE, batch_of

from kinecast.systems.base import Needs
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
