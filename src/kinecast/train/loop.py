"""The training loop: one stage, read from top to bottom.

A step depends on nothing but (seed, stage, step) and the state before it: batches and noise are
drawn from generators keyed by the step. So a run that was interrupted and continued equals one that
was not, bit for bit on a CPU.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.io.checkpoint import load_into
from kinecast.nn.ema import EMA
from kinecast.train import checkpoint
from kinecast.train.log import Display, RunLog, scores_line
from kinecast.train.prefetch import Prefetch
from kinecast.train.recipe import Optim
from kinecast.train.schedule import learning_rate
from kinecast.train.stage import Item, Stage
from kinecast.train.stopping import Stopped, stop_on_signals

LAST, BEST, LOG = "last.safetensors", "best.safetensors", "log.jsonl"
LOSS_DRAW = 1  # key of the loss's random numbers, beside the pool's


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


@dataclass
class Progress:
    """The part of the state that is not a tensor."""

    step: int = 0  # finished steps
    best: float = math.inf
    best_step: int = -1
    seconds: float = 0.0


def fit(stage: Stage[Any], job: Job, batch_of: Callable[[int], Item]) -> None:
    """Train `stage` to its last step, leaving the best averaged weights in its module.

    Continues from the folder's last checkpoint where there is one.

    Raises:
        Stopped: SIGTERM or SIGINT came; the state is saved.
        UserError: the loss or its gradient is not finite (the batch is saved), or the folder holds
            another architecture.
    """
    module, optim = stage.module, job.optim
    trained = [p for p in module.parameters() if p.requires_grad]
    optimiser = _adamw(trained, optim)
    ema = EMA(module, optim.ema)
    progress = _restore(job, stage, optimiser, ema)
    log = RunLog(job.folder / LOG, progress.step)
    display = Display(job.name, optim.steps, progress.step, job.quiet)
    try:
        with stop_on_signals() as stop, Prefetch(batch_of, optim.steps) as batches:
            if progress.step == 0:
                _validate(stage, job, ema, progress, log, display)
            while progress.step < optim.steps:
                step, begun = progress.step, time.monotonic()
                taken = batches.take(step, lambda: stop.signum is not None)
                if taken is None:
                    _save(job, stage, optimiser, ema, progress)
                    break
                batch = taken.to(job.device)
                waited = time.monotonic() - begun

                lr = learning_rate(optim, step)
                for group in optimiser.param_groups:
                    group["lr"] = lr
                with torch.autocast(job.device.type, torch.bfloat16, enabled=optim.bf16):
                    loss, parts = stage.loss(batch, rng.generator(*job.keys(step), LOSS_DRAW))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                norm = torch.nn.utils.clip_grad_norm_(trained, optim.clip)
                _check_finite(job, step, loss, norm, batch)
                optimiser.step()
                ema.update(module)

                progress.step = step + 1
                seconds = time.monotonic() - begun
                progress.seconds += seconds
                log.write(
                    {
                        "step": progress.step,
                        "loss": loss.item(),
                        **parts,
                        "lr": lr,
                        "grad_norm": norm.item(),
                        "seconds": seconds,
                        "wait": waited / max(seconds, 1e-9),
                        "clips_per_second": len(batch) / max(seconds, 1e-9),
                    }
                )
                speed = progress.step * optim.batch / max(progress.seconds, 1e-9)
                display.update(progress.step, f"loss {loss.item():.4g}  {speed:.3g} clips/s")

                last = progress.step == optim.steps
                if last or progress.step % optim.validate_every == 0:
                    _validate(stage, job, ema, progress, log, display)
                if last or progress.step % optim.save_every == 0 or stop.signum is not None:
                    _save(job, stage, optimiser, ema, progress)
                if stop.signum is not None:
                    break
            if stop.signum is not None:
                raise Stopped(stop.signum, f"{job.name} after step {progress.step}")
    finally:
        log.close()
        display.close()
    best, _ = checkpoint.load(job.folder / BEST)
    load_into(module, best, str(job.folder / BEST))


def _adamw(trained: Sequence[Tensor], optim: Optim) -> torch.optim.AdamW:
    """AdamW; biases, gains and other vectors are not decayed."""
    matrices = [p for p in trained if p.ndim >= 2]
    vectors = [p for p in trained if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": optim.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=True)


def _check_finite(job: Job, step: int, loss: Tensor, norm: Tensor, batch: Item) -> None:
    if torch.isfinite(loss) and torch.isfinite(norm):
        return
    path = job.folder / f"bad-batch-{step}.safetensors"
    checkpoint.save(path, batch.tensors(), {"step": step, "keys": job.keys(step)})
    raise UserError(
        f"expected a finite loss and gradient, got {loss.item():.4g} and {norm.item():.4g} at "
        f"{job.name} step {step}; the batch is in {path}; lower {job.name}.lr or set "
        f"{job.name}.bf16=false and run again from the last checkpoint"
    )


@torch.no_grad()
def _validate(
    stage: Stage[Any], job: Job, ema: EMA, progress: Progress, log: RunLog, display: Display
) -> None:
    """Score the averaged weights, keep them if they are the best, put the trained ones back."""
    module, training = stage.module, stage.module.training
    trained = {name: value.clone() for name, value in module.state_dict().items()}
    ema.copy_to(module)
    module.eval()
    scores = stage.validate()
    log.write({"step": progress.step, "validation": scores})
    display.line(f"{job.name} {scores_line(progress.step, scores)}")
    if not math.isfinite(scores["model"]):
        raise UserError(
            f"expected a finite validation of {job.name} after step {progress.step}, got {scores}; "
            f"lower {job.name}.lr and train again in another --out"
        )
    if scores["model"] < progress.best:
        progress.best, progress.best_step = scores["model"], progress.step
        note = {"step": progress.step, **scores}
        checkpoint.save(job.folder / BEST, module.state_dict(), note)
    module.load_state_dict(trained)
    module.train(training)


def _save(
    job: Job,
    stage: Stage[Any],
    optimiser: torch.optim.Optimizer,
    ema: EMA,
    progress: Progress,
) -> None:
    tensors = {
        **checkpoint.prefixed("module", stage.module.state_dict()),
        **checkpoint.prefixed("ema", ema.state_dict()),
        **checkpoint.prefixed("optimiser", checkpoint.pack_optimiser(optimiser)),
    }
    checkpoint.save(job.folder / LAST, tensors, vars(progress))


def _restore(job: Job, stage: Stage[Any], optimiser: torch.optim.Optimizer, ema: EMA) -> Progress:
    path = job.folder / LAST
    if not path.exists():
        return Progress()
    tensors, note = checkpoint.load(path)
    load_into(stage.module, checkpoint.part("module", tensors), str(path))
    ema.load_state_dict(checkpoint.part("ema", tensors))
    checkpoint.unpack_optimiser(optimiser, checkpoint.part("optimiser", tensors))
    state: dict[str, Any] = {name: note[name] for name in vars(Progress())}
    return Progress(**state)
