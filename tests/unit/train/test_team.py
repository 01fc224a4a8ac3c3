import pytest
import torch
from regression_plan import batch_of, optim
from shared_worker import CPU, Network, SharedStage, train, two_processes

from kinecast.core.errors import UserError
from kinecast.train import checkpoint, log
from kinecast.train.loop import LAST, LOG, Job, fit
from kinecast.train.recipe import Optim
from kinecast.train.schedule import check_batches
from kinecast.train.team import OTHER_WAYS, Team, assemble, passes_of


def losses(folder):
    return torch.tensor([row["loss"] for row in log.read(folder / LOG) if "loss" in row])


def agree(one, other, steps):
    assert len(losses(one)) == len(losses(other)) == steps
    torch.testing.assert_close(losses(one), losses(other), rtol=1e-5, atol=1e-5)
    for name, value in checkpoint.load(one / LAST)[0].items():
        again = checkpoint.load(other / LAST)[0][name]
        torch.testing.assert_close(value, again, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("micro", [4, 1])
def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path, micro):
    train(tmp_path / "whole", 12, "alone")
    train(tmp_path / "parts", 12, "alone", micro=micro)
    agree(tmp_path / "whole", tmp_path / "parts", 12)


@pytest.mark.parametrize("mode", ["ddp", "shard"])
def test_two_processes_train_as_one(tmp_path, mode):
    pytest.importorskip("accelerate", reason="needs the extra train")
    train(tmp_path / "one", 10, "alone")
    two_processes("fit", tmp_path / "two", 10, mode)
    agree(tmp_path / "one", tmp_path / "two", 10)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["ddp", "shard"])
def test_two_processes_have_the_losses_of_one_over_fifty_steps(tmp_path, mode):
    pytest.importorskip("accelerate", reason="needs the extra train")
    train(tmp_path / "one", 50, "alone")
    two_processes("fit", tmp_path / "two", 50, mode)
    agree(tmp_path / "one", tmp_path / "two", 50)


def test_one_process_continues_what_two_with_shards_began(tmp_path):
    pytest.importorskip("accelerate", reason="needs the extra train")
    train(tmp_path / "one", 10, "alone")
    two_processes("fit", tmp_path / "two", 10, "shard")
    (tmp_path / "two" / LAST).unlink()  # the state before the last step is used
    for newer in sorted((tmp_path / "two").glob("step-*"))[1:]:
        newer.unlink()
    stage = train(tmp_path / "two", 10, "alone")
    agree(tmp_path / "one", tmp_path / "two", 10)
    assert type(stage.module) is Network


def test_a_batch_that_does_not_divide_says_so():
    team = Team(CPU)
    assert passes_of(16, team, 4) == 4
    team.count = 2
    assert passes_of(16, team, 4) == 2
    assert passes_of(16, team, None) == 1
    with pytest.raises(UserError, match=r"flow.batch as a multiple of 3 processes, got 16"):
        check_batches({"flow": Optim(1, 16, 1e-3)}, 3)
    with pytest.raises(UserError, match=r"3 processes x flow.micro=4, got 16"):
        check_batches({"flow": Optim(1, 16, 1e-3, micro=4)}, 3)
    with pytest.raises(UserError, match=r"multiple of 3 processes, got 2"):
        check_batches({"flow": Optim(1, 2, 1e-3)}, 3)


def test_shards_need_several_processes(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(UserError, match="several processes"):
        assemble("cpu", sharded=True)


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_accelerate_launch_does_not_train_in_a_way_of_its_own(way, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("kinecast.train.team.Accelerated", lambda device, sharded: "joined")
    monkeypatch.setenv(f"ACCELERATE_USE_{way}", "false")
    assert assemble("cpu") == "joined"
    monkeypatch.setenv(f"ACCELERATE_USE_{way}", "true")
    with pytest.raises(UserError, match=f"got {way} from its configuration; .* torchrun"):
        assemble("cpu")


def test_blocks_that_compute_again_give_the_same_bits(tmp_path):
    weights = []
    for again in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            stage = SharedStage(Network())
        changes = optim(steps=3, recompute=again)
        fit(stage, Job("first", changes, 5, tmp_path / str(again), CPU, quiet=True), batch_of)
        weights.append(stage.module.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
