"""The training state of a stage on disk: the last one, a few before it, and the best weights.

`last.safetensors` is always the newest. The ones before it are `step-00000200.safetensors`, hard
links where the file system has them, so that a run that went wrong can go back: delete the newer
ones and run the same command.
"""

import math
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from kinecast.core.errors import UserError
from kinecast.io.checkpoint import check_fit
from kinecast.nn.ema import EMA
from kinecast.train import checkpoint
from kinecast.train.team import Team, gathered, like, split_like

LAST, BEST = "last.safetensors", "best.safetensors"
EARLIER = "step-*.safetensors"


@dataclass
class Progress:
    """The part of the state that is not a tensor."""

    step: int = 0  # finished steps
    best: float = math.inf
    best_step: int = -1
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # the latest good ones: see `guard`


@dataclass(frozen=True)
class State:
    """All that a step changes."""

    module: nn.Module
    optimiser: torch.optim.Optimizer
    ema: EMA
    progress: Progress


def save(folder: Path, state: State, team: Team, keep: int) -> None:
    """Write the state and drop all but the newest `keep`; of several processes, the first writes.

    Raises:
        UserError: it cannot be written; the last state is still there.
    """
    tensors = {
        **checkpoint.prefixed("module", gathered(state.module.state_dict())),
        **checkpoint.prefixed("ema", gathered(state.ema.state_dict())),
        **checkpoint.prefixed("optimiser", gathered(checkpoint.pack_optimiser(state.optimiser))),
    }
    if not team.main:
        return
    path = folder / LAST
    try:
        checkpoint.save(path, tensors, asdict(state.progress))
    except UserError as error:
        left = (
            f"the state before it is kept in {path}" if path.exists() else "none was saved before"
        )
        raise UserError(f"{error}; {left}") from error
    _keep(folder, state.progress.step, keep)


def _keep(folder: Path, step: int, keep: int) -> None:
    named = folder / EARLIER.replace("*", f"{step:08d}")
    named.unlink(missing_ok=True)
    try:
        os.link(folder / LAST, named)
    except OSError:  # a file system without links
        if keep > 1:
            shutil.copyfile(folder / LAST, named)
    states = sorted(folder.glob(EARLIER))
    older = [path for path in states if path <= named]
    for path in [*older[:-keep], *(p for p in states if p > named)]:  # later: of a run gone back on
        path.unlink()


def restore(folder: Path, state: State) -> Progress:
    """Fill the state from the newest file of the folder; nothing changes where there is none.

    Raises:
        UserError: the file is damaged, or of another architecture.
    """
    path = newest(folder)
    if path is None:
        return Progress()
    tensors, note = checkpoint.load(path)
    weights = checkpoint.part("module", tensors)
    try:
        check_fit(state.module, weights, str(path))
    except UserError as error:
        raise UserError(
            f"cannot continue {folder}: it was trained with another architecture ({error}); use "
            "another --out, with --init to take over the tensors that fit"
        ) from error
    state.module.load_state_dict(split_like(weights, state.module))
    average = checkpoint.part("ema", tensors)
    counted = {k: v for k, v in average.items() if k not in weights}
    shared = {k: v for k, v in average.items() if k in weights}
    state.ema.load_state_dict({**counted, **split_like(shared, state.module)})
    parameters = [p for group in state.optimiser.param_groups for p in group["params"]]
    moments = {
        name: like(value, parameters[int(name.partition(".")[0])]) if value.ndim else value
        for name, value in checkpoint.part("optimiser", tensors).items()
    }
    checkpoint.unpack_optimiser(state.optimiser, moments)
    known = asdict(Progress())
    return Progress(**{name: note.get(name, value) for name, value in known.items()})


def newest(folder: Path) -> Path | None:
    """The newest state of a folder, if it has one."""
    if (folder / LAST).exists():
        return folder / LAST
    return max(folder.glob(EARLIER), default=None)


def drop(folder: Path) -> None:
    """Remove all states but the best weights: a finished stage has no more use for them."""
    for path in [folder / LAST, *folder.glob(EARLIER)]:
        path.unlink(missing_ok=True)
