"""`kinecast bench export`: a suite's inputs for methods that run elsewhere."""

import json
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.bench.export import export
from kinecast.bench.suites import suite as find_suite


def export_suite(
    suite: Positional[str],
    /,
    *,
    out: Path,
    size: str | None = None,
    data: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Write a folder a case: image, queries, pokes, history; docs/other-methods.md.

    Args:
        suite: a name of `kinecast bench suites`.
        out: folder to write to.
        size: of the suite, its first one by default.
        data: folder of your data, for suites that ask for it.
        json_: print one JSON object.
    """
    found = find_suite(suite)
    path = str(export(found, size or found.sizes[0], data, out).absolute())
    print(json.dumps({"path": path}) if json_ else path)
