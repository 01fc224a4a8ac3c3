"""`kinecast bench report`: runs as a page."""

import json
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.core.errors import UserError


def report_runs(
    runs: Positional[tuple[Path, ...]],
    /,
    *,
    out: Path,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Tables with intervals, plots and pictures of runs: report.html, report.md and report.json.

    Args:
        runs: folders of `kinecast bench run`.
        out: folder to write to.
        json_: print one JSON object.
    """
    from kinecast.bench.report import write

    if not runs:
        raise UserError("expected RUN..., folders of kinecast bench run, got none")
    paths = [str(path.absolute()) for path in write(runs, out)]
    print(json.dumps({"paths": paths}) if json_ else "\n".join(paths))
