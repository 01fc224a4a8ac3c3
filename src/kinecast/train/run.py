"""Run a recipe: its stages in order, each resumable, then the export.

A run's folder holds `recipe.json`; per stage `log.jsonl`, `pictures/`, `last.safetensors` (the full
training state; see `state`), `best.safetensors` (averaged weights) and, once it is done,
`system.safetensors` (all that the next stage starts from); `clips/` unless the recipe names another
cache; `curve.json`, `curve.png` and `model/`, the checkpoint folder that a forecaster loads.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path
from kinecast.io.checkpoint import load_into
from kinecast.train import checkpoint, curves, log, state
from kinecast.train.chunk_pool import ChunkPool
from kinecast.train.log import LOG
from kinecast.train.loop import Job, fit, stage_key
from kinecast.train.pools import open_pool
from kinecast.train.recipe import Recipe, check
from kinecast.train.schedule import batch_size, check_batches
from kinecast.train.stage import OwnBatches, Plan, Stage
from kinecast.train.state import BEST
from kinecast.train.team import Team
from kinecast.train.warm import (
    RECIPE,
    SYSTEM,
    began_from,
    check_vae,
    load_fitting,
    load_vae,
    with_trained_vae,
)

INIT = "init.json"  # what --init took over
CLIPS = "clips"  # key of what names a run's clips, beside its recipe

Build = Callable[[Recipe, Any, torch.device], Plan]


@dataclass(frozen=True)
class Result:
    """What `kinecast train --json` prints.

    Attributes:
        recipe: its name.
        steps: of all stages.
        loss_first, loss_last: of the last trained stage, averaged over the first and last tenth.
        validation: the scores of what the last stage hands on.
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
    *,
    vae: Path | None = None,
    team: Team | None = None,
) -> Result:
    """Train every stage that is not done yet and export the model.

    Args:
        recipe: see `recipe`.
        build: makes the recipe's networks and stages.
        out: the run's folder; a folder with the same recipe is continued. Several processes must
            all see it.
        device: where the networks live.
        init: weights to start from, as far as they fit (`warm.load_fitting`).
        quiet: no progress on stderr.
        vae: trained weights of the recipe's VAE, which is then not trained.
        team: the processes of the run; default: this one alone.

    Raises:
        Stopped: a signal came; the state is saved.
        UserError: the folder belongs to another recipe, the weights do not fit, or a stage failed
            (see `loop.fit`).
    """
    out, team = out.absolute(), team or Team(device)
    if vae is not None:
        recipe = with_trained_vae(recipe)
        check_vae(recipe, vae)
        recipe = began_from(recipe, "vae", vae)
    if init is not None:
        recipe = began_from(recipe, "init", init)
    check(recipe)
    check_batches(recipe.stages, team.count)
    check_same(out, recipe)
    cache = Path(recipe.data.cache).absolute() if recipe.data.cache else out / "clips"
    with open_pool(recipe, cache, device) as pool:
        _check_clips(out, recipe, pool.name)
        plan = plan_of(build, recipe, pool, device)
        if init is not None:
            taken = load_fitting(plan.system, init)
            if team.main:
                write_json(out / INIT, asdict(taken))
                Console(stderr=True, quiet=quiet, soft_wrap=True).print(f"--init: {taken.line()}")
        if vae is not None:
            load_vae(plan.system, vae)
        if team.main:
            write_json(out / RECIPE, recipe.to_json() | {CLIPS: pool.name})
        team.wait()
        for name in recipe.stages:
            plan = _run_stage(name, recipe, plan, build, pool, out, team, quiet)
    if team.main:
        plan.export(out / "model")
    team.wait()
    return _summary(recipe, out, team)


def _run_stage(
    name: str,
    recipe: Recipe,
    plan: Plan,
    build: Build,
    pool: ChunkPool[Any],
    out: Path,
    team: Team,
    quiet: bool,
) -> Plan:
    folder, optim = out / name, recipe.stages[name]
    done = folder / SYSTEM
    if team.most(int(done.exists())):
        _load_system(plan.system, done)
        return plan
    stage = _stage(name, recipe, plan)
    if optim.steps:
        job = Job(name, optim, recipe.seed, folder, team.device, quiet)
        own = stage.batch if isinstance(stage, OwnBatches) else None
        before = _copy(plan.system) if team.sharded else {}
        fit(
            stage,
            job,
            own or (lambda step: pool.batch(step, batch_size(optim, step), stage_key(name))),
            team,
        )
        if team.sharded:  # a network that was split is not put together in place: a new one is made
            plan = plan_of(build, recipe, pool, team.device)
            load_into(plan.system, before, name)
            stage = _stage(name, recipe, plan)
            load_into(stage.module, checkpoint.load(folder / BEST)[0], str(folder / BEST))
    stage.module.eval()
    stage.finish()
    if team.main:
        checkpoint.save(done, plan.system.state_dict(), {"stage": name})
        state.drop(folder)
    team.wait()
    if team.count > 1:  # the same bits in all processes
        _load_system(plan.system, done)
    return plan


