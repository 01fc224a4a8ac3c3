"""What a run does when something goes wrong."""

import errno
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from regression_plan import RegressionStage, batch_of
from test_loop import assert_bitwise, job, new_stage, weights

from kinecast.core.errors import UserError
from kinecast.train import checkpoint, guard, log, state
from kinecast.train.loop import LAST, LOG, fit

HERE = Path(__file__).parent
SCRIPT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from test_loop import batch_of, fit, job, new_stage
    def slow(step):
        print(step, flush=True)
        time.sleep(0.01)
        return batch_of(step)
    fit(new_stage(), job(Path(sys.argv[1]), save_every=3), slow)
""")


def test_killed_at_a_random_step_it_ends_with_the_same_weights(tmp_path):
    at = 2 + os.getpid() % 36
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), str(HERE)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while int(process.stdout.readline()) < at:
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    whole, resumed = new_stage(), new_stage()
    fit(whole, job(tmp_path / "whole", save_every=3), batch_of)
    fit(resumed, job(tmp_path / "killed", save_every=3), batch_of)
    assert_bitwise(weights(whole), weights(resumed))
    one, other = (checkpoint.load(tmp_path / name / LAST)[0] for name in ("whole", "killed"))
    assert_bitwise(one, other)


class Spiking(RegressionStage):
    """The loss of one step is a thousand times what it should be, or not a number."""

    factor, step = 1000.0, 20

    def loss(self, batch, draw):
        value, parts = super().loss(batch, draw)
        if torch.equal(batch.xy, batch_of(self.step).xy):
            value = value * self.factor
        return value, parts


def spiking(factor):
    stage = Spiking(new_stage().module)
    stage.factor = factor
    return stage


def test_a_spike_stops_with_its_batch_saved(tmp_path):
    with pytest.raises(UserError, match=r"got a spike of .* first step 20; .*on_bad=skip"):
        fit(spiking(1000.0), job(tmp_path, lr=1e-4), batch_of)
    tensors, note = checkpoint.load(tmp_path / "bad-batch-20.safetensors")
    assert torch.equal(tensors["xy"], batch_of(20).xy)
    assert note["step"] == 20
    # as the message says: the same run goes on without that step
    fit(spiking(1000.0), job(tmp_path, lr=1e-4, on_bad="skip"), batch_of)
    skipped = [row for row in log.read(tmp_path / LOG) if "skipped" in row]
    assert [row["step"] for row in skipped] == [21]


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1000.0])
def test_a_bad_step_that_is_skipped_changes_nothing(tmp_path, factor):
    stage = spiking(factor)
    stage.step = 39  # the last one
    fit(stage, job(tmp_path / "bad", lr=1e-4, on_bad="skip", validate_every=100), batch_of)
    rows = log.read(tmp_path / "bad" / LOG)
    assert "skipped" in next(row for row in rows if row["step"] == 40)
    good = new_stage()
    fit(good, job(tmp_path / "good", lr=1e-4, save_every=39, keep=9), batch_of)
    before = checkpoint.load(tmp_path / "good" / "step-00000039.safetensors")[0]
    after = checkpoint.load(tmp_path / "bad" / LAST)[0]
    assert_bitwise(before, after)


def test_a_large_loss_passes_where_spikes_may(tmp_path):
    fit(spiking(1000.0), job(tmp_path, lr=1e-4, spike=0.0), batch_of)
    assert len([row for row in log.read(tmp_path / LOG) if "loss" in row]) == 40


def test_a_spike_is_measured_from_the_running_median():
    usual = [1.0, 2.0, 3.0] * 6
    assert guard.fault(41.9, 1.0, usual, 20.0) is None
    assert "below 42 (the median is 2), got a spike of 42.1" in guard.fault(42.1, 1.0, usual, 20.0)
    assert guard.fault(1e9, 1.0, usual[:15], 20.0) is None  # too few to tell
    assert guard.fault(-50.0, 1.0, usual, 20.0) is None
    losses = []
    for value in range(100):
        guard.remember(losses, float(value))
    assert losses == [float(value) for value in range(36, 100)]


def test_a_full_disk_keeps_the_state_before(tmp_path, monkeypatch):
    real, calls = checkpoint.save_file, []

    def full(flat, temporary, metadata):
        if str(temporary).count("last") and calls.append(1) is None and len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(flat, temporary, metadata)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        UserError, match=r"the disk is full; .*the state before it is kept in .*last"
    ):
        fit(new_stage(), job(tmp_path), batch_of)
    assert checkpoint.load(tmp_path / LAST)[1]["step"] == 10
    monkeypatch.setattr(checkpoint, "save_file", real)
    whole, resumed = new_stage(), new_stage()
    fit(resumed, job(tmp_path), batch_of)
    fit(whole, job(tmp_path / "whole"), batch_of)
    assert_bitwise(weights(whole), weights(resumed))


def test_a_full_disk_under_the_log_is_told(tmp_path):
    written = log.RunLog(tmp_path / LOG, 0)
    written.close()
    written._file = open("/dev/full", "a")  # noqa: SIM115
    with pytest.raises(UserError, match="No space left on device; free some space"):
        written.write({"step": 1})
    with pytest.raises(OSError, match="No space"):
        written.close()


def test_the_newest_states_are_kept_and_a_run_can_go_back(tmp_path):
    fit(new_stage(), job(tmp_path, keep=3), batch_of)
    names = sorted(path.name for path in tmp_path.glob("step-*"))
    assert names == [f"step-{step:08d}.safetensors" for step in (20, 30, 40)]
    for name in (LAST, names[-1], names[-2]):
        (tmp_path / name).unlink()
    resumed, whole = new_stage(), new_stage()
    fit(resumed, job(tmp_path, keep=3), batch_of)
    assert checkpoint.load(tmp_path / LAST)[1]["step"] == 40
    fit(whole, job(tmp_path / "whole"), batch_of)
    assert_bitwise(weights(whole), weights(resumed))
    state.drop(tmp_path)
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == ["best.safetensors"]


def test_another_architecture_is_not_continued(tmp_path):
    fit(new_stage(), job(tmp_path), batch_of)
    other = RegressionStage(torch.nn.Sequential(torch.nn.Linear(6, 8)))
    with pytest.raises(UserError, match=r"trained with another architecture .*another --out"):
        fit(other, job(tmp_path), batch_of)
