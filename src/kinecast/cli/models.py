"""`kinecast models`: what can be loaded here."""

import json
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from kinecast.core.errors import UserError
from kinecast.forecast.models import ModelFolder, list_models
from kinecast.io.checkpoint import read_config
from kinecast.io.home import home
from kinecast.systems.registry import build


def models(*, json_: Annotated[bool, tyro.conf.arg(name="json")] = False) -> None:
    """List the models that are here: bundled ones and those in $KINECAST_HOME/models.

    Args:
        json_: print one JSON object.
    """
    rows = [_describe(model) for model in list_models()]
    if json_:
        print(json.dumps({"models": rows}))
        return
    table = Table()
    for column in ("name", "system", "window", "size", "licence", "path"):
        table.add_column(column, overflow="fold")
    for row in rows:
        window = f"{row['frames']} frames" if row["frames"] else row["problem"]
        size = f"{row['bytes'] / 1e6:.1f} MB"
        table.add_row(row["name"], row["system"], window, size, row["licence"], row["path"])
    Console().print(table)
    print(f"put further checkpoint folders in {home() / 'models'}, or name a folder with --model")


def _describe(model: ModelFolder) -> dict[str, Any]:
    """One row; a checkpoint that cannot be used says why instead of hiding the others."""
    row: dict[str, Any] = {
        "name": model.name,
        "system": "",
        "frames": None,
        "bytes": model.bytes,
        "licence": model.licence,
        "bundled": model.bundled,
        "path": str(model.path),
        "problem": None,
    }
    try:
        config = read_config(model.path)
        row["system"] = str(config.get("system", ""))
        row["frames"] = build(config).needs.frames
    except UserError as error:
        row["problem"] = str(error)
    return row
