"""The training loop: one stage, read from top to bottom.

A step depends on nothing but (seed, stage, step) and the state before it: batches and noise are
drawn from generators keyed by the step. So a run that was interrupted and continued equals one that
was not, bit for bit on a CPU; and several processes, or passes of gradient accumulation, are shares
of one batch, whose losses agree with those of one process up to rounding.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn

from kinecast.core import flops
from kinecast.core.errors import UserError
from kinecast.io.checkpoint import load_into
from kinecast.nn.block import blocks
from kinecast.nn.ema import EMA
from kinecast.train import checkpoint, guard
from kinecast.train import state as states
from kinecast.train.draw import Draw
from kinecast.train.log import LOG, Display, StageLog, scores_line
from kinecast.train.prefetch import Prefetch
from kinecast.train.recipe import Optim
from kinecast.train.schedule import check_batches, learning_rate
from kinecast.train.stage import Item, Pictured, Stage
from kinecast.train.state import BEST, LAST, Progress, State
from kinecast.train.stopping import Stopped, stop_on_signals
from kinecast.train.team import Team, gathered, passes_of
from kinecast.train.throughput import Throughput

__all__ = ["BEST", "LAST", "LOG", "Job", "fit", "stage_key"]

LOSS_DRAW = 1  # key of the loss's random numbers, beside the pool's
BAD_BATCHES = 4  # kept on disk, the newest


@dataclass(frozen=True)
class Job:
    """Where and how a stage is trained.

    Attributes:
        name: of the stage; its random numbers are keyed by it.
        optim: how it is optimised.
        seed: of the run.
        folder: for the stage's checkpoints and log.
        device: of the stage's module.
        quiet: no progress on stderr.
    """

    name: str
    optim: Optim
    seed: int
    folder: Path
    device: torch.device
    quiet: bool = False

    def keys(self, step: int) -> tuple[int, int, int]:
        """What the random numbers of a step depend on."""
        return self.seed, stage_key(self.name), step


def stage_key(name: str) -> int:
    """A stage's name as a key of random generators."""
    return crc32(name.encode())


def fit(
    stage: Stage[Any], job: Job, batch_of: Callable[[int], Item], team: Team | None = None
) -> None:
    """Train `stage` to its last step, leaving the best (or last) averaged weights in its module.

    Continues from the folder's last checkpoint where there is one. Where the team has split the
    module, it stays split, and those weights are in the folder alone.

    Raises:
        Stopped: SIGTERM or SIGINT came; the state is saved.
        UserError: a loss or gradient is not finite or a spike (the batch is saved), or too many in
            a row where they are skipped; the folder holds another architecture; or the batch does
            not divide into the team's shares.
    """
    team = team or Team(job.device)
    module, optim = stage.module, job.optim
    check_batches({job.name: optim}, team.count)
    for block in blocks(module):
        block.recompute = optim.recompute
        block._compiled_call_impl = None  # by an earlier stage: this one is as after a restart
    spread = team.spread(module)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimiser = _adamw(trained, optim, fused=not team.sharded)
    ema = EMA(module, optim.ema)
    state = State(module, optimiser, ema, Progress())
    progress = states.restore(job.folder, state, team)
    state = State(module, optimiser, ema, progress)
    validated = progress.best_step >= 0
    log = StageLog(job.folder, progress.step, validated, team.main)
    display = Display(job.name, optim.steps, progress.step, job.quiet or not team.main)
    throughput = Throughput(team, optim.bf16)
    try:
        with stop_on_signals() as stop, Prefetch(batch_of, optim.steps) as batches:
            if not validated:
                _validate(stage, spread, job, team, state, log, display)
            while progress.step < optim.steps:
                step, begun = progress.step, time.monotonic()
                batch = batches.take(step, lambda: stop.signum is not None and team.count == 1)
                if batch is None:
                    states.save(job.folder, state, team, optim.keep)
                    break
                waited = time.monotonic() - begun

                lr = learning_rate(optim, step)
                for group in optimiser.param_groups:
                    group["lr"] = lr
                optimiser.zero_grad(set_to_none=True)
                if throughput.wants_count(optim.steps - step):
                    operations = _operations(stage, spread, job, team, step, batch)
                    throughput.counted(operations, len(batch))
                loss, parts = _gradient(stage, spread, job, team, step, batch)
                norm = team.clip(trained, optim.clip)
                fault = guard.fault(loss, norm, progress.losses, optim.spike)
                if fault is None:
                    optimiser.step()
                    ema.update(module)
                    guard.remember(progress.losses, loss)
                    progress.skipped = 0
                else:
                    progress.skipped += 1
                    _bad_step(job, team, step, batch, fault, progress.skipped)

                progress.step = step + 1
                seconds = time.monotonic() - begun
                progress.seconds += seconds
                throughput.add(len(batch), seconds)
                if optim.compile and len(throughput) == 1:  # operations are counted uncompiled
                    for block in blocks(module):
                        block.compile()
                log.write(
                    {
                        "step": progress.step,
                        **({"loss": loss, **parts} if fault is None else {"skipped": fault}),
                        "lr": lr,
                        "grad_norm": norm,
                        "seconds": seconds,
                        "wait": waited / max(seconds, 1e-9),
                        "clips_per_second": len(batch) / max(seconds, 1e-9),
                    }
                )
                display.update(progress.step, f"loss {loss:.4g}  {throughput.rate:.3g} clips/s")

                last = progress.step == optim.steps
                signum = team.most(stop.signum or 0)
                if last or progress.step % optim.validate_every == 0:
                    _validate(stage, spread, job, team, state, log, display)
                if last or progress.step % optim.save_every == 0 or signum:
                    states.save(job.folder, state, team, optim.keep)
                if signum:
                    stop.signum = signum
                    break
            if stop.signum is not None:
                raise Stopped(stop.signum, f"{job.name} after step {progress.step}")
        if len(throughput):  # a stage that was done has none
            log.write({"step": progress.step, "throughput": throughput.summary()})
    finally:
        log.close()
        display.close()
    team.wait()  # for the file
    if not team.sharded:
        best, _ = checkpoint.load(job.folder / BEST)
        load_into(module, best, str(job.folder / BEST))


