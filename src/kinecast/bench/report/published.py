"""What papers state of the same sets, beside what was measured here."""

from collections.abc import Sequence

from kinecast.bench.report.blocks import Cell, Line, Table
from kinecast.bench.report.catalogue import KNOWN, Metric
from kinecast.bench.report.group import Group, Method
from kinecast.bench.report.sets import Sets
from kinecast.bench.report.shown import NONE, decimals, number
from kinecast.bench.report.study import Study
from kinecast.bench.suite import Published


def stated(study: Study) -> tuple[Published, ...]:
    """What papers state of a study's suite, as its runs recorded it."""
    return tuple(Published(**row) for row in study.run.get("published", ()))


def published(
    group: Group, rows: Sequence[Published], found: Sets, methods: Sequence[Method]
) -> Table | None:
    """Papers' rows of a group (those of no group are of all), then ours; None where there is none.

    Where the settings differ the row says how: its numbers are not to be compared.
    """
    here = [row for row in rows if row.group in ("", group.name)]
    if not here:
        return None
    metrics = [KNOWN.get(n, Metric(n, n, "", "")) for n in dict.fromkeys(r.metric for r in here)]
    names = list(dict.fromkeys((r.method, r.paper, r.table, r.differs) for r in here))
    values = {((r.method, r.paper, r.table, r.differs), r.metric): r.value for r in here}
    ours = [m for m in methods if any(_ours(m, metric, found) is not None for metric in metrics)]
    columns = []
    for metric in metrics:
        column = [values.get((name, metric.name)) for name in names]
        column += [_ours(method, metric, found) for method in ours]
        digits = decimals([value for value in column if value is not None])
        columns.append([Cell(NONE if v is None else number(v, digits)) for v in column])
    cells = list(zip(*columns, strict=True))
    lines = [
        Line(method, line, "published", f"{paper}, {place}{_differs(differs)}")
        for (method, paper, place, differs), line in zip(names, cells, strict=False)
    ]
    lines += [
        Line(method.name, line, method.role, "measured here")
        for method, line in zip(ours, cells[len(names) :], strict=True)
    ]
    note = (
        "Tinted: as the papers print them. Settings that are known to differ are named in the row; "
        "a row without a remark agrees as far as the paper says."
    )
    return Table("method", [metric.heading() for metric in metrics], lines, note)


def _differs(differs: str) -> str:
    return f" · differs: {differs}" if differs else ""


def _ours(method: Method, metric: Metric, found: Sets) -> float | None:
    """As it is shown: FlowTV x 100."""
    distance = found.methods.get(method.name, {}).get(metric.name)
    if distance is not None:
        return distance.value
    estimate = method.estimates.get(metric.name)
    return None if estimate is None else estimate.mean * metric.times
