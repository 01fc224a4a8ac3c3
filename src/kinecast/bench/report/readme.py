"""The README's table: the default model's errors over those of the fixed opponent.

Ratios of mean errors for simulated clips; for real ones, few and unlike each other, means of the
clips' ratios.
"""

from collections.abc import Sequence

from kinecast.bench.report.blocks import Cell, Line, Table
from kinecast.bench.report.estimate import Against
from kinecast.bench.report.group import Group
from kinecast.bench.report.shown import NONE, number

GROUPS = ("held-out seeds", "held-out families", "real clips")
COLUMNS = ("mean_ade", "best_ade", "moving_mean_ade", "moving_best_ade")


def readme(groups: Sequence[Group], model: str, samples: int) -> Table | None:
    """Rows of the groups that the README has, in its order; None where the model has none."""
    lines = []
    for group in sorted(groups, key=_place):
        name, method = _name(group), group.methods.get(model)
        if name not in GROUPS or method is None or "mean_ade" not in method.against:
            continue
        found, first = method.against["mean_ade"], group.facts[0]
        cells = [
            Cell(f"{first.history_frames} → {first.horizon}"),
            Cell(number(found.theirs, 1)),
            *(_ratio(method.against.get(column), first.kind) for column in COLUMNS),
        ]
        lines.append(Line(f"{found.cases} {name}", cells))
    of = (f"mean of {samples}", f"best of {samples}")
    heads = ("frames", "opponent, px", *of, "moving: mean", "moving: best")
    return Table("clips", [(head, "") for head in heads], lines) if lines else None


def _name(group: Group) -> str:
    return group.name.partition(", ")[0]


def _place(group: Group) -> tuple[bool, int, int]:
    """Real clips last, long windows first, then in the order of `GROUPS`."""
    name = _name(group)
    first = group.facts[0]
    return first.kind == "real", -first.horizon, GROUPS.index(name) if name in GROUPS else 0


def _ratio(found: Against | None, kind: str) -> Cell:
    value = None if found is None else found.mean_of_ratios if kind == "real" else found.ratio
    return Cell(NONE if value is None else number(value, 2))
