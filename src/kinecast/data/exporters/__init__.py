"""Exporters of clips, one file each; nothing is imported before it is asked for."""

from importlib import import_module

from kinecast.core.errors import UserError, did_you_mean
from kinecast.data.exporters.base import Exporter

__all__ = ["EXPORTERS", "Exporter", "exporter"]

EXPORTERS = {  # name -> "module:attribute" of kinecast.data
    "shards": "exporters.shards:EXPORTER",
    "files": "exporters.files:EXPORTER",
    "lerobot": "exporters.lerobot:EXPORTER",
    "flow-poke": "importers.flow_poke:EXPORTER",
    "zipmo": "importers.zipmo:EXPORTER",
    "atm": "importers.atm:EXPORTER",
}


def exporter(name: str) -> Exporter:
    """The exporter of that name.

    Raises:
        UserError: no exporter has that name.
        MissingExtraError: it needs a package that is not installed.
    """
    if name not in EXPORTERS:
        raise UserError(
            f"expected --to {', '.join(sorted(EXPORTERS))}, got {name!r}"
            f"{did_you_mean(name, EXPORTERS)}"
        )
    module, attribute = EXPORTERS[name].split(":")
    found: Exporter = getattr(import_module(f"kinecast.data.{module}"), attribute)
    return found
