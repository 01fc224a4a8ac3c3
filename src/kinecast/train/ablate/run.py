"""Run a suite: every arm with every seed, each once; what is there is not done again.

The folder holds `ablation.json` (suite and budget); `clips/`, which all arms share;
`arms/ARM/seed-N/`, a run as `kinecast train` makes it with `scores.json` beside; and the table.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path
from kinecast.io.checkpoint import load_into
from kinecast.train import checkpoint, recipes
from kinecast.train.ablate.arm import Arm, Suite, Trained, budgeted
from kinecast.train.pools import open_pool
from kinecast.train.recipe import Recipe
from kinecast.train.run import check_same, train
from kinecast.train.warm import SYSTEM, began_from, with_trained_vae


@dataclass(frozen=True)
class Ablation:
    """Where and how a suite is run.

    Attributes:
        suite: its arms are chosen in `only`; () is all of them.
        out: the folder.
        budget: times the steps of every stage.
        seeds: 0 to seeds - 1.
        quiet: no progress on stderr.

    Raises:
        UserError: no such arm, no budget or no seed.
    """

    suite: Suite
    out: Path
    device: torch.device
    only: tuple[str, ...] = ()
    budget: float = 1.0
    seeds: int = 2
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.budget <= 0 or self.seeds < 1:
            raise UserError(
                f"expected --budget > 0 and --seeds >= 1, got {self.budget:g} and {self.seeds}"
            )
        self.suite.chosen(self.only)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Those chosen and those that they need."""
        return self.suite.chosen(self.only)

    @property
    def clips(self) -> Path:
        """Of all arms; two that train on the same clips share them."""
        return self.out / "clips"

    def folder(self, arm: str, seed: int) -> Path:
        """Of one run."""
        return self.out / "arms" / arm.replace(" ", "-").replace("/", "-") / f"seed-{seed}"


def run(ablation: Ablation) -> None:
    """Train and measure what is not done yet; arms of one seed follow each other.

    Raises:
        Stopped: a signal came; the same command continues.
        UserError: the folder holds another suite or budget, or arms that were trained by another
            recipe; an arm failed.
    """
    _claim(ablation)
    for seed in range(ablation.seeds):
        for arm in ablation.arms:
            if _is_measured(ablation, arm, seed):
                _check_done(ablation, arm, seed)
            else:
                _run_arm(ablation, arm, seed)


def with_finished(ablation: Ablation) -> Ablation:
    """The ablation of the chosen arms and of those that earlier commands finished in the folder.

    One of the latter that lacks a seed or was trained by another recipe is left out, not refused:
    nobody asked for it.
    """
    names = [arm.name for arm in ablation.arms]
    for arm in ablation.suite.arms:
        comparable = arm.name not in names and arm.needs in ("", *names)
        if comparable and all(_is_done(ablation, arm, seed) for seed in range(ablation.seeds)):
            names.append(arm.name)
    return replace(ablation, only=tuple(names))


def scores_of(ablation: Ablation, arm: str) -> dict[str, list[list[float]]]:
    """Score -> (seeds, units) of an arm that was run; NaN for a unit without a score."""
    seeds = [_read(ablation, arm, seed)["scores"] for seed in range(ablation.seeds)]
    return {
        name: [[float("nan") if x is None else x for x in scores[name]] for scores in seeds]
        for name in seeds[0]
    }


def cpu_seconds_of(ablation: Ablation, arm: str) -> float:
    """Of the trainer's process, mean over seeds: training, its validations, and the measure."""
    seeds = [_read(ablation, arm, seed)["cpu_seconds"] for seed in range(ablation.seeds)]
    return sum(seeds) / len(seeds)


def recipe_of(ablation: Ablation, arm: Arm, seed: int) -> Recipe | None:
    """What an arm trains in a run."""
    if arm.recipe is None:
        return None
    return budgeted(arm.recipe, ablation.budget, seed, ablation.clips)


