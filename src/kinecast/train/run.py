"""Run a recipe: its stages in order, each resumable, then the export.

A run's folder holds `recipe.json`; per stage `log.jsonl`, `last.safetensors` (the full training
state), `best.safetensors` (averaged weights) and, once it is done, `system.safetensors` (all that
the next stage starts from); `clips/` unless the recipe names another cache; `curve.json`,
`curve.png` and `model/`, the checkpoint folder that a forecaster loads.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path
from kinecast.io.checkpoint import load_into
from kinecast.train import checkpoint, curves, log
from kinecast.train.loop import LAST, LOG, Job, fit, stage_key
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Recipe
from kinecast.train.stage import OwnBatches, Plan

Build = Callable[[Recipe, WorldPool, torch.device], Plan]


@dataclass(frozen=True)
class Result:
    """What `kinecast train --json` prints.

    Attributes:
        recipe: its name.
        steps: of all stages.
        loss_first, loss_last: of the last trained stage, averaged over the first and last tenth.
        validation: the last stage's scores at its best step.
        stages: the same per stage.
        paths: absolute paths written.
    """

    recipe: str
    steps: int
    loss_first: float | None
    loss_last: float | None
    validation: dict[str, float]
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


def train(
    recipe: Recipe,
    build: Build,
    out: Path,
    device: torch.device,
    init: Path | None = None,
    quiet: bool = False,
) -> Result:
    """Train every stage that is not done yet and export the model.

    Args:
        recipe: see `recipe`.
        build: makes the recipe's networks and stages.
        out: the run's folder; a folder with the same recipe is continued.
        device: where the networks live.
        init: `system.safetensors` of another run to start from; it may hold a part of the networks
            (a trained VAE), but nothing else.
        quiet: no progress on stderr.

    Raises:
        Stopped: a signal came; the state is saved.
        UserError: the folder belongs to another recipe, or a stage failed (see `loop.fit`).
    """
    out = out.absolute()
    _claim(out, recipe)
    cache = Path(recipe.data.cache).absolute() if recipe.data.cache else out / "clips"
    with WorldPool(recipe.data, recipe.seed, cache) as pool:
        with _initial_weights(recipe.seed):
            plan = build(recipe, pool, device)
        if init is not None:
            _warm_start(plan.system, init)
        for name in recipe.stages:
            _run_stage(name, recipe, plan, pool, out, device, quiet)
    plan.export(out / "model")
    return _summary(recipe, out)


def _run_stage(
    name: str,
    recipe: Recipe,
    plan: Plan,
    pool: WorldPool,
    out: Path,
    device: torch.device,
    quiet: bool,
) -> None:
    folder, optim = out / name, recipe.stages[name]
    done = folder / "system.safetensors"
    if done.exists():
        _load_system(plan.system, done)
        return
    with _initial_weights(recipe.seed + stage_key(name)):
        stage = plan.stage(name)
    if optim.steps:
        job = Job(name, optim, recipe.seed, folder, device, quiet)
        own = stage.batch if isinstance(stage, OwnBatches) else None
        fit(stage, job, own or (lambda step: pool.batch(step, optim.batch, stage_key(name))))
    stage.module.eval()
    stage.finish()
    checkpoint.save(done, plan.system.state_dict(), {"stage": name})
    (folder / LAST).unlink(missing_ok=True)  # the optimiser's state: of no use any more


@contextmanager
def _initial_weights(seed: int) -> Iterator[None]:
    """Seed the initial weights: torch's layers can only draw them from the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _load_system(system: nn.Module, path: Path) -> None:
    tensors, _ = checkpoint.load(path)
    load_into(system, tensors, str(path))


def _warm_start(system: nn.Module, path: Path) -> None:
    """Take over the tensors of another run; parts that it does not have keep their start."""
    tensors, _ = checkpoint.load(path)
    load_into(system, {**system.state_dict(), **tensors}, str(path))


def _claim(out: Path, recipe: Recipe) -> None:
    """Write recipe.json, or check it against the run that is there.

    What a stage is validated and saved by may change at any time, a stage that has not begun
    entirely.
    """
    path = out / "recipe.json"
    now = json.loads(json.dumps(recipe.to_json()))
    if path.exists():
        begun = [name for name in recipe.stages if (out / name).exists()]
        before = _fixed(json.loads(path.read_text()), begun)
        changed = sorted(k for k, v in _fixed(now, begun).items() if before.get(k, v) != v)
        missing = sorted(before.keys() - _fixed(now, begun).keys())
        if changed or missing:
            first = (changed or missing)[0]
            raise UserError(
                f"{out} holds a run of another recipe: {first} was {before.get(first)!r} and is "
                f"now {_fixed(now, begun).get(first)!r}; use the same recipe to continue it, or "
                "another --out"
            )
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(now, indent=2) + "\n")


def _fixed(recipe: dict[str, Any], begun: list[str]) -> dict[str, Any]:
    """The facts that a continued run must share, flat: "flow.lr" -> 1e-3."""
    free = {"validate_every", "save_every", "workers", "cache"}
    facts = {k: recipe[k] for k in ("name", "size", "seed")}
    tables = {"data": recipe["data"], "model": recipe["model"]}
    for name in begun:
        optim = recipe["stages"].get(name, {})
        tables[name] = optim if optim.get("steps") else {"steps": 0}  # computed: the rest is unused
    for table, values in tables.items():
        facts.update({f"{table}.{k}": v for k, v in values.items() if k not in free})
    return facts


def _summary(recipe: Recipe, out: Path) -> Result:
    stages = {}
    for name, optim in recipe.stages.items():
        if optim.steps:
            stages[name] = curves.summary(log.read(out / name / LOG))
    curve = curves.write(out, {name: log.read(out / name / LOG) for name in stages})
    last = list(stages.values())[-1] if stages else {}
    return Result(
        recipe=recipe.name,
        steps=sum(optim.steps for optim in recipe.stages.values()),
        loss_first=last.get("loss_first"),
        loss_last=last.get("loss_last"),
        validation=last.get("validation", {}),
        stages=stages,
        paths={"run": str(out), "model": str(out / "model"), **curve},
    )


def to_json(result: Result) -> str:
    """One object on one line."""
    return json.dumps(asdict(result))
