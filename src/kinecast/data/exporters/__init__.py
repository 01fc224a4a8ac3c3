"""Exporters of clips, one file each; nothing is imported before it is asked for."""

from kinecast.core.table import find
from kinecast.data.exporters.base import Exporter

__all__ = ["EXPORTERS", "Exporter", "exporter"]

EXPORTERS = {  # name -> "module:attribute"
    "shards": "kinecast.data.exporters.shards:EXPORTER",
    "files": "kinecast.data.exporters.files:EXPORTER",
    "lerobot": "kinecast.data.exporters.lerobot:EXPORTER",
    "flow-poke": "kinecast.data.importers.flow_poke:EXPORTER",
    "zipmo": "kinecast.data.importers.zipmo:EXPORTER",
    "atm": "kinecast.data.importers.atm:EXPORTER",
}


def exporter(name: str) -> Exporter:
    """The exporter of that name.

    Raises:
        UserError: no exporter has that name.
        MissingExtraError: it needs a package that is not installed.
    """
    found: Exporter = find(EXPORTERS, name, "--to")
    return found
