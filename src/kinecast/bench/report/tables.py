"""The tables of a group."""

from collections.abc import Mapping, Sequence

from kinecast.bench.report.blocks import Cell, Line, Table
from kinecast.bench.report.catalogue import COST, KNOWN, OWN, SETS, TESTED, Metric, Part
from kinecast.bench.report.group import Group, Method
from kinecast.bench.report.sets import Distance, Sets
from kinecast.bench.report.shown import NONE, column, counted, decimals, number, winners

ORDER = ("model", "opponent", "trivial", "sanity")
ALWAYS = ("constant_position", "constant_velocity")  # of the trivial ones
WITHIN = "best_ade_within_"


def ordered(group: Group) -> list[Method]:
    """All methods: models, the fixed opponent, trivial forecasts, sanity rows."""
    return sorted(group.methods.values(), key=lambda method: ORDER.index(method.role))


def chief(group: Group) -> list[Method]:
    """Those of the tables: that did a case; of the trivial ones those that stand or go on, and the
    best one here."""
    trivial = [m for m in ordered(group) if m.role == "trivial" and "mean_ade" in m.estimates]
    best = min(trivial, key=lambda m: m.estimates["mean_ade"].mean, default=None)
    there = [m for m in ordered(group) if m.cases]
    return [m for m in there if m.role != "trivial" or m.name in ALWAYS or m is best]


def part(group: Group, of: Part, methods: Sequence[Method]) -> Table | None:
    """A table of the catalogue: the columns that any of the methods has; None where none has one.

    The best is the best of all methods of the group, shown or not, that did every case.
    """
    metrics = [m for m in of.metrics if any(m.name in method.estimates for method in methods)]
    return table(group, metrics, methods, of.note) if metrics else None


def table(
    group: Group, metrics: Sequence[Metric], methods: Sequence[Method], note: str = ""
) -> Table:
    """Means of metrics, and the truth's own in the last row where there are any."""
    everyone = [*methods, *(m for m in ordered(group) if m not in methods)]
    most, digits = max(method.cases for method in everyone), _digits(group, metrics, methods)
    whole = [m.cases == most and m.role != "sanity" for m in everyone]
    columns = [
        column(
            metric,
            [*(x.estimates.get(metric.name) for x in everyone), group.truth.get(metric.name)],
            [*whole, False],
            digits[metric.name],
        )
        for metric in metrics
    ]
    lines = [
        Line(method.name, cells, method.role, remark(group, method))
        for method, cells in zip(methods, zip(*columns, strict=True), strict=False)
    ]
    if any(metric.name in group.truth for metric in metrics):
        lines.append(Line("the truth itself", [cells[-1] for cells in columns], "sanity"))
    return Table("method", [metric.heading() for metric in metrics], lines, note)


def _digits(group: Group, metrics: Sequence[Metric], methods: Sequence[Method]) -> dict[str, int]:
    """Decimals of each metric: those of one unit have as many."""
    sizes: dict[str, list[float]] = {}
    for metric in metrics:
        found = [method.estimates.get(metric.name) for method in methods]
        values = [e.mean * metric.times for e in (*found, group.truth.get(metric.name)) if e]
        sizes.setdefault(metric.unit or metric.name, []).extend(values)
    return {metric.name: decimals(sizes[metric.unit or metric.name]) for metric in metrics}


def arrow(name: str) -> str:
    """A group's name as it is shown."""
    return name.replace("->", "→")


def remark(group: Group, method: Method) -> str:
    """What to know of a row: that it is the opponent, or did not do every case."""
    said = []
    if method.role == "opponent":
        said.append("the fixed opponent")
    if method.cases < len(group.facts):
        said.append(f"{method.cases} of {len(group.facts)} cases")
    return ", ".join(said)


def beside(group: Group) -> Table | None:
    """Ratios over the opponent's errors, and whether the difference can be chance."""
    models = [m for m in ordered(group) if m.role == "model" and m.against]
    if not models:
        return None
    metrics = [m for m in TESTED if any(m.name in method.against for method in models)]
    lines = [
        Line(m.name, [_ratio(m, metric.name) for metric in metrics], "model", remark(group, m))
        for m in models
    ]
    note = f"Mean error over that of `{group.opponent}`, on the cases that both did"
    if group.scenes > 1:
        note += (
            f"; 95 % of {group.scenes} scenes drawn again; p of a paired sign-flip test, "
            f"Holm-corrected for {counted(len(models), 'model')}. In bold: "
            "below 1, interval and all."
        )
    else:
        note += "; one scene has neither interval nor test."
    return Table("over the opponent", [(m.label, "ratio ↓") for m in metrics], lines, note)


