"""A process of a small run, under torchrun's variables.

    python shared_worker.py fit OUT STEPS MODE    a regression; MODE is ddp, shard or alone
    python shared_worker.py train STOP WORDS...   `kinecast train WORDS`, watched

The command prints how many steps its process took; in step STOP, if it is not 0, the second one
gets SIGTERM.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import torch
from regression_plan import RegressionStage, batch_of, optim
from torch import nn
from torch.distributed.tensor import DTensor

from kinecast.cli.main import main
from kinecast.nn.block import gated_block
from kinecast.train import recipes
from kinecast.train.draw import normal, rows, whole
from kinecast.train.loop import Job, fit
from kinecast.train.recipes import build
from kinecast.train.team import Accelerated, assemble

CPU = torch.device("cpu")


class Network(nn.Module):
    """Points as tokens, two blocks; a part that not every step uses."""

    def __init__(self):
        super().__init__()
        self.enter, self.leave = nn.Linear(6, 16), nn.Linear(16, 2)
        self.blocks = nn.Sequential(gated_block(16, 2), gated_block(16, 2))
        self.hint = nn.Parameter(torch.zeros(16))
        self.register_buffer("scale", torch.ones(()))
        with torch.no_grad():  # gates of zero would leave the blocks out
            for block in self.blocks:
                for branch in block.values():
                    branch.modulate.gate.fill_(0.5)

    def forward(self, moved, hinted=None):
        x = self.enter(moved.flatten(1, -2))
        if hinted is not None and hinted.any():
            x = x + hinted[:, None, None] * self.hint
        return self.leave(self.blocks(x)).view(*moved.shape[:-1], 2)


class SharedStage(RegressionStage):
    """The regression, with noise a clip, a condition that is dropped, and a normalised loss."""

    def loss(self, batch, draw):
        moved = (batch.noisy_xy[:, 1:] - batch.noisy_xy[:, :-1]).movedim(1, -2).flatten(-2)
        moved = moved + 0.1 * normal(draw, tuple(moved.shape))
        hinted = rows(draw, len(moved), lambda n: torch.rand(n, generator=draw)) < 0.1
        target = batch.xy[:, -1] - batch.xy[:, -2]
        error = (self.module(moved, hinted.float()) - target).square().mean((1, 2, 3))
        everyone = whole(draw, batch)
        usual = (everyone.xy[:, -1] - everyone.xy[:, -2]).square().mean()
        return (error / usual).mean(), {"error": error.mean().item()}


def train(out, steps, mode, micro=None):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        stage = SharedStage(Network())
    team = assemble("cpu", sharded=mode == "shard")
    changes = {"steps": steps, "bf16": False, "micro": micro, "save_every": max(1, steps - 1)}
    job = Job("first", optim(**changes), 5, Path(out), CPU, quiet=True)
    fit(stage, job, batch_of, team)
    return stage


def watched(recipe, pool, device):
    """The recipe's networks; every loss is of a share of the batch."""
    plan = build(recipe, pool, device)
    stage_of = plan.stage

    def stage(name):
        made = stage_of(name)
        loss = made.loss

        def of_share(batch, draw):
            assert 2 * len(batch) == recipe.stages[name].batch
            return loss(batch, draw)

        made.loss = of_share
        return made

    plan.stage = stage
    return plan


def command(stop, words):
    """`kinecast train WORDS` and its status; every step has split weights, or none has."""
    steps, clip = 0, Accelerated.clip

    def count(team, trained, largest):
        nonlocal steps
        steps += 1
        assert any(isinstance(p, DTensor) for p in trained) == ("--shard" in words)
        if steps == stop and team.index == 1:
            signal.raise_signal(signal.SIGTERM)
        return clip(team, trained, largest)

    Accelerated.clip, recipes.build = count, watched
    status = main(["train", *words])
    print(steps)
    return status


def two_processes(*words, status=0):
    """What torchrun does, without its seconds; what each of them printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    # of a user's `accelerate config`: a precision, and a compiler that is not here
    common |= {"ACCELERATE_MIXED_PRECISION": "bf16", "ACCELERATE_DYNAMO_BACKEND": "tvm"}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, *map(str, words)],
            env={**os.environ, **common, "RANK": rank, "LOCAL_RANK": rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    late = time.monotonic() + 300
    try:
        while {process.poll() for process in processes} in ({None}, {None, status}):
            assert time.monotonic() < late
            time.sleep(0.05)
    finally:
        for process in processes:  # one that failed leaves the other waiting
            process.kill()
    ended = [process.communicate() for process in processes]
    told = "\n".join(error for _, error in ended)
    assert [process.returncode for process in processes] == [status] * 2, told
    return [printed for printed, _ in ended]


if __name__ == "__main__":
    if sys.argv[1] == "fit":
        train(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(command(int(sys.argv[2]), sys.argv[3:]))
