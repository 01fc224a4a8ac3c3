import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from regression_plan import RegressionPlan, RegressionStage, batch_of, optim, recipe
from torch import nn

from kinecast.core.errors import UserError
from kinecast.train import checkpoint, log
from kinecast.train.loop import BEST, LAST, LOG, Job, fit
from kinecast.train.stopping import Stopped

CPU = torch.device("cpu")


def new_stage():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return RegressionStage(RegressionPlan(recipe()).system)


def job(folder, **changes):
    return Job("first", optim(**changes), 5, folder, CPU, quiet=True)


class KilledError(Exception):
    pass


def killed_at(step):
    def batches(s):
        if s == step:
            raise KilledError
        return batch_of(s)

    return batches


def noted(asked):
    """The batches; the steps that they are asked for are noted."""

    def batches(step):
        asked.append(step)
        return batch_of(step)

    return batches


def weights(stage):
    return {name: value.clone() for name, value in stage.module.state_dict().items()}


def assert_bitwise(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def without_time(rows):
    timing = ("seconds", "wait", "clips_per_second", "throughput")
    return [{k: v for k, v in row.items() if k not in timing} for row in rows]


def test_the_loss_falls_and_beats_rest(tmp_path):
    fit(new_stage(), job(tmp_path), batch_of)
    rows = log.read(tmp_path / LOG)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == 40
    assert losses[-1] < 0.2 * losses[0]
    final = [row["validation"] for row in rows if "validation" in row][-1]
    assert final["model"] < 0.2 * final["constant position"]


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("step", [13, 30, 37])
def test_a_killed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, step, bf16):
    whole = new_stage()
    fit(whole, job(tmp_path / "whole", bf16=bf16), batch_of)

    with pytest.raises(KilledError):
        fit(new_stage(), job(tmp_path / "parts", bf16=bf16), killed_at(step))
    resumed, asked = new_stage(), []
    fit(resumed, job(tmp_path / "parts", bf16=bf16), noted(asked))

    assert asked == list(range(step // 10 * 10, 40))  # from the state before, not from the start
    assert_bitwise(weights(whole), weights(resumed))
    one, _ = checkpoint.load(tmp_path / "whole" / LAST)
    other, _ = checkpoint.load(tmp_path / "parts" / LAST)
    assert_bitwise(one, other)
    rows = [without_time(log.read(tmp_path / run / LOG)) for run in ("whole", "parts")]
    assert rows[0] == rows[1]


def test_validation_sees_the_average_and_leaves_the_training_weights_alone(tmp_path):
    often, seldom = new_stage(), new_stage()
    fit(often, job(tmp_path / "often", validate_every=1), batch_of)
    fit(seldom, job(tmp_path / "seldom", validate_every=1000), batch_of)
    one, _ = checkpoint.load(tmp_path / "often" / LAST)
    other, _ = checkpoint.load(tmp_path / "seldom" / LAST)
    assert_bitwise(one, other)


def test_the_best_average_is_what_a_stage_leaves(tmp_path):
    stage = new_stage()
    fit(stage, job(tmp_path), batch_of)
    best, note = checkpoint.load(tmp_path / BEST)
    assert_bitwise(weights(stage), best)
    rows = [row for row in log.read(tmp_path / LOG) if "validation" in row]
    assert note["model"] == min(row["validation"]["model"] for row in rows)
    assert stage.module.training  # the run, not the loop, decides what comes next


@pytest.mark.parametrize(("select", "kept"), [("best", 0), ("last", 40)])
def test_which_average_a_stage_leaves(tmp_path, select, kept):
    class Worse(RegressionStage):
        validations = 0

        def validate(self):
            self.validations += 1
            return {"model": float(self.validations)}

    stage = Worse(new_stage().module)
    fit(stage, job(tmp_path, select=select), batch_of)
    left, note = checkpoint.load(tmp_path / BEST)
    assert note["step"] == kept
    assert_bitwise(weights(stage), left)


def test_killed_before_the_first_save_it_is_validated_once_in_the_log(tmp_path):
    with pytest.raises(KilledError):
        fit(new_stage(), job(tmp_path), killed_at(7))
    fit(new_stage(), job(tmp_path), batch_of)
    steps = [row["step"] for row in log.read(tmp_path / LOG) if "validation" in row]
    assert steps == [0, 15, 30, 40]


def test_a_stage_that_is_done_adds_nothing_to_its_log(tmp_path):
    fit(new_stage(), job(tmp_path), batch_of)
    before = log.read(tmp_path / LOG)
    fit(new_stage(), job(tmp_path), batch_of)
    assert log.read(tmp_path / LOG) == before


def test_the_noise_of_a_step_does_not_depend_on_what_was_drawn_before(tmp_path):
    class Greedy(RegressionStage):
        def loss(self, batch, draw):
            value, parts = super().loss(batch, draw)
            torch.randn(1000, generator=draw)
            return value, parts

    losses = []
    for kind in (RegressionStage, Greedy):
        folder = tmp_path / kind.__name__
        fit(kind(new_stage().module), job(folder, steps=6), batch_of)
        losses.append([row["loss"] for row in log.read(folder / LOG) if "loss" in row])
    assert losses[0] == losses[1]


def test_every_seed_stage_and_step_has_its_own_noise(tmp_path):
    drawn = []

    class Drawing(RegressionStage):
        def loss(self, batch, draw):
            drawn.append(torch.rand((), generator=draw).item())
            return super().loss(batch, draw)

    for name, seed in [("first", 5), ("first", 6), ("second", 5)]:
        one = Job(name, optim(steps=3), seed, tmp_path / f"{name}-{seed}", CPU, quiet=True)
        fit(Drawing(new_stage().module), one, batch_of)
    assert len(set(drawn)) == len(drawn) == 9


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_not_a_number_stops_and_keeps_the_batch(tmp_path, where):
    class Broken(RegressionStage):
        def loss(self, batch, draw):
            value, parts = super().loss(batch, draw)
            if torch.equal(batch.xy, batch_of(12).xy):
                zero = self.module[0].weight.sum() * 0
                value = value * math.nan if where == "loss" else value + zero.sqrt()
            return value, parts

    with pytest.raises(UserError, match=r"finite loss and gradient.*first step 12"):
        fit(Broken(new_stage().module), job(tmp_path), batch_of)
    tensors, note = checkpoint.load(tmp_path / "bad-batch-12.safetensors")
    assert torch.equal(tensors["xy"], batch_of(12).xy)
    assert note["step"] == 12
    _, state = checkpoint.load(tmp_path / LAST)
    assert state["step"] == 10  # the last good checkpoint is still there


def test_a_checkpoint_of_another_architecture_is_named(tmp_path):
    fit(new_stage(), job(tmp_path), batch_of)
    other = RegressionStage(nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 2)))
    with pytest.raises(UserError, match=r"do not fit .* 1 unexpected: finished.*misshapen"):
        fit(other, job(tmp_path), batch_of)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops_with_a_clear_line(tmp_path, number):
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from test_loop import batch_of, fit, job, new_stage
        from kinecast.train.stopping import Stopped
        import time
        def slow(step):
            print(step, flush=True)
            time.sleep(0.02)
            return batch_of(step)
        try:
            fit(new_stage(), job(Path(sys.argv[1]), save_every=1000), slow)
        except Stopped as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(128 + stopped.signum)
    """)
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.stdout.readline().strip() != "7":
        assert process.poll() is None, process.stderr.read()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number, stderr
    message = rf"{number.name}: saved first after step (\d+); run the same command to continue"
    stopped = re.search(message, stderr)
    assert stopped, stderr
    assert_continues(tmp_path, int(stopped[1]))


def assert_continues(folder, step):
    """The state is that after so many steps; it leads to where an uninterrupted run ends."""
    assert 0 < step < 40
    assert checkpoint.load(folder / LAST)[1]["step"] == step
    resumed, whole, asked = new_stage(), new_stage(), []
    fit(resumed, job(folder), noted(asked))
    assert asked == list(range(step, 40))
    fit(whole, job(folder / "whole"), batch_of)
    assert_bitwise(weights(whole), weights(resumed))


def test_a_signal_does_not_wait_for_the_batch_that_is_being_made(tmp_path):
    def stuck(step):
        if step == 7:
            time.sleep(0.3)  # until the step before is done, and this one waits
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):  # not one long call: a thread is ended at a line of Python
                time.sleep(0.01)
        return batch_of(step)

    with pytest.raises(Stopped, match="saved first after step 7;"):
        fit(new_stage(), job(tmp_path, save_every=1000), stuck)
    assert_continues(tmp_path, 7)


def test_a_second_ctrl_c_does_not_wait_for_the_step_or_save(tmp_path):
    class Impatient(RegressionStage):
        def loss(self, batch, draw):
            if torch.equal(batch.xy, batch_of(12).xy):
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return super().loss(batch, draw)

    with pytest.raises(KeyboardInterrupt):
        fit(Impatient(new_stage().module), job(tmp_path), batch_of)
    assert_continues(tmp_path, 10)


def test_a_torn_last_line_of_the_log_is_left_out(tmp_path):
    path = tmp_path / LOG
    path.write_text(json.dumps({"step": 1, "loss": 2.0}) + "\n" + '{"step": 2, "lo')
    assert log.read(path) == [{"step": 1, "loss": 2.0}]


def test_a_slow_batch_shows_as_waiting(tmp_path):
    def slow(step):
        time.sleep(0.2)
        return batch_of(step)

    fit(new_stage(), job(tmp_path, steps=3), slow)
    for row in log.read(tmp_path / LOG):
        if "loss" in row:
            assert 0 < row["wait"] <= 1
            assert row["clips_per_second"] == pytest.approx(8 / row["seconds"])
            if row["step"] == 1:  # the others were being made during the step before
                assert row["wait"] * row["seconds"] >= 0.19