def ratio(method: Method, metric: str) -> Cell:
    """A ratio with its interval, bold where all of that is below 1."""
    found = method.against.get(metric)
    if found is None or found.ratio is None:
        return Cell(NONE)
    if found.low is None or found.high is None:
        return Cell(number(found.ratio, 2))
    interval = f"{number(found.low, 2)} to {number(found.high, 2)}"
    return Cell(number(found.ratio, 2), interval, best=round(found.high, 2) < 1)


def _ratio(method: Method, metric: str) -> Cell:
    cell, p = ratio(method, metric), method.corrected.get(metric)
    if p is None or cell.text == NONE or method.against[metric].scenes < 2:
        return cell
    chance = "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
    return Cell(cell.text, f"{cell.note}, {chance}" if cell.note else chance, cell.best)


def distances(group: Group, found: Sets, methods: Sequence[Method]) -> Table | None:
    """Set metrics, and the same of one half of the truth against the other."""
    per_scene = any("fvmd_scene" in method.estimates for method in methods)
    metrics = [m for m in SETS.metrics if m.name in found.settings or (
        m.name == "fvmd_scene" and per_scene)]  # fmt: skip
    if not metrics:
        return None
    most = max(method.cases for method in methods)
    whole = [m.cases == most and m.role != "sanity" for m in methods]
    columns: list[list[Cell]] = []
    for metric in metrics:
        if metric.name == "fvmd_scene":
            cells = column(metric, [m.estimates.get(metric.name) for m in methods], whole, 0)
            columns.append([*cells, Cell(NONE)])
            continue
        all_found = [found.methods.get(m.name, {}).get(metric.name) for m in methods]
        values = [None if d is None else d.value for d in (*all_found, found.split[metric.name])]
        texts = [NONE if value is None else number(value, 0) for value in values]
        best = winners(metric, values, texts, [*whole, False])
        counts = [_clips(d) for d in (*all_found, found.split[metric.name])]
        columns.append([Cell(*cell) for cell in zip(texts, counts, best, strict=True)])
    *lines, split = zip(*columns, strict=True)
    rows = [
        Line(m.name, cells, m.role, remark(group, m))
        for m, cells in zip(methods, lines, strict=True)
    ]
    rows.append(Line("truth, half against half", split, "sanity"))
    settings = [f"{KNOWN[name].label} ({KNOWN[name].unit}): {said}."
                for name, said in found.settings.items()]  # fmt: skip
    note = (
        " ".join(settings) + " Sample 0 of each case where a window is meant. These grow as clips "
        "become fewer: compare within this table, beside the halves of the truth."
    )
    return Table("method", [metric.heading() for metric in metrics], rows, note)


def _clips(of: Distance | None) -> str:
    if of is None:
        return ""
    counts = {str(of.rows): None, str(of.reference): None}  # one number where they are equal
    return f"{' and '.join(counts)} clip{'s' if list(counts) != ['1'] else ''}"


def cost(group: Group, methods: Sequence[Method]) -> Table | None:
    """Seconds and memory a case, and the best sample within s seconds where that was measured."""
    budgets = sorted(
        {name for m in methods for name in m.estimates if name.startswith(WITHIN)},
        key=lambda name: float(_seconds(name)),
    )
    within = [Metric(name, f"best in {_seconds(name)} s", "ADE, px") for name in budgets]
    metrics = [
        metric
        for metric in (*COST.metrics, *within)
        if any(metric.name in method.estimates for method in methods)
    ]
    if not metrics:
        return None
    counts = [m.estimates[n].cases for m in methods for n in budgets if n in m.estimates]
    timed = max(counts, default=0)
    note = COST.note
    if timed:
        note += (
            f" Best in s seconds: the best of the samples that are there in time, drawn one after "
            f"another, over the {counted(timed, 'case')} where that was measured."
        )
    return table(group, metrics, methods, note)


def others(group: Group, methods: Sequence[Method], hidden: Sequence[str]) -> Table | None:
    """Numbers that only this suite has."""
    names = sorted({name for m in methods for name in m.estimates})
    metrics = [
        OWN.get(name, Metric(name, name, "", ""))
        for name in names
        if name not in KNOWN and not name.startswith((WITHIN, "samples", *hidden))
    ]
    return table(group, metrics, methods) if metrics else None


def _seconds(name: str) -> str:
    return name.removeprefix(WITHIN).removesuffix("_s")


def unscored(groups: Mapping[str, Group]) -> Table | None:
    """Which cases a method did not do, and why."""
    lines = []
    for group in groups.values():
        for method in group.methods.values():
            reasons = dict(method.skipped)
            if method.missing:
                reasons["not run yet"] = method.missing
            for reason, count in reasons.items():
                texts = (arrow(group.name), f"{count} of {len(group.facts)}", reason)
                lines.append(Line(method.name, [*map(Cell, texts)], method.role))
    if not lines:
        return None
    return Table("method", [("group", ""), ("cases", ""), ("why", "")], lines, words=True)
