"""`kinecast train` on two processes, from clips to the exported model, is that on one."""

import pytest
import torch
from shared_worker import two_processes

from kinecast.cli.main import main
from kinecast.io.checkpoint import load_checkpoint
from kinecast.train import checkpoint, log
from kinecast.train.log import LOG
from kinecast.train.state import LAST
from kinecast.train.warm import SYSTEM

pytest.importorskip("accelerate", reason="needs the extra train")

MODES = ["ddp", "shard"]
STEPS = {"vae": 3, "flow": 4}
TEXT = """
trajloom-flow size=tiny vae.steps=3 flow.steps=4 batch=8 lr=1e-3 ema=0.5 select=last
model.vae.encoder_depth=2 model.vae.decoder_depth=2 model.generator.depth=2
data.families=thrown data.clips=8 data.chunk=8 data.validation=1
"""


def words(out, *more):
    cache = f"data.cache={out.parent / 'clips'}"
    return [*TEXT.split(), cache, "--device", "cpu", "--out", str(out), *more]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    out = tmp_path_factory.mktemp("team") / "one"
    assert main(["train", *words(out)]) == 0
    return out


def agree(one, other):
    for stage, steps in STEPS.items():
        for key in ("loss", "grad_norm"):
            alone, shared = (
                [row[key] for row in log.read(out / stage / LOG) if key in row]
                for out in (one, other)
            )
            assert len(alone) == steps
            assert shared == pytest.approx(alone, rel=1e-5)
        system, _ = checkpoint.load(other / stage / SYSTEM)
        for name, value in checkpoint.load(one / stage / SYSTEM)[0].items():
            # within a tenth of a step: Adam makes much of gradients that are almost 0
            torch.testing.assert_close(system[name], value, rtol=1e-5, atol=1e-4, msg=name)
    exported = load_checkpoint(other / "model")[1]  # in half precision
    assert exported.keys() == system.keys()
    for name, value in exported.items():
        assert torch.equal(value, system[name].half().to(value.dtype)), name


@pytest.mark.parametrize("mode", [[], pytest.param(["--shard"], marks=pytest.mark.slow)], ids=MODES)
def test_two_processes_share_every_batch_and_leave_what_one_leaves(one, mode):
    other = one.parent / f"two{''.join(mode)}"
    _, rest = two_processes("train", 0, *words(other, *mode))
    assert rest == f"{sum(STEPS.values())}\n"  # nothing but what the worker prints
    agree(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [[], ["--shard"]], ids=MODES)
def test_a_signal_to_one_of_two_processes_stops_both_and_one_alone_goes_on(one, mode):
    other = one.parent / f"stopped{''.join(mode)}"
    printed = two_processes("train", STEPS["vae"] + 2, *words(other, *mode), status=143)
    assert printed == [f"{STEPS['vae'] + 2}\n"] * 2
    assert checkpoint.load(other / "flow" / LAST)[1]["step"] == 2
    assert main(["train", *words(other)]) == 0
    agree(one, other)
