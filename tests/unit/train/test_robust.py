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
from test_loop import assert_bitwise, job, new_stage, noted, weights

from kinecast.core.errors import UserError
from kinecast.train import checkpoint, guard, log, state
from kinecast.train.loop import BEST, LAST, LOG, fit

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
    at = 4 + os.getpid() % 24  # after the first save, well before the end
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), str(HERE)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while int(process.stdout.readline()) < at:
        assert process.poll() is None
    process.kill()
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    last = max([at, *map(int, rest.split())])  # its batch is begun when last - 1 steps are done
    whole, resumed, asked = new_stage(), new_stage(), []
    fit(whole, job(tmp_path / "whole", save_every=3), batch_of)
    fit(resumed, job(tmp_path / "killed", save_every=3), noted(asked))
    assert asked == list(range(asked[0], 40))
    assert asked[0] % 3 == 0
    assert last - 1 - 3 < asked[0] <= last + 1
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


class Broken(RegressionStage):
    """Its loss is not a number from a step on."""

    def loss(self, batch, draw):
        value, parts = super().loss(batch, draw)
        late = any(torch.equal(batch.xy, batch_of(step).xy) for step in range(20, 40))
        return value * (math.nan if late else 1.0), parts


def test_a_run_does_not_skip_for_ever(tmp_path):
    skip = job(tmp_path, on_bad="skip")
    with pytest.raises(UserError, match=r"fewer than 16 bad steps in a row.* first step 35; .*lr"):
        fit(Broken(new_stage().module), skip, batch_of)
    # continued, it counts on
    with pytest.raises(UserError, match=r"fewer than 16 bad steps in a row.* first step 35; .*lr"):
        fit(Broken(new_stage().module), skip, batch_of)
    saved = sorted(path.name for path in tmp_path.glob("bad-batch-*"))
    assert saved == [f"bad-batch-{step}.safetensors" for step in range(32, 36)]


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
    written.close()  # what could not be written is no second error


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


class Scored(RegressionStage):
    """Scores as told, one after the other."""

    def __init__(self, module, scores):
        super().__init__(module)
        self.scores = iter(scores)

    def validate(self):
        return {"model": next(self.scores)}


def scored(*scores):
    return Scored(new_stage().module, scores)


@pytest.mark.parametrize("links", [True, False])
def test_a_run_that_went_back_does_not_hand_on_what_it_left(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    often = job(tmp_path, keep=9, validate_every=10)
    fit(scored(5.0, 4.0, 1.0, 2.0, 3.0), often, batch_of)
    assert checkpoint.load(tmp_path / BEST)[1]["step"] == 20
    for path in [tmp_path / LAST, *sorted(tmp_path.glob("step-*"))[1:]]:
        path.unlink()
    again = scored(6.0, 6.0, 6.0)
    fit(again, often, batch_of)
    best, note = checkpoint.load(tmp_path / BEST)
    assert (note["step"], note["model"]) == (10, 4.0)
    assert_bitwise(best, weights(again))
    assert len(list(tmp_path.glob("best-*"))) == 4
    state.drop(tmp_path)
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == [BEST]


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_validation_that_is_not_finite_stops_and_keeps_the_state_before(tmp_path, score):
    often = job(tmp_path / "parts", validate_every=10)
    with pytest.raises(UserError, match=r"finite validation of first after step 20.*first.lr"):
        fit(scored(5.0, 4.0, score), often, batch_of)
    for name in (LAST, BEST):
        assert checkpoint.load(tmp_path / "parts" / name)[1]["step"] == 10
    resumed, whole, asked = scored(3.0, 2.0, 2.5), scored(5.0, 4.0, 3.0, 2.0, 2.5), []
    fit(resumed, often, noted(asked))
    assert asked == list(range(10, 40))
    fit(whole, job(tmp_path / "whole", validate_every=10), batch_of)
    assert_bitwise(weights(whole), weights(resumed))
    one, other = (checkpoint.load(tmp_path / name / LAST)[0] for name in ("whole", "parts"))
    assert_bitwise(one, other)


def test_where_the_best_of_a_state_is_lost_it_is_validated_anew(tmp_path):
    often = job(tmp_path, keep=9, validate_every=10)
    fit(scored(5.0, 4.0, 1.0, 2.0, 3.0), often, batch_of)
    for path in [tmp_path / LAST, *sorted(tmp_path.glob("step-*"))[1:], *tmp_path.glob("best-*")]:
        path.unlink()
    fit(scored(4.0, 6.0, 6.0, 6.0), often, batch_of)
    assert checkpoint.load(tmp_path / BEST)[1]["step"] == 10
    found = [row["step"] for row in log.read(tmp_path / LOG) if "validation" in row]
    assert found == [0, 10, 20, 30, 40]


def test_a_best_that_is_kept_as_one_state_is(tmp_path):
    fit(new_stage(), job(tmp_path, keep=1), batch_of)
    names = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert names == ["best-00000040.safetensors", BEST, LAST]
    (tmp_path / BEST).unlink()
    stage = new_stage()
    fit(stage, job(tmp_path, keep=1), batch_of)
    assert_bitwise(weights(stage), checkpoint.load(tmp_path / BEST)[0])


def test_a_damaged_state_names_the_one_before_it(tmp_path):
    fit(new_stage(), job(tmp_path), batch_of)
    with (tmp_path / LAST).open("r+b") as file:  # its other name is the same file
        file.truncate(100)
    with pytest.raises(
        UserError,
        match=r"delete last\S+ and step-00000040\S+ to continue from step-00000030.safetensors$",
    ):
        fit(new_stage(), job(tmp_path), batch_of)
    for name in (LAST, "step-00000040.safetensors", "step-00000030.safetensors"):
        (tmp_path / name).unlink()
    (tmp_path / LAST).write_bytes(b"")
    with pytest.raises(UserError, match=r"no older state: delete last\S+ to start the stage over$"):
        fit(new_stage(), job(tmp_path), batch_of)
    (tmp_path / LAST).unlink()
    stage, whole = new_stage(), new_stage()
    fit(stage, job(tmp_path), batch_of)
    fit(whole, job(tmp_path / "whole"), batch_of)
    assert_bitwise(weights(stage), weights(whole))


def test_another_architecture_is_not_continued(tmp_path):
    fit(new_stage(), job(tmp_path), batch_of)
    other = RegressionStage(torch.nn.Sequential(torch.nn.Linear(6, 8)))
    with pytest.raises(UserError, match=r"trained with another architecture .*another --out"):
        fit(other, job(tmp_path), batch_of)