def plan_of(build: Build, recipe: Recipe, pool: ChunkPool[Any], device: torch.device) -> Plan:
    """The recipe's networks, with the initial weights of its seed.

    Raises:
        UserError: words that make no network, such as a width of 0.
    """
    try:
        with initial_weights(recipe.seed):
            return build(recipe, pool, device)
    except UserError:
        raise
    except (ArithmeticError, ValueError, RuntimeError) as error:
        words = [word for word in recipe.words if word.startswith("model.")]
        if not words:
            raise
        raise UserError(
            f"expected words that make a network, got {' '.join(words)} ({error}); choose others"
        ) from error


def _stage(name: str, recipe: Recipe, plan: Plan) -> Stage[Any]:
    with initial_weights(recipe.seed + stage_key(name)):
        return plan.stage(name)


def _copy(system: nn.Module) -> dict[str, Tensor]:
    return {name: value.cpu().clone() for name, value in system.state_dict().items()}


@contextmanager
def initial_weights(seed: int) -> Iterator[None]:
    """Seed the initial weights: torch's layers can only draw them from the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def write_json(path: Path, value: Any) -> None:
    """Write a value, indented, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def _load_system(system: nn.Module, path: Path) -> None:
    tensors, _ = checkpoint.load(path)
    load_into(system, tensors, str(path))


def check_same(out: Path, recipe: Recipe) -> None:
    """Check the recipe against that of the run that the folder holds, if any stage of it has begun.

    What a stage is validated and saved by may change at any time, a stage that has not begun
    entirely.

    Raises:
        UserError: the folder holds a run of another recipe; names what differs.
    """
    there, begun = _begun(out, recipe)
    if not begun:
        return
    before = _fixed(there, begun)
    now = _fixed(json.loads(json.dumps(recipe.to_json())), begun)
    changed = [key for key, value in now.items() if before.get(key, value) != value]
    changed += sorted(before.keys() - now.keys())
    if changed:
        first = changed[0]
        raise UserError(
            f"{out} holds a run of another recipe: {first} was {before.get(first)!r} and is "
            f"now {now.get(first)!r}; use the same recipe to continue it, or another --out"
        )


def _check_clips(out: Path, recipe: Recipe, clips: str) -> None:
    """Refuse to go on with other clips, of which the held-out ones may have been trained on.

    Raises:
        UserError: the shards, or the simulator, have changed since the run began.
    """
    there, begun = _begun(out, recipe)
    if begun and there.get(CLIPS, clips) != clips:  # older runs did not write it down
        what = "its shards" if recipe.data.shards else "the simulator of its clips"
        raise UserError(
            f"expected the clips that the run in {out} began with, but {what} changed since; put "
            "back what was there, or train in another --out"
        )


def _begun(out: Path, recipe: Recipe) -> tuple[dict[str, Any], list[str]]:
    """What the folder holds of a run, and which of its stages have begun."""
    if not (out / RECIPE).exists():
        return {}, []
    there = json.loads((out / RECIPE).read_text())
    return there, [name for name in {**there["stages"], **recipe.stages} if (out / name).exists()]


def _fixed(recipe: dict[str, Any], begun: list[str]) -> dict[str, Any]:
    """The facts that a continued run must share, flat: "flow.lr" -> 1e-3."""
    free = {"validate_every", "save_every", "keep", "workers", "cache"}
    free |= {"micro", "recompute", "compile", "spike", "on_bad"}
    facts = {k: recipe[k] for k in ("name", "size", "seed")}
    if "origins" in recipe:  # older runs did not write them down
        origins = {origin["option"]: origin["digest"] for origin in recipe["origins"]}
        facts |= {f"--{option}": origins.get(option, "none") for option in ("vae", "init")}
    tables = {"data": recipe["data"], "model": recipe["model"]}
    for name in begun:
        optim = recipe["stages"].get(name, {})
        tables[name] = optim if optim.get("steps") else {"steps": 0}  # computed: the rest is unused
    for table, values in tables.items():
        facts.update(_flat(table, {k: v for k, v in values.items() if k not in free}))
    return facts


def _flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        facts.update(_flat(name, value) if isinstance(value, dict) else {name: value})
    return facts


def _summary(recipe: Recipe, out: Path, team: Team) -> Result:
    stages = {}
    for name, optim in recipe.stages.items():
        if optim.steps:
            stages[name] = curves.summary(log.read(out / name / LOG), optim.select)
    rows = {name: log.read(out / name / LOG) for name in stages}
    curve = curves.write(out, rows) if team.main else {}
    last = list(stages.values())[-1] if stages else {}
    beside = {"init": str(out / INIT)} if (out / INIT).exists() else {}
    return Result(
        recipe=recipe.name,
        steps=sum(optim.steps for optim in recipe.stages.values()),
        loss_first=last.get("loss_first"),
        loss_last=last.get("loss_last"),
        validation=last.get("validation", {}),
        stages=stages,
        paths={"run": str(out), "model": str(out / "model"), **curve, **beside},
    )


def to_json(result: Result) -> str:
    """One object on one line."""
    return json.dumps(asdict(result))
