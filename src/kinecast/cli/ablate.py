"""`kinecast ablate`: the papers' comparisons on our data."""

import json
import sys
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.core import device as devices
from kinecast.core.errors import UserError


def ablate(
    suite: Positional[str] = "",
    *,
    out: Path | None = None,
    arms: str = "",
    budget: float = 1.0,
    seeds: int = 2,
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    device: str = "auto",
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Train the arms of a suite alike but for one thing each, and compare them as the papers do.

    The same command continues a run that was interrupted; an arm that is done is not run again.

    Args:
        suite: which comparisons; see --list.
        out: the run's folder; it gets table.md, table.json and curves.
        arms: some arms, separated by commas; those that they need are added, and the table has
            those of earlier commands too.
        budget: times the steps of every stage.
        seeds: how many.
        list_: name the suites, or the arms of the suite, and stop.
        device: auto, cuda, mps or cpu.
        json_: print one JSON object.
    """
    from kinecast.train.ablate.run import Ablation, run
    from kinecast.train.ablate.suites import SUITES, suite_of
    from kinecast.train.ablate.table import markdown, write
    from kinecast.train.stopping import Stopped, end_on_sigterm

    if list_:
        made = suite_of(suite) if suite else None
        rows = (
            {arm.name: arm.about for arm in made.arms}
            if made
            else {name: suite_of(name).about for name in SUITES}
        )
        what = "arms" if made else "suites"
        text = "\n".join(f"{name}: {about}" for name, about in rows.items())
        print(json.dumps({what: rows}) if json_ else text)
        return
    if not suite:
        raise UserError(f"expected a suite, got none; suites: {', '.join(SUITES)}")
    if out is None:
        raise UserError("expected --out DIR, the run's folder, got none")
    ablation = Ablation(
        suite_of(suite),
        out.absolute(),
        devices.resolve(device),
        only=tuple(name.strip() for name in arms.split(",") if name.strip()),
        budget=budget,
        seeds=seeds,
    )
    try:
        with end_on_sigterm():
            run(ablation)
    except Stopped as stopped:
        print(f"kinecast ablate: {stopped}", file=sys.stderr)
        raise SystemExit(128 + stopped.signum) from None
    found, paths = write(ablation)
    if json_:
        print(json.dumps(found | {"paths": paths}))
        return
    print(markdown(found))
    for name, path in paths.items():
        print(f"{name}: {path}")
