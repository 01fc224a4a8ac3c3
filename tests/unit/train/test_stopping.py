"""What a signal does, in a stage and where none is being trained."""

import os
import signal
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from kinecast.cli import train as verb
from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.train import prepare_latents, run, team
from kinecast.train.stopping import Stopped, end_on_sigterm, stop_on_signals

WORDS = {
    "train": ["trajloom-vae", "size=tiny", "--out", "out"],
    "prepare-latents": ["trajloom-flow", "size=tiny", "--vae", ".", "--out", "out"],
}


@pytest.fixture
def closed():
    """What a run left in order; the handlers of the tests stay as they were."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield []
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


@contextmanager
def workers(closed):
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # an impatient second one
        time.sleep(0.1)
        closed.append("workers")


@pytest.mark.parametrize("name", WORDS)
def test_an_order_to_end_closes_what_is_open(name, closed, monkeypatch, tmp_path):
    def work(*args, **options):
        with workers(closed):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "train", work)
    monkeypatch.setattr(prepare_latents, "prepare_latents", work)
    assert main([name, *WORDS[name]]) == 143
    assert closed == ["workers"]


def test_a_stage_that_is_trained_saves_first(closed):
    with end_on_sigterm(), stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
        assert stop.signum == signal.SIGTERM


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_ctrl_c_after_a_signal_does_not_wait(first, closed):
    with stop_on_signals() as stop:
        signal.raise_signal(first)
        assert stop.signum == first
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_between_two_stages_an_order_ends_the_run(closed):
    with end_on_sigterm():
        with stop_on_signals():
            pass
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143


@pytest.mark.parametrize("index", [0, 1])
def test_one_of_several_processes_says_that_a_run_stopped(index, capsys, monkeypatch, tmp_path):
    def stopped(*args, **options):
        raise Stopped(signal.SIGTERM, "vae after step 3")

    one = SimpleNamespace(main=index == 0, device=torch.device("cpu"))
    monkeypatch.setattr(run, "train", stopped)
    monkeypatch.setattr(team, "assemble", lambda *args: one)
    with pytest.raises(SystemExit) as ended:
        verb.train(("trajloom-vae", "size=tiny"), out=tmp_path)
    assert ended.value.code == 143
    assert capsys.readouterr().err.count("saved vae after step 3") == (index == 0)


def test_the_command_that_is_named_for_shards_is_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(UserError, match="torchrun --nproc-per-node=N --no-python kinecast train"):
        team.assemble("cpu", sharded=True)
