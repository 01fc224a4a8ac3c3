"""A group of cases: every method's numbers over them, and beside its fixed opponent's."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kinecast.bench.report.blocks import Role
from kinecast.bench.report.catalogue import RATES, TESTED
from kinecast.bench.report.estimate import Against, Estimate, against, estimate, rate
from kinecast.bench.report.paired import holm
from kinecast.bench.report.study import Study
from kinecast.bench.results import CaseFacts, Row

# What the fixed opponent's error is called among a case's scalars: a forecast without samples is
# its own mean, best and only one.
OPPONENT = {
    "mean_ade": "opponent_ade",
    "best_ade": "opponent_ade",
    "sample_ade": "opponent_ade",
    "moving_mean_ade": "opponent_moving_ade",
    "moving_best_ade": "opponent_moving_ade",
    "moving_sample_ade": "opponent_moving_ade",
    "mean_fde": "opponent_fde",
    "best_fde": "opponent_fde",
    "min_fde": "opponent_fde",
}


@dataclass(frozen=True)
class Method:
    """One method in one group.

    Attributes:
        name: of the model.
        role: model, opponent (the fixed one), trivial, or sanity (truth, tracker).
        cases: that it did.
        skipped: why others were not done -> how many.
        missing: cases that the run holds nothing of: it was not finished.
        estimates: metric or cost -> mean over the cases that have it.
        against: metric of `catalogue.TESTED` -> beside the opponent's.
        corrected: metric -> Holm-corrected p, over all models of the group.
        absent: metric -> why it does not apply -> in how many cases.
    """

    name: str
    role: Role
    cases: int
    skipped: Mapping[str, int]
    missing: int
    estimates: Mapping[str, Estimate]
    against: Mapping[str, Against]
    corrected: Mapping[str, float]
    absent: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, eq=False)
class Group:
    """A group, measured.

    Attributes:
        name: of the group.
        facts: its cases, in order.
        opponent: name of the fixed trivial forecast.
        scenes: how many; intervals and tests draw these.
        truth: metric -> the truth's own ("motion", "flow_tv", ...), the opponent's errors, shares.
        methods: by name, in the runs' order; the opponent is among them even if no run holds it.
        rows: method -> case -> row, of those that were done.
    """

    name: str
    facts: Sequence[CaseFacts]
    opponent: str
    scenes: int
    truth: Mapping[str, Estimate]
    methods: Mapping[str, Method]
    rows: Mapping[str, Mapping[str, Row]]


def measured(study: Study, name: str, facts: Sequence[CaseFacts]) -> Group:
    """All numbers of one group."""
    opponent = " or ".join(dict.fromkeys(case.opponent for case in facts))
    truth = _estimates(facts, [case.scalars for case in facts])
    methods: dict[str, Method] = {}
    done: dict[str, dict[str, Row]] = {}
    for model in study.models:
        rows = {c.id: study.rows[model][c.id] for c in facts if c.id in study.rows[model]}
        role = _role(model, opponent, str(study.models[model].get("kind", "model")))
        done[model] = {id: row for id, row in rows.items() if not row.skipped}
        methods[model] = _method(model, role, facts, rows)
    if opponent and opponent not in methods:  # rollouts have none
        methods[opponent] = _unrun(opponent, facts, truth)
    return Group(
        name=name,
        facts=facts,
        opponent=opponent,
        scenes=len({case.scene for case in facts}),
        truth=truth,
        methods=_corrected(methods),
        rows=done,
    )


def _role(model: str, opponent: str, kind: str) -> Role:
    if model == opponent:
        return "opponent"
    if kind == "baseline":
        return "trivial"
    return "sanity" if kind == "sanity" else "model"


def _method(name: str, role: Role, facts: Sequence[CaseFacts], rows: Mapping[str, Row]) -> Method:
    done = [case for case in facts if case.id in rows and not rows[case.id].skipped]
    results = [rows[case.id].result for case in done]
    reasons: dict[str, Counter[str]] = {}
    for result in results:
        for metric, reason in result.absent.items():
            reasons.setdefault(metric, Counter())[reason] += 1
    beside = {} if role == "opponent" else {m.name: _beside(m.name, done, rows) for m in TESTED}
    return Method(
        name=name,
        role=role,
        cases=len(done),
        skipped=_counted(row.skipped for row in rows.values() if row.skipped),
        missing=len(facts) - len(rows),
        estimates=_estimates(done, [{**r.scalars, **r.cost} for r in results]),
        against={metric: found for metric, found in beside.items() if found},
        corrected={},
        absent={metric: dict(sorted(reasons[metric].items())) for metric in sorted(reasons)},
    )


def _unrun(name: str, facts: Sequence[CaseFacts], truth: Mapping[str, Estimate]) -> Method:
    """The opponent, from what every run stores of it."""
    known = {ours: truth[theirs] for ours, theirs in OPPONENT.items() if theirs in truth}
    return Method(name, "opponent", len(facts), {}, 0, known, {}, {}, {})


def _beside(metric: str, done: Sequence[CaseFacts], rows: Mapping[str, Row]) -> Against | None:
    theirs = OPPONENT[metric]
    both = [c for c in done if metric in rows[c.id].result.scalars and theirs in c.scalars]
    if not both:
        return None
    return against(
        [rows[case.id].result.scalars[metric] for case in both],
        [case.scalars[theirs] for case in both],
        [case.scene for case in both],
    )


def _corrected(methods: Mapping[str, Method]) -> dict[str, Method]:
    """Holm's correction, metric by metric, over the models: trivial forecasts are not tested."""
    found: dict[str, dict[str, float]] = {name: {} for name in methods}
    for metric in (m.name for m in TESTED):
        tested = [m for m in methods.values() if m.role == "model" and metric in m.against]
        for method, p in zip(tested, holm([m.against[metric].p for m in tested]), strict=True):
            found[method.name][metric] = p
    return {name: replace(method, corrected=found[name]) for name, method in methods.items()}


def _estimates(
    cases: Sequence[CaseFacts], numbers: Sequence[Mapping[str, float]]
) -> dict[str, Estimate]:
    names = sorted({name for row in numbers for name in row})
    found = {}
    for name in names:
        have = [(row[name], c.scene) for c, row in zip(cases, numbers, strict=True) if name in row]
        values, scenes = map(list, zip(*have, strict=True))
        found[name] = rate(values) if name in RATES else estimate(values, scenes)
    return found


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(reasons).items()))