def _gradient(
    stage: Stage[Any], spread: nn.Module, job: Job, team: Team, step: int, batch: Item
) -> tuple[float, dict[str, float]]:
    """The loss of a step and its parts; the gradient is left in the parameters.

    Each process takes its shares of the batch, one pass after another.
    """
    rows: list[dict[str, float]] = []
    calls = _passes(stage, job, team, step, batch)
    for turn, call in enumerate(calls):
        with team.together(spread, last=turn == len(calls) - 1):
            with torch.autocast(job.device.type, torch.bfloat16, enabled=job.optim.bf16):
                loss, parts = spread(call)
            (loss / len(calls)).backward()
        rows.append({"loss": loss.item(), **parts})
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    means = team.means(means)
    return means.pop("loss"), means


def _passes(
    stage: Stage[Any], job: Job, team: Team, step: int, batch: Item
) -> list[Callable[[], tuple[Tensor, dict[str, float]]]]:
    """The loss of each share of the batch that this process takes."""
    passes = passes_of(len(batch), team, job.optim.micro)
    shares = passes * team.count

    def call(turn: int) -> tuple[Tensor, dict[str, float]]:
        index = turn * team.count + team.index
        part = (batch.rows(slice(index, None, shares)) if shares > 1 else batch).to(job.device)
        keys = (*job.keys(step), LOSS_DRAW)
        return stage.loss(part, Draw.of(keys, index, shares, batch if shares > 1 else None))

    return [partial(call, turn) for turn in range(passes)]


def _operations(
    stage: Stage[Any], spread: nn.Module, job: Job, team: Team, step: int, batch: Item
) -> int:
    """What a step computes here, forward and backward.

    It is counted apart from the training: counting changes the last bits of some gradients.
    """
    calls = _passes(stage, job, team, step, batch)

    def one() -> int:
        with flops.counted() as count:
            with torch.autocast(job.device.type, torch.bfloat16, enabled=job.optim.bf16):
                loss, _ = calls[0]()
            loss.backward()
        for p in stage.module.parameters():
            p.grad = None
        return count()

    return len(calls) * team.inside(spread, one)


def _adamw(trained: Sequence[Tensor], optim: Optim, fused: bool) -> torch.optim.AdamW:
    """AdamW; biases, gains and other vectors are not decayed.

    It is fused unless a part of the parameters is split over processes, and a part is not.
    """
    matrices = [p for p in trained if p.ndim >= 2]
    vectors = [p for p in trained if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": optim.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    foreach = None if fused else False
    return torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=fused, foreach=foreach)


def _bad_step(job: Job, team: Team, step: int, batch: Item, fault: str, in_a_row: int) -> None:
    """Save the batch of a step that shall not be taken, and stop unless it is to be skipped."""
    path = job.folder / f"bad-batch-{step}.safetensors"
    if team.main:
        checkpoint.save(path, batch.tensors(), {"step": step, "keys": job.keys(step)})
        for old in sorted(job.folder.glob("bad-batch-*"), key=_age)[:-BAD_BATCHES]:
            old.unlink()
    if job.optim.on_bad == "stop":
        raise UserError(
            f"{fault} at {job.name} step {step}; the batch is in {path}; run again with "
            f"{job.name}.on_bad=skip to leave such steps out, or start anew with a lower "
            f"{job.name}.lr or {job.name}.bf16=false"
        )
    if in_a_row >= guard.IN_A_ROW:
        raise UserError(
            f"expected fewer than {guard.IN_A_ROW} bad steps in a row, got as many: {fault} at "
            f"{job.name} step {step}; the batch is in {path}; start anew with a lower "
            f"{job.name}.lr or {job.name}.bf16=false, or, where the loss may jump, go on with "
            f"{job.name}.spike=0"
        )


def _age(bad_batch: Path) -> tuple[int, int]:
    """By time, since a run may go back; by step, where the clock is coarse."""
    return bad_batch.stat().st_mtime_ns, int(bad_batch.stem.rpartition("-")[2])


@torch.no_grad()
def _validate(
    stage: Stage[Any],
    spread: nn.Module,
    job: Job,
    team: Team,
    state: State,
    log: StageLog,
    display: Display,
) -> None:
    """Score the averaged weights, keep them if they are the best, put the trained ones back."""
    module, training, progress = state.module, state.module.training, state.progress
    trained = {name: value.clone() for name, value in module.state_dict().items()}
    state.ema.copy_to(module)
    module.eval()
    scores: dict[str, float] = team.means(team.inside(spread, stage.validate))
    log.write({"step": progress.step, "validation": scores})
    if isinstance(stage, Pictured):
        log.pictures(progress.step, team.inside(spread, stage.pictures))
    display.line(f"{job.name} {scores_line(progress.step, scores)}")
    if not math.isfinite(scores["model"]):
        raise UserError(
            f"expected a finite validation of {job.name} after step {progress.step}, got {scores}; "
            f"train again with a lower {job.name}.lr in another --out"
        )
    if scores["model"] < progress.best or job.optim.select == "last":
        progress.best, progress.best_step = scores["model"], progress.step
        weights = gathered(module.state_dict())
        if team.main:
            checkpoint.save(job.folder / BEST, weights, {"step": progress.step, **scores})
    module.load_state_dict(trained)
    module.train(training)
