"""What was run: suite, protocol, machines, methods with their hashes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kinecast.bench.report.blocks import Block, Cell, Facts, Folded, Line, Table, Text
from kinecast.bench.report.shown import counted
from kinecast.bench.report.study import Study

HASH = 12  # digits shown
TRIVIAL = "baseline"
_OWN = ("kind", "device", "config_sha256", "weights_sha256")  # columns; other facts stand together


def what_was_run(study: Study) -> Iterator[Block]:
    """A line of words, the facts that matter, and behind a fold protocol, machines and methods."""
    run = study.run
    protocol: Mapping[str, Any] = run.get("protocol", {})
    if run.get("about"):
        yield Text(f"{str(run['about']).capitalize()}.")
    pairs = [
        ("cases", f"{len(study.cases)} in {counted(len(study.groups()), 'group')}"),
        ("samples", f"{protocol.get('k', 1)} a case, seed {protocol.get('seed', 0)}"),
        ("protocol", f"`{run['protocol_hash']}`"),
    ]
    pairs += [("machine", said) for said in dict.fromkeys(map(_machine, study.machines)) if said]
    yield Facts(pairs)
    yield Folded("Protocol", [Facts([(key, _plain(value)) for key, value in protocol.items()])])
    yield Folded("Methods and their hashes", [_methods(study)])


def _methods(study: Study) -> Table:
    lines = []
    trivial = [name for name, facts in study.models.items() if facts.get("kind") == TRIVIAL]
    for name, facts in study.models.items():
        if name in trivial:
            continue
        own = [_short(str(facts.get(key, ""))) for key in _OWN]
        rest = ", ".join(f"{k}: {_plain(v)}" for k, v in facts.items() if k not in _OWN)
        lines.append(Line(name, [*map(Cell, own), Cell(rest)]))
    if trivial:
        cells = [Cell(TRIVIAL), *[Cell("")] * (len(_OWN) - 1), Cell(", ".join(trivial))]
        lines.append(Line(f"{len(trivial)} trivial forecasts", cells, "trivial"))
    heads = ("kind", "device", "config", "weights", "other")
    note = f"Hashes are SHA-256, of which {HASH} digits are shown."
    return Table("method", [(head, "") for head in heads], lines, note, words=True)


def _machine(facts: Mapping[str, Any]) -> str:
    machine, packages = facts.get("machine", {}), facts.get("packages", {})
    said = [f"{machine['system']}"] if "system" in machine else []
    if "cores" in machine:
        said.append(
            f"{machine['cores']} cores, {counted(machine.get('threads', 1), 'thread')} a process"
        )
    return ", ".join([*said, *(f"{name} {version}" for name, version in packages.items())])


def _short(text: str) -> str:
    return text[:HASH] if len(text) == 64 else text


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
