"""The training state of a stage on disk: the last one, a few before it, and the best weights.

`last.safetensors` is always the newest. The ones before it are `step-00000200.safetensors`, hard
links where the file system has them, so that a run that went wrong can go back: delete the newer
ones and run the same command. The best weights as of each of them are `best-00000200.safetensors`,
links again: what a run that went back has left behind is never handed on.
"""

import math
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path
from kinecast.io.checkpoint import check_fit
from kinecast.nn.ema import EMA
from kinecast.train import checkpoint
from kinecast.train.team import Team, gathered, like, split_like

LAST, BEST = "last.safetensors", "best.safetensors"
EARLIER, BEST_OF = "step-*.safetensors", "best-*.safetensors"


@dataclass
class Progress:
    """The part of the state that is not a tensor."""

    step: int = 0  # finished steps
    best: float = math.inf
    best_step: int = -1
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # the latest good ones: see `guard`
    skipped: int = 0  # bad steps in a row, up to now


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
    path, step = folder / LAST, state.progress.step
    try:
        if (folder / BEST).exists():  # before the state: one without its best is worth little
            _link(folder / BEST, _of(BEST_OF, folder, step))
        checkpoint.save(path, tensors, asdict(state.progress))
    except UserError as error:
        left = (
            f"the state before it is kept in {path}" if path.exists() else "none was saved before"
        )
        raise UserError(f"{error}; {left}") from error
    _keep(folder, step, keep)


def _keep(folder: Path, step: int, keep: int) -> None:
    """Name the last state after its step, too; remove all but the newest `keep`, and their bests.

    States of later steps are of a run that was gone back on.
    """
    named = _of(EARLIER, folder, step)
    named.unlink(missing_ok=True)
    if keep > 1:
        _link(folder / LAST, named)
    states = sorted(folder.glob(EARLIER), reverse=True)
    kept = [named, *(path for path in states if path < named)][:keep]
    bests = [_of(BEST_OF, folder, _step(path)) for path in kept]
    for path in [*states, *folder.glob(BEST_OF)]:
        if path not in kept and path not in bests:
            path.unlink()


def _of(pattern: str, folder: Path, step: int) -> Path:
    return folder / pattern.replace("*", f"{step:08d}")


def _step(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _link(source: Path, target: Path) -> None:
    """Another name for a file that is only ever replaced; a copy where there are no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def restore(folder: Path, state: State, team: Team) -> Progress:
    """Fill the state from the newest file of the folder; nothing changes where there is none.

    The best weights are put back to what they were then. Where they are lost, the progress knows
    of none.

    Raises:
        UserError: the file is damaged, or of another architecture.
    """
    path = newest(folder)
    progress = Progress() if path is None else _fill(path, state)
    lost = team.most(int(team.main and not _put_back_best(folder, progress)))
    if lost:
        progress.best, progress.best_step = math.inf, -1
    return progress


def _put_back_best(folder: Path, progress: Progress) -> bool:
    """Whether the best weights are those that the progress knows of; others are removed."""
    kept = _of(BEST_OF, folder, progress.step)
    if kept.exists() and progress.best_step >= 0:
        _link(kept, folder / BEST)
        return True
    try:
        _, note = checkpoint.load(folder / BEST)
    except UserError:  # there is none, or half of one
        note = {}
    if note.get("step") == progress.best_step:
        return True
    (folder / BEST).unlink(missing_ok=True)
    return False


def _fill(path: Path, state: State) -> Progress:
    folder = path.parent
    tensors, note = checkpoint.load(path, _without(path))
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


def _without(path: Path) -> str:
    """What to do where the newest state is damaged, and with it its other names."""
    states = [p for p in path.parent.glob(EARLIER) if p != path]
    same = [p for p in states if p.samefile(path)] if path.exists() else []
    older = max((p for p in states if p not in same), default=None)
    names = " and ".join(p.name for p in [path, *same])
    if older is None:
        return f"there is no older state: delete {names} to start the stage over"
    return f"delete {names} to continue from {older.name}"


def newest(folder: Path) -> Path | None:
    """The newest state of a folder, if it has one."""
    if (folder / LAST).exists():
        return folder / LAST
    return max(folder.glob(EARLIER), default=None)


def drop(folder: Path) -> None:
    """Remove all states but the best weights: a finished stage has no more use for them."""
    for path in [folder / LAST, *folder.glob(EARLIER), *folder.glob(BEST_OF)]:
        path.unlink(missing_ok=True)
