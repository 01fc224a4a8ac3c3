"""The schedule with a stable part, and a batch that grows."""

from types import SimpleNamespace

import pytest
from regression_plan import batch_of, optim
from test_loop import CPU, new_stage

from kinecast.core.errors import UserError
from kinecast.train import log, paper_flow, paper_visibility, throughput, whn_flow
from kinecast.train.loop import LOG, Job, fit
from kinecast.train.schedule import batch_size, check_batches, learning_rate
from kinecast.train.team import Team


def test_wsd_is_stable_until_the_last_tenth():
    o = optim(lr=2.0, steps=1000, warmup=100, floor=0.1, schedule="wsd")
    rates = [learning_rate(o, step) for step in range(1000)]
    assert rates[0] == pytest.approx(2.0 / 101)
    assert set(rates[100:901]) == {2.0}
    assert rates[950] == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert rates[-1] == pytest.approx(0.2, rel=0.1)


def test_a_batch_doubles_in_equal_parts():
    o = optim(steps=9, batch=256, first_batch=64)
    assert [batch_size(o, step) for step in range(9)] == [64] * 3 + [128] * 3 + [256] * 3
    assert {batch_size(optim(steps=9, batch=7), step) for step in range(9)} == {7}


@pytest.mark.parametrize("first", [48, 512])
def test_a_batch_that_is_no_doubling_is_refused(first):
    stages = {"vae": optim(), "flow": optim(steps=9, batch=256, first_batch=first)}
    with pytest.raises(UserError, match=rf"flow.batch as flow.first_batch times 1, 2, .* {first}$"):
        check_batches(stages, 1)


def test_every_stage_is_checked_and_the_ramp_is_named():
    stages = {"vae": optim(batch=8), "flow": optim(batch=32, first_batch=4, micro=2)}
    check_batches(stages, 2)
    with pytest.raises(
        UserError, match=r"flow.first_batch as a multiple of 4 processes x flow.micro=2, got 4; "
    ):
        check_batches(stages, 4)
    with pytest.raises(UserError, match=r"vae.batch as a multiple of 3 processes, got 8; "):
        check_batches(stages, 3)
    with pytest.raises(UserError, match=r"vae.batch as a multiple of vae.micro=3, got 8; "):
        check_batches({"vae": optim(batch=8, micro=3)}, 1)
    check_batches({"codec": optim(steps=0, batch=7)}, 3)


def test_the_batches_of_a_ramp_are_those_of_the_stage(tmp_path):
    seen = []

    def batches(step):
        seen.append(batch_size(changes, step))
        return batch_of(step, seen[-1])

    changes = optim(steps=12, batch=8, first_batch=2)
    fit(new_stage(), Job("first", changes, 5, tmp_path, CPU, quiet=True), batches)
    assert seen == [2] * 4 + [4] * 4 + [8] * 4
    facts = log.read(tmp_path / LOG)[-1]["throughput"]
    # two linear layers on 8 clips of 2 x 3 points, as in a stage that has 8 from the beginning
    assert facts["gflop_per_step"] * 1e9 == 2 * 48 * (2 * (6 * 16 + 16 * 2) + 16 * 2)


def test_the_operations_of_a_growing_batch_are_those_of_its_clips(monkeypatch):
    monkeypatch.setattr(throughput, "LONG", 0.0)
    monkeypatch.setattr(throughput.flops, "peak", lambda *_: SimpleNamespace(clock=1e3))
    measured = throughput.Throughput(Team(CPU), bf16=False)
    measured.counted(100, clips=2)
    for clips in (2, 4, 8):
        measured.add(clips, seconds=clips / 10)
    facts = measured.summary()
    assert measured.rate == facts["clips_per_second"] == pytest.approx(10)
    assert facts["gflop_per_step"] == pytest.approx(400 / 1e9)  # of the last step
    assert facts["mfu"] == pytest.approx(0.5)


def test_stages_with_their_own_batches_follow_the_ramp():
    growing = optim(steps=6, batch=8, first_batch=2)
    asked = []
    cache = SimpleNamespace(batch=lambda step, clips, key: asked.append(clips))
    for kind in (paper_flow.FlowStage, paper_visibility.VisibilityStage, whn_flow.LatentFlowStage):
        stage = kind.__new__(kind)
        stage.latents, stage._pool, stage._optim = cache, cache, growing
        for step in (0, 2, 5):
            stage.batch(step)
    assert asked == [2, 4, 8] * 2 + [2, 2, 4, 4, 8, 8]