def _run_arm(ablation: Ablation, arm: Arm, seed: int) -> None:
    folder = ablation.folder(arm.name, seed)
    with _counted(folder) as counted:
        recipe = recipe_of(ablation, arm, seed)
        trained_in, source = folder, arm
        if recipe is not None:
            _train(ablation, arm, recipe, seed)
        else:
            source = ablation.suite.arm(arm.measured)
            trained_in = ablation.folder(source.name, seed)
            recipe = recipe_of(ablation, source, seed)
            assert recipe is not None
        scores = _measure(ablation, arm, source, recipe, trained_in)
    _write(folder / "scores.json", {"scores": scores, "cpu_seconds": counted["cpu_seconds"]})
    (folder / "cpu.json").unlink()


def _is_measured(ablation: Ablation, arm: Arm, seed: int) -> bool:
    return (ablation.folder(arm.name, seed) / "scores.json").exists()


def _is_done(ablation: Ablation, arm: Arm, seed: int) -> bool:
    """Whether it is measured and of the suite's recipe."""
    if not _is_measured(ablation, arm, seed):
        return False
    try:
        _check_done(ablation, arm, seed)
    except UserError:
        return False
    return True


def _check_done(ablation: Ablation, arm: Arm, seed: int) -> None:
    recipe = recipe_of(ablation, arm, seed)
    if recipe is None:
        return
    if arm.vae:
        recipe = began_from(with_trained_vae(recipe), "vae", ablation.folder(arm.vae, seed))
    check_same(ablation.folder(arm.name, seed), recipe)


def _train(ablation: Ablation, arm: Arm, recipe: Recipe, seed: int) -> None:
    folder, build = ablation.folder(arm.name, seed), arm.build or recipes.build
    vae = ablation.folder(arm.vae, seed) if arm.vae else None
    train(recipe, build, folder, ablation.device, vae=vae, quiet=ablation.quiet)


def _measure(
    ablation: Ablation, arm: Arm, source: Arm, recipe: Recipe, folder: Path
) -> dict[str, list[float | None]]:
    """The arm's scores; NaN, which JSON does not know, as null."""
    build = source.build or recipes.build
    with open_pool(recipe, ablation.clips, ablation.device) as pool:
        with torch.random.fork_rng():  # the initial weights are overwritten
            plan = build(recipe, pool, ablation.device)
        last = folder / list(recipe.stages)[-1] / SYSTEM
        load_into(plan.system, checkpoint.load(last)[0], str(last))
        plan.system.eval()
        with torch.no_grad():
            scores = arm.measure(Trained(plan, pool, ablation.device, ablation.clips))
    return {name: [x if x == x else None for x in values] for name, values in scores.items()}


def _claim(ablation: Ablation) -> None:
    """Write what the folder is for, or check it."""
    path = ablation.out / "ablation.json"
    facts = {"suite": ablation.suite.name, "budget": ablation.budget}
    if path.exists():
        before = json.loads(path.read_text())
        if before != facts:
            raise UserError(
                f"{ablation.out} holds suite {before['suite']} at budget {before['budget']:g}, not "
                f"{facts['suite']} at {ablation.budget:g}; use another --out"
            )
    _write(path, facts)


@contextmanager
def _counted(folder: Path) -> Iterator[dict[str, float]]:
    """CPU seconds of this process in the body, added to those of runs that were interrupted."""
    path = folder / "cpu.json"
    counted = json.loads(path.read_text()) if path.exists() else {"cpu_seconds": 0.0}
    begun = time.process_time()
    try:
        yield counted
    finally:
        counted["cpu_seconds"] += time.process_time() - begun
        _write(path, counted)


def _read(ablation: Ablation, arm: str, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ablation.folder(arm, seed) / "scores.json").read_text())
    return found


def _write(path: Path, values: Mapping[str, Any] | Sequence[Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n")
