"""`kinecast libero`: LIBERO's tasks, and demonstrations of an oracle that solves them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from kinecast.cli.progress import progress_bar
from kinecast.cli.sizes import parse_size
from kinecast.core.errors import UserError
from kinecast.data.libero import benchmark
from kinecast.data.libero.goals import parse_goals, placements
from kinecast.data.libero.record import Episode, record


def libero(
    suite: Positional[str] = "",
    task: Positional[str] = "",
    /,
    *,
    out: Path | None = None,
    demos: int = 1,
    size: str = "128x128",
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Record demonstrations of a task in LIBERO's own layout, OUT/SUITE/TASK_demo.hdf5.

    The status is 1 if the oracle solved fewer than --demos of the initial states.

    Args:
        suite: libero_spatial, libero_object, libero_goal, libero_10, libero_90, or a variant.
        task: a name or number that --list shows, or a part of the name that only it has.
        out: folder for the file.
        demos: how many demonstrations; what fails is left out.
        size: WxH of the frames in pixels.
        list_: list the tasks of the suite (or the suites), and which of them the oracle solves.
        json_: print one JSON object.
    """
    if list_:
        return _print_tasks(suite, json_) if suite else _print_suites(json_)
    if not suite or not task:
        raise UserError("expected SUITE TASK, got fewer; see kinecast libero --list")
    if out is None:
        raise UserError("expected a folder to write to; add --out DIR")
    if demos < 1:
        raise UserError(f"expected --demos of 1 or more, got {demos}")
    found = benchmark.task(suite, task)
    path = out / found.suite / f"{found.name}_demo.hdf5"
    episodes: list[dict[str, Any]] = []
    with progress_bar("recording") as advance:

        def note(episode: Episode) -> None:
            episodes.append({
                "initial_state": episode.initial_state,
                "success": episode.success,
                "steps": len(episode.actions),
            })  # fmt: skip
            advance(sum(e["success"] for e in episodes), demos)

        written = record(path, found, demos, parse_size(size), note)
    if written < demos:
        text = f"only {written} of {demos} demonstrations: the initial states ran out"
        print(f"kinecast: {text}", file=sys.stderr)
    if json_:
        about = {"suite": found.suite, "task": found.name, "language": found.language}
        results = {"demos": written, "episodes": episodes}
        print(json.dumps({**about, **results, "paths": [str(path.absolute())]}))
    else:
        print(path.absolute())
    return 0 if written == demos else 1


def _print_suites(json_: bool) -> int:
    rows = [{"suite": name, "tasks": len(benchmark.tasks(name))} for name in benchmark.STANDARD]
    if json_:
        print(json.dumps({"suites": rows}))
        return 0
    table = Table("suite", "tasks")
    for row in rows:
        table.add_row(str(row["suite"]), str(row["tasks"]))
    Console().print(table)
    return 0


def _print_tasks(suite: str, json_: bool) -> int:
    rows = [
        {"index": t.index, "task": t.name, "language": t.language, "oracle": _knows(t)}
        for t in benchmark.tasks(suite)
    ]
    if json_:
        print(json.dumps({"suite": suite, "tasks": rows}))
        return 0
    table = Table("", "task", "picks and places")
    for row in rows:
        table.add_row(str(row["index"]), str(row["task"]), "yes" if row["oracle"] else "no")
    Console().print(table)
    return 0


def _knows(task: benchmark.Task) -> bool:
    try:
        placements(parse_goals(task.bddl.read_text("utf-8")))
    except UserError:
        return False
    return True
