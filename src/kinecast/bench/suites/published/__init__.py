"""The numbers that the papers print, as data: one JSON a paper beside this file.

A file holds tables: `columns` and `rows`, whose keys together are a cell's method, metric, group
and settings; values stand as printed. `second_hand` marks a table that was not read in the paper
itself, `note` what is odd about it, `differs` how its settings differ from the suite's here.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from kinecast.bench.suite import Published

# As printed -> name here, and the factor that brings the printed value to the unit that a report
# shows (there FlowTV is x 100 and DivCurlE x 1000, too). {} holds settings of the cell.
METRICS: Mapping[str, tuple[str, float]] = {
    "FVMD": ("fvmd", 1),
    "FVMD-Long x0.001": ("fvmd_long", 1000),
    "FlowTV x100": ("flow_tv", 1),
    "DivCurlE x1000": ("divcurl", 1),
    "VEPE": ("vepe_{frames}", 1),
    "FVMD(S)": ("fvmd_scene", 1),
    "Best-of-K": ("best_of_k_mse", 1),
    "LRTL": ("lrtl", 1),
    "OA x100": ("occlusion_accuracy", 0.01),
    "AJ x100": ("average_jaccard", 0.01),
    "delta_avg x100": ("delta_avg", 0.01),
    "Single MSE": ("paper_single_mse", 1),
    "MeanT MSE": ("paper_mean_track_mse_k{k}", 1),
    "Mean MSE": ("paper_mean_mse_k{k}", 1),
    "Min MSE": ("paper_min_mse_k{k}", 1),
    "EPE": ("poke_epe", 1),
}
OF_SUITE: Mapping[tuple[str, str], str] = {  # where a name means another quantity
    ("whn-kubric", "FVMD"): "fvmd_scenes",
    ("physics101", "MSE"): "paper_mse",
    ("whn-libero", "MSE"): "paper_single_mse",
    ("zipmo-libero", "MSE"): "paper_single_mse",
}
OVERALL = "overall"  # a column of all groups together
PAPERS = ("trajloom", "whn", "zipmo")


@cache
def tables(paper: str) -> Mapping[str, Any]:
    """The file of a paper."""
    text = (files(__package__) / f"{paper}.json").read_text("utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def cells(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every number of a table: "method", "metric", "group", "value" as printed, and settings."""
    found = []
    for row in table["rows"]:
        shared = {"group": "", **table["settings"], **row}
        values = shared.pop("values")
        for column, value in zip(table["columns"], values, strict=True):
            found.append({**shared, **column, "value": value})
    return found


def published(paper: str, suite: str) -> tuple[Published, ...]:
    """What a paper states of the sets of a suite, in the order of its tables."""
    content = tables(paper)
    found = []
    for table in content["tables"]:
        if suite not in table["suites"]:
            continue
        for cell in cells(table):
            named = _metric(suite, cell)
            if named is None:  # not measured by the suite: costs on the authors' machines
                continue
            name, factor = named
            found.append(
                Published(
                    paper=f"{content['paper']}, {content['source']}",
                    table=f"Table {table['table']}",
                    method=_method(cell),
                    group="" if cell["group"] == OVERALL else cell["group"],
                    metric=name,
                    value=cell["value"] * factor,
                    differs=_differs(table),
                )
            )
    return tuple(found)


def _metric(suite: str, cell: Mapping[str, Any]) -> tuple[str, float] | None:
    label = cell["metric"]
    if (suite, label) in OF_SUITE:
        return OF_SUITE[suite, label], 1
    if label not in METRICS:
        return None
    name, factor = METRICS[label]
    return name.format(**cell), factor


def _method(cell: Mapping[str, Any]) -> str:
    method: str = cell["method"]
    if cell["group"] == OVERALL:
        return f"{method}, all groups"
    solver = cell.get("solver", "euler")
    return method if solver == "euler" else f"{method}, {solver} {cell['steps']}"


def _differs(table: Mapping[str, Any]) -> str:
    said = [table.get("differs", ""), table.get("note", "")]
    if table.get("second_hand"):
        said.append("as a summary of the paper has it, not its own text")
    return "; ".join(part for part in said if part)
