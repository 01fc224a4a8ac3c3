"""A few steps of the loop beside a plain one; how a stage's network is run in them."""

import pytest
import torch
from regression_plan import RegressionStage, batch_of, optim
from shared_worker import Network, SharedStage
from test_loop import KilledError, job, killed_at, new_stage, weights
from torch.testing import assert_close

from kinecast.nn.block import Block, blocks
from kinecast.train import checkpoint, log
from kinecast.train.loop import BEST, LAST, LOG, fit
from kinecast.train.schedule import learning_rate


def plain(stage, changes):
    """A stage's weights after all steps, and their average, by a loop that is written out."""
    settings, module = optim(**changes), stage.module
    matrices = [module[0].weight, module[2].weight]
    vectors = [module[0].bias, module[2].bias]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, betas=settings.betas)
    average = weights(stage)
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(settings, step)
        optimiser.zero_grad()
        stage.loss(batch_of(step), None)[0].backward()
        torch.nn.utils.clip_grad_norm_([*matrices, *vectors], settings.clip)
        optimiser.step()
        decay = min(settings.ema, (2 + step) / (11 + step))
        for name, value in weights(stage).items():
            average[name] = decay * average[name] + (1 - decay) * value
    return weights(stage), average


class Validated(RegressionStage):
    """Without noise; keeps the weights of its last validation."""

    def __init__(self, module):
        super().__init__(module, noise=0.0)

    def validate(self):
        self.validated = weights(self)
        return super().validate()


def test_the_loop_trains_as_a_plain_one_and_hands_on_the_average(tmp_path):
    changes = {
        "steps": 12,
        "weight_decay": 0.5,
        "betas": (0.7, 0.9),
        "clip": 0.1,
        "ema": 0.4,  # what the decay grows to within these steps
        "bf16": False,
        "select": "last",
    }
    trained, average = plain(RegressionStage(new_stage().module), changes)
    stage = Validated(new_stage().module)
    fit(stage, job(tmp_path, **changes), batch_of)

    assert_close(checkpoint.part("module", checkpoint.load(tmp_path / LAST)[0]), trained)
    for handed_on in (stage.validated, checkpoint.load(tmp_path / BEST)[0], weights(stage)):
        assert_close(handed_on, average)
    # neither the average nor the clip is without effect here
    assert not torch.allclose(trained["0.weight"], average["0.weight"], rtol=1e-2)
    norms = [row["grad_norm"] for row in log.read(tmp_path / LOG) if "grad_norm" in row]
    assert min(norms) > changes["clip"]


@pytest.mark.parametrize(("bf16", "inside"), [(True, torch.bfloat16), (False, torch.float32)])
def test_the_loss_alone_is_computed_in_bfloat16(tmp_path, bf16, inside):
    stage, seen = new_stage(), set()
    stage.module.register_forward_hook(
        lambda module, inputs, out: seen.add((torch.is_grad_enabled(), out.dtype))
    )
    fit(stage, job(tmp_path, steps=10, bf16=bf16), batch_of)  # enough to count their operations
    assert seen == {(True, inside), (False, torch.float32)}  # the latter of the validations


@pytest.mark.parametrize("recompute", [False, True])
def test_recomputed_blocks_are_run_twice_a_step(tmp_path, recompute):
    stage, runs = SharedStage(Network()), []
    for block in blocks(stage.module):
        block["attention"].register_forward_pre_hook(  # validations have no gradient
            lambda branch, inputs: runs.append(branch) if torch.is_grad_enabled() else None
        )
    fit(stage, job(tmp_path, steps=3, recompute=recompute), batch_of)
    assert len(runs) == 3 * 2 * (1 + recompute)


@pytest.mark.parametrize("asked", [False, True])
def test_blocks_are_compiled_after_the_first_step_of_each_start(tmp_path, monkeypatch, asked):
    events = []

    class Telling(SharedStage):
        def loss(self, batch, draw):
            events.append("loss")
            return super().loss(batch, draw)

    monkeypatch.setattr(Block, "compile", lambda block: events.append(block))
    settings = job(tmp_path, steps=12, save_every=1, compile=asked)
    begun, continued = Telling(Network()), Telling(Network())
    with pytest.raises(KilledError):
        fit(begun, settings, killed_at(2))
    # one loss more before the first step, whose operations are counted
    assert events == ["loss", "loss", *(blocks(begun.module) if asked else []), "loss"]
    events.clear()
    fit(continued, settings, batch_of)
    assert events == ["loss", "loss", *(blocks(continued.module) if asked else []), *["loss"] * 9]


def test_a_stage_is_not_compiled_because_one_before_it_was(tmp_path, monkeypatch):
    """In a run that is continued between them it would not be."""
    compiled = "_compiled_call_impl"  # what torch calls instead of the module
    monkeypatch.setattr(Block, "compile", lambda b: setattr(b, compiled, b._call_impl))
    network = Network()
    fit(SharedStage(network), job(tmp_path / "first", steps=2, compile=True), batch_of)
    assert all(getattr(block, compiled) for block in blocks(network))
    fit(SharedStage(network), job(tmp_path / "second", steps=2), batch_of)
    assert not any(getattr(block, compiled) for block in blocks(network))
