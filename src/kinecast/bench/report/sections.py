"""A report's blocks: what was run, every group, what was not done, and how to read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kinecast.bench.report import plots, tables
from kinecast.bench.report.blocks import (
    Block,
    Cell,
    Document,
    Folded,
    Heading,
    Line,
    Table,
    Text,
)
from kinecast.bench.report.catalogue import COST, ERRORS, HIDDEN, PARTS, SAMPLES, SETS
from kinecast.bench.report.gallery import gallery
from kinecast.bench.report.group import Group, Method, measured
from kinecast.bench.report.published import published, stated
from kinecast.bench.report.reading import READING
from kinecast.bench.report.sets import Sets, sets
from kinecast.bench.report.shown import counted, number
from kinecast.bench.report.study import Study
from kinecast.bench.report.what import what_was_run


@dataclass(frozen=True, eq=False)
class Measured:
    """A study with its groups and their set metrics, by name."""

    study: Study
    groups: dict[str, Group]
    sets: dict[str, Sets]


def measure(study: Study) -> Measured:
    """All numbers of a study."""
    groups = {name: measured(study, name, facts) for name, facts in study.groups().items()}
    found = {
        name: sets(group, [m.name for m in tables.chief(group)], study.run.get("protocol", {}))
        for name, group in groups.items()
    }
    return Measured(study, groups, found)


def document(all_measured: Sequence[Measured], readme: Table | None, width: int) -> Document:
    """The report.

    Args:
        all_measured: the studies.
        readme: the README's table, if there is one.
        width: of its pictures, pixels.
    """
    names = list(dict.fromkeys(str(one.study.run["suite"]) for one in all_measured))
    counts = [
        counted(len({m for one in all_measured for m in one.study.models}), "method"),
        counted(sum(len(one.study.cases) for one in all_measured), "case"),
        counted(sum(len(one.groups) for one in all_measured), "group"),
    ]
    blocks = [block for one in all_measured for block in _study(one, width)]
    if readme is not None:
        blocks += [
            Heading(2, "The README's table"),
            Text(
                "Errors (ADE) of the default model over those of the fixed opponent: of simulated "
                "clips the ratio of means, of real ones the mean of the clips' ratios."
            ),
            readme,
        ]
    blocks += [Heading(2, "How to read this"), *map(Text, READING)]
    return Document(f"Kinecast benchmark: {' and '.join(names)}", ", ".join(counts), blocks)


def _study(one: Measured, width: int) -> Iterator[Block]:
    run = one.study.run
    yield Heading(2, f"{run['suite']}, version {run['version']}, {run['size']}")
    yield from what_was_run(one.study)
    overview = _overview(one)
    if overview is not None:
        yield Heading(3, "At a glance")
        yield overview
    for name, group in one.groups.items():
        yield from _group(one, group, one.sets[name], width)
    unscored = tables.unscored(one.groups)
    if unscored is not None:
        yield Heading(3, "What was not done")
        yield unscored


def _overview(one: Measured) -> Table | None:
    """Groups as rows: the models' errors over those of each group's opponent."""
    tested = [
        method.name
        for group in one.groups.values()
        for method in group.methods.values()
        if method.role == "model" and method.against
    ]
    models = [name for name in one.study.models if name in tested]
    if not models:
        return None
    lines = []
    for name, group in one.groups.items():
        opponent = group.truth.get("opponent_ade")
        if opponent is None:
            continue
        ratios = [
            tables.ratio(group.methods[model], metric)
            for model in models
            for metric in ("mean_ade", "best_ade")
        ]
        theirs = Cell(number(opponent.mean, 1), group.opponent)
        lines.append(Line(tables.arrow(name), [theirs, *ratios], remark=_sizes(group)))
    columns = [("opponent", "ADE, px")]
    columns += [(model, f"{what} ↓") for model in models for what in ("mean", "best")]
    note = (
        "ADE of the samples' mean and of the best sample, over that of the fixed opponent, the "
        "trivial forecast that was best on validation clips; in small 95 % of scenes drawn again. "
        "In bold: below 1, interval and all."
    )
    return Table("group", columns, lines, note) if lines else None


def _group(one: Measured, group: Group, found: Sets, width: int) -> Iterator[Block]:
    yield Heading(3, tables.arrow(group.name))
    yield Text(_about(group))
    methods = tables.chief(group)
    main = tables.part(group, ERRORS, methods)
    if main is not None:
        yield main
    beside = tables.beside(group)
    if beside is not None:
        yield beside
    own = tables.others(group, methods, HIDDEN)
    if own is not None:
        yield Heading(4, "Of this suite alone")
        yield own
    rows = published(group, stated(one.study), found, methods)
    if rows is not None:
        yield Heading(4, "Published, beside ours")
        yield rows
    drawn = plots.plots(group, methods)
    if drawn is not None:
        yield drawn
    yield from _pictures(group, methods, width)
    yield from _more(group, found, methods)


def _pictures(group: Group, methods: Sequence[Method], width: int) -> Iterator[Block]:
    rows = gallery(group, methods, width)
    if rows:
        yield Heading(4, "Best, median and worst")
        yield Text(
            "Grey: what was seen. Black: what happened. Blue: samples. Best is where the best "
            "sample gains most on the opponent, worst where it loses most.",
            aside=True,
        )
        yield from rows


def _more(group: Group, found: Sets, methods: Sequence[Method]) -> Iterator[Block]:
    parts = {part.title: tables.part(group, part, methods) for part in PARTS}
    folded: dict[str, list[Block | None]] = {
        SAMPLES.title: [parts.pop(SAMPLES.title), plots.coverage(group, methods)],
        SETS.title: [tables.distances(group, found, methods)],
        **{title: [table] for title, table in parts.items()},
        COST.title: [tables.cost(group, methods)],
        "Case by case": [plots.cases(group, methods)],
    }
    trivial = [m for m in tables.ordered(group) if m.role in ("trivial", "opponent")]
    if len(trivial) > len([m for m in methods if m in trivial]):
        folded[f"All {len(trivial)} trivial forecasts"] = [tables.part(group, ERRORS, trivial)]
    for title, blocks in folded.items():
        there = [block for block in blocks if block is not None]
        if there:
            yield Folded(title, there)


def _about(group: Group) -> str:
    sizes = " and ".join(dict.fromkeys(f"{c.size[0]}x{c.size[1]}" for c in group.facts))
    spans = " and ".join(
        dict.fromkeys(f"{_frames(c.history_frames)} seen, {c.horizon} to come" for c in group.facts)
    )
    said = [f"{_sizes(group)}; {spans}; {sizes} pixels."]
    futures = max(case.futures for case in group.facts)
    if futures > 1:
        said.append(f"{futures} true futures of each first frame.")
    error, moving, visible = (
        group.truth.get(name) for name in ("opponent_ade", "moving_share", "visible_share")
    )
    if error is not None:
        said.append(f"The opponent `{group.opponent}` is {number(error.mean, 1)} px off (ADE).")
    if moving is not None and visible is not None:
        said.append(
            f"{100 * moving.mean:.0f} % of the points move; a point is seen "
            f"{100 * visible.mean:.0f} % of the time."
        )
    return " ".join(said)


def _sizes(group: Group) -> str:
    return f"{counted(len(group.facts), 'case')}, {counted(group.scenes, 'scene')}"


def _frames(count: int) -> str:
    return "one frame" if count == 1 else f"{count} frames"
