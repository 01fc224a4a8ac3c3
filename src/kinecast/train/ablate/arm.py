"""What an ablation is made of: arms that differ in one thing, and what papers claim of them.

Scores are lists, one number a held-out unit (a clip, or a group of clips where a score needs
several), in the same order in every arm: arms are compared unit by unit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from kinecast.core.errors import UserError, did_you_mean
from kinecast.train.recipe import Optim, Recipe

Scores = Mapping[str, Sequence[float]]
Direction = Literal["higher", "lower", "same"]
VALIDATIONS = 3  # of a stage, beside the one before its first step


@dataclass(frozen=True)
class Trained:
    """An arm that is ready to be measured.

    Attributes:
        plan: its networks are trained, in eval mode.
        pool: the clips that it was trained on, and those held out.
        device: where the networks are.
        clips: folder of cached clips, for a measure that makes others.
    """

    plan: Any
    pool: Any
    device: torch.device
    clips: Path


@dataclass(frozen=True)
class Arm:
    """One setting.

    Attributes:
        name: short; the other arms of the suite have other names.
        about: what is particular about it.
        measure: scores of what was trained.
        recipe: how it is trained, at budget 1; its seed and cache are the run's. None: nothing is
            trained, the arm `measured` is measured in another way.
        vae: the arm whose VAE it takes over; its own stage of that name has no steps.
        measured: the arm whose networks are measured, where nothing is trained.
        build: makes networks and stages; None: as `kinecast train` does.
    """

    name: str
    about: str
    measure: Callable[[Trained], Scores]
    recipe: Recipe | None = None
    vae: str = ""
    measured: str = ""
    build: Callable[..., Any] | None = None

    @property
    def needs(self) -> str:
        """The arm that must be there before, or ""."""
        return self.measured or self.vae


@dataclass(frozen=True)
class Claim:
    """What a paper says of two arms.

    Attributes:
        arm, against: names.
        metric: one of the arms' scores.
        direction: of the arm's score as the paper has it, seen from the other one's.
        source: where the paper says so.
        paper: its numbers, arm's first.
        tolerance: of "same": the share of the other's score by which they may differ.
    """

    arm: str
    against: str
    metric: str
    direction: Direction
    source: str
    paper: str
    tolerance: float = 0.05


@dataclass(frozen=True)
class Suite:
    """Arms and claims.

    Attributes:
        name: as on the command line.
        about: one line.
        arms: an arm that others need stands before them.
        claims: in the order of the table.
        curves: (stage, score of its validations) that are drawn over the steps.
    """

    name: str
    about: str
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    curves: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        for index, arm in enumerate(self.arms):
            if arm.needs and arm.needs not in names[:index]:
                raise ValueError(f"arm {arm.name!r} needs {arm.needs!r}, which is not before it")
        for claim in self.claims:
            if not {claim.arm, claim.against} <= set(names):
                raise ValueError(f"a claim about arms that are not there: {claim}")

    def arm(self, name: str) -> Arm:
        """By its name."""
        return next(arm for arm in self.arms if arm.name == name)

    def chosen(self, only: Sequence[str] = ()) -> tuple[Arm, ...]:
        """All arms, or some and those that they need, in order.

        Raises:
            UserError: no such arm.
        """
        names = [arm.name for arm in self.arms]
        wanted = set(only or names)
        for name in wanted:
            if name not in names:
                raise UserError(
                    f"suite {self.name} has no arm {name!r}{did_you_mean(name, names)}; "
                    f"arms: {', '.join(names)}"
                )
        for arm in reversed(self.arms):
            if arm.name in wanted and arm.needs:
                wanted.add(arm.needs)
        return tuple(arm for arm in self.arms if arm.name in wanted)


def budgeted(recipe: Recipe, budget: float, seed: int, cache: Path) -> Recipe:
    """The recipe for one run: `budget` times the steps of every stage.

    Every finite loss is trained on: what is a spike in one arm may be none in another, and arms see
    the same clips. Arms are compared after as many steps, not where each scored best on the clips
    that they are compared on.
    """
    stages = {name: _budgeted(optim, budget) for name, optim in recipe.stages.items()}
    data = replace(recipe.data, cache=str(cache))
    return replace(recipe, stages=stages, data=data, seed=seed)


def _budgeted(optim: Optim, budget: float) -> Optim:
    if not optim.steps:  # what is computed needs no budget
        return optim
    steps = max(1, round(optim.steps * budget))
    return replace(
        optim,
        steps=steps,
        spike=0.0,
        select="last",
        validate_every=max(1, -(-steps // VALIDATIONS)),
        save_every=max(1, -(-steps // VALIDATIONS)),
    )
