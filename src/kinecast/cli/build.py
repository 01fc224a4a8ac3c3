"""`kinecast build`: the papers' evaluation sets, from raw videos or from simulated worlds."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from kinecast.cli.progress import progress_bar, say
from kinecast.cli.tracker import load_tracker
from kinecast.core.errors import UserError
from kinecast.data.builders import BUILDERS, builder
from kinecast.data.builders.base import Outcome, with_settings
from kinecast.io.atomic import atomic_folder

REPORT = "report.json"


def build(
    words: Positional[tuple[str, ...]] = (),
    *,
    out: Path | None = None,
    tracker: str = "flow",
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "auto",
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Build an evaluation set: kinecast build NAME [SOURCE] [key=value ...] --out DIR.

    Clips that a set does not admit are left out; DIR/report.json says which and why.

    Args:
        words: the set's name, what it is made of, then key=value words that change its settings.
        out: folder to write to.
        tracker: what follows the points, as for `kinecast track`.
        weights: a published tracker's weights file.
        code: the folder of your clone of its code.
        device: that it runs on: auto, cuda, cuda:N, mps or cpu.
        list_: list the sets and their settings, and stop.
        json_: print one JSON object.
    """
    if list_:
        _print_sets(json_)
        return
    if not words or out is None:
        raise UserError("expected NAME and --out DIR; see kinecast build --list and --help")
    name, *rest = words
    made = builder(name)
    sources = [word for word in rest if "=" not in word]
    if len(sources) != (1 if made.needs else 0):
        wanted = f"one SOURCE ({made.needs})" if made.needs else "no SOURCE, as it is simulated"
        raise UserError(f"expected {wanted} for {name}, got {' '.join(sources) or 'none'}")
    settings = with_settings(made.settings, [word for word in rest if "=" in word])
    source = Path(sources[0]) if sources else Path()
    if sources and not source.exists():
        raise UserError(f"no such file or folder: {source}; check the path")
    follow = load_tracker(tracker, weights, code, device)
    outcomes: list[Outcome] = []
    with progress_bar("building") as advance, atomic_folder(out) as folder:

        def report(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if outcome.dropped:
                say(f"dropped {outcome.clip}: {outcome.dropped}")
            advance(len(outcomes), None)

        made.build(source, folder, settings, follow, report)
        kept = [outcome.clip for outcome in outcomes if not outcome.dropped]
        dropped = [{"clip": o.clip, "reason": o.dropped} for o in outcomes if o.dropped]
        if not kept:
            first = f"; {dropped[0]['clip']}: {dropped[0]['reason']}" if dropped else ""
            raise UserError(f"expected clips that {name} takes, got none of {len(dropped)}{first}")
        about = {"set": name, "settings": asdict(settings)}
        if made.needs:
            about["tracker"] = tracker
        summary = {**about, "kept": kept, "dropped": dropped}
        (folder / REPORT).write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
        names = sorted(entry.name for entry in folder.iterdir())  # some sets have 50,000 files
    paths = [str(out.resolve() / name) for name in names]
    print(json.dumps({**summary, "paths": paths}) if json_ else "\n".join(paths))


def _print_sets(json_: bool) -> None:
    found = [builder(name) for name in BUILDERS]
    if json_:
        rows = [
            {"name": b.name, "about": b.about, "source": b.needs, "settings": asdict(b.settings)}
            for b in found
        ]
        print(json.dumps({"sets": rows}))
        return
    table = Table("set", "what it is", "SOURCE", "settings")
    for b in found:
        chosen = "\n".join(f"{f.name}={getattr(b.settings, f.name)}" for f in fields(b.settings))
        table.add_row(b.name, b.about, b.needs or "none", chosen, end_section=True)
    Console().print(table)
