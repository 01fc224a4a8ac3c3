"""Which clips of a group are shown: a method's best, median and worst, beside its opponent."""

from collections.abc import Sequence

from kinecast.bench.report.blocks import Picture, Pictures
from kinecast.bench.report.group import Group, Method
from kinecast.bench.report.pictures import WIDTH, picture
from kinecast.bench.report.shown import number
from kinecast.bench.results import CaseFacts

METRIC, OPPONENT = "best_ade", "opponent_ade"


def gallery(group: Group, methods: Sequence[Method], width: int = WIDTH) -> list[Pictures]:
    """A row of pictures for each model."""
    rows = [_row(group, m.name, width) for m in methods if m.role == "model"]
    return [row for row in rows if row.pictures]


def picked(group: Group, method: str) -> list[tuple[str, CaseFacts]]:
    """Best, median and worst case by how much farther off than the opponent; ties in suite order.

    By error alone where the opponent has none. Of one case there is one, of two best and worst.
    """
    rows = group.rows.get(method, {})
    able = [
        case
        for case in group.facts
        if case.id in rows
        and rows[case.id].result.paths is not None
        and METRIC in rows[case.id].result.scalars
    ]
    able.sort(key=lambda c: rows[c.id].result.scalars[METRIC] - c.scalars.get(OPPONENT, 0.0))
    if len(able) < 2:
        return [("the only case", case) for case in able]
    found = [("best", able[0])]
    if len(able) > 2:
        found.append(("median", able[len(able) // 2]))
    return [*found, ("worst", able[-1])]


def _row(group: Group, method: str, width: int) -> Pictures:
    pictures = []
    for title, case in picked(group, method):
        row = group.rows[method][case.id]
        assert row.result.paths is not None
        caption = f"`{case.id}`: best sample {number(row.result.scalars[METRIC], 1)} px"
        if OPPONENT in case.scalars:
            caption += f", opponent {number(case.scalars[OPPONENT], 1)} px"
        png = picture(case, row.result.paths, width)
        pictures.append(Picture(png, case.jpeg is not None, title, caption))
    return Pictures(method, pictures)
