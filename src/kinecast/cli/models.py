"""`kinecast models`: what can be loaded here."""

import json
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from kinecast.core.errors import UserError
from kinecast.forecast.conditions import takes, window_of
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
    for column in ("name", "system", "forecasts from", "window", "size", "licence", "path"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        window = f"{row['frames']} frames" if row["frames"] else row["problem"]
        size = f"{row['bytes'] / 1e6:.1f} MB"
        described = (row["system"], row["takes"], window, size, row["licence"], row["path"])
        table.add_row(row["name"], *described)
    Console().print(table)
    print(f"put further checkpoint folders in {home() / 'models'}, or name a folder with --model")


def _describe(model: ModelFolder) -> dict[str, Any]:
    """One row; a checkpoint that cannot be used says why instead of hiding the others."""
    row: dict[str, Any] = {
        "name": model.name,
        "system": "",
        "takes": "",
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
        with torch.device("meta"):  # its sizes alone: nothing is allocated
            needs = build(config).needs
        row["takes"], row["frames"] = takes(needs), window_of(needs)
    except UserError as error:
        row["problem"] = str(error)
    return row
