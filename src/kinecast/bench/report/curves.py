"""What the plots of a group show: error over the horizon, against time, and coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from kinecast.bench.report.group import Group
from kinecast.metrics.bootstrap import LEVEL, resampled_means


@dataclass(frozen=True, eq=False)
class Horizon:
    """Mean error of each frame of the horizon, over the cases whose points are seen to the end.

    A case that drops out on the way would bend the curve. Where every case does, all that have an
    error in a frame count there.

    Attributes:
        cases: that are seen in every frame; 0 where there are none.
        error: pixels; NaN where no case has one.
        low, high: 95 % interval; NaN where there is none.
    """

    cases: int
    error: Float64[np.ndarray, " t"]
    low: Float64[np.ndarray, " t"]
    high: Float64[np.ndarray, " t"]


def horizons(group: Group, name: str, methods: Sequence[str]) -> dict[str, Horizon]:
    """Curve `name` ("best_ade") of the methods that have it; the opponent's from the cases."""
    scenes = {case.id: case.scene for case in group.facts}
    found = {}
    for method in methods:
        rows = group.rows.get(method, {})
        every = {id: row.result.curves for id, row in rows.items()}
        curves = {id: stored[name] for id, stored in every.items() if name in stored}
        if not curves and method == group.opponent:
            every = {case.id: case.curves for case in group.facts}
            curves = {id: c["opponent_ade"] for id, c in every.items() if "opponent_ade" in c}
        if curves:
            found[method] = _horizon(list(curves.values()), [scenes[id] for id in curves])
    return found


def coverages(group: Group) -> dict[str, tuple[list[float], list[float]]]:
    """Method -> how often the truth should lie in central intervals of its samples, and does."""
    found = {}
    for method, rows in group.rows.items():
        stored = [row.result.features.get("coverage_ranks") for row in rows.values()]
        ranks = [one[0].astype(np.float64) for one in stored if one is not None]
        if not ranks or len({len(one) for one in ranks}) > 1:
            continue
        mean, K = np.mean(ranks, axis=0), len(ranks[0]) - 1
        trims = range(K // 2, 0, -1)
        found[method] = (
            [(K + 1 - 2 * i) / (K + 1) for i in trims],
            [float(mean[i : K + 1 - i].sum()) for i in trims],
        )
    return found


def _horizon(curves: Sequence[np.ndarray], scenes: Sequence[str]) -> Horizon:
    T = max(map(len, curves))
    each = np.stack([np.pad(c, (0, T - len(c)), constant_values=np.nan) for c in curves])
    each, known = each.astype(np.float64), np.isfinite(each)
    whole = known.all(1)
    none = np.full(T, np.nan)
    if not whole.any():
        count = known.sum(0)
        total = np.where(known, each, 0).sum(0)
        return Horizon(0, np.where(count, total / np.maximum(count, 1), np.nan), none, none)
    low, high = none, none
    units = [scene for scene, there in zip(scenes, whole, strict=True) if there]
    if len(set(units)) > 1:
        means = resampled_means(each[whole], units)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Horizon(int(whole.sum()), each[whole].mean(0), low, high)


def styles(group: Group) -> Mapping[str, str]:
    """Class of the page's colours of each method: one colour a model, in the runs' order."""
    models = [name for name, method in group.methods.items() if method.role == "model"]
    return {
        name: f"c{models.index(name) % 8}" if method.role == "model"
        else "opponent" if method.role == "opponent"
        else "trivial"
        for name, method in group.methods.items()
    }  # fmt: skip
