"""A process of a small run, under torchrun's variables: python shared_worker.py OUT STEPS MODE.

MODE is ddp, shard or alone; what it learnt is in OUT.
"""

import sys
from pathlib import Path

import torch
from regression_plan import RegressionStage, batch_of, optim
from torch import nn

from kinecast.nn.block import gated_block
from kinecast.train.draw import normal, rows, whole
from kinecast.train.loop import Job, fit
from kinecast.train.team import assemble

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


if __name__ == "__main__":
    train(sys.argv[1], int(sys.argv[2]), sys.argv[3])
