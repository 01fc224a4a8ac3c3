"""System name -> class, imported only when a checkpoint asks for it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kinecast.core.errors import UserError, did_you_mean

FORMAT = 1  # of a checkpoint's config.json: {"format": 1, "system": name, "model": {...}}
SYSTEMS = {
    "trajloom": "kinecast.systems.trajloom.system:TrajLoom",
    "trajloom-paper": "kinecast.systems.trajloom.paper:PaperTrajLoom",
    "whn": "kinecast.systems.whn.system:WHN",
    "zipmo": "kinecast.systems.zipmo.system:ZipMo",
    "zipmo-libero": "kinecast.systems.zipmo.libero_system:ZipMoLibero",
    "regression-history": "kinecast.systems.regression.history:HistoryRegression",
    "regression-image": "kinecast.systems.regression.image:ImageRegression",
}


def build(config: Mapping[str, Any]) -> Any:
    """The network that a checkpoint's config.json describes, with fresh weights.

    Raises:
        UserError: a missing key, another format, an unknown system, or a wrong field of its model.
    """
    missing = [key for key in ("format", "system", "model") if key not in config]
    if missing:
        raise UserError(f"expected format, system and model in config.json, got no {missing[0]}")
    if config["format"] != FORMAT:
        raise UserError(
            f"expected a checkpoint of format {FORMAT}, got {config['format']}; "
            "update kinecast, or use weights that came with this version"
        )
    return system_class(config["system"]).from_config(config["model"])


def system_class(name: str) -> Any:
    """The class of a system; `from_config(config["model"])` builds one.

    Raises:
        UserError: an unknown name.
    """
    if name not in SYSTEMS:
        raise UserError(
            f"expected a system of {', '.join(SYSTEMS)}, got {name!r}{did_you_mean(name, SYSTEMS)}"
        )
    module, attribute = SYSTEMS[name].split(":")
    return getattr(import_module(module), attribute)
