"""Importers of published data sets, one file each; nothing is imported before it is asked for."""

from kinecast.core.table import find
from kinecast.data.importers.base import Importer, Item, Untracked

__all__ = ["IMPORTERS", "Importer", "Item", "Untracked", "importer"]

IMPORTERS = {  # name -> "module:attribute"
    "tapvid": "kinecast.data.importers.tapvid:IMPORTER",
    "tapvid-kinetics": "kinecast.data.importers.tapvid_kinetics:IMPORTER",
    "movi": "kinecast.data.importers.movi:IMPORTER",
    "trajloom": "kinecast.data.importers.trajloom:IMPORTER",
    "trajloom-eval": "kinecast.data.importers.trajloom_eval:IMPORTER",
    "davis": "kinecast.data.importers.davis:IMPORTER",
    "libero": "kinecast.data.importers.libero:IMPORTER",
    "atm": "kinecast.data.importers.atm:IMPORTER",
    "physion": "kinecast.data.importers.physion:IMPORTER",
    "physics101": "kinecast.data.importers.physics101:IMPORTER",
    "whn": "kinecast.data.importers.whn:IMPORTER",
    "whn-rollouts": "kinecast.data.importers.whn_rollouts:IMPORTER",
    "zipmo": "kinecast.data.importers.zipmo:IMPORTER",
    "zipmo-eval": "kinecast.data.importers.zipmo_eval:IMPORTER",
    "flow-poke": "kinecast.data.importers.flow_poke:IMPORTER",
    "physics-iq": "kinecast.data.importers.physics_iq:IMPORTER",
    "lerobot": "kinecast.data.importers.lerobot:IMPORTER",
    "shards": "kinecast.data.importers.shards:IMPORTER",
    "videos": "kinecast.data.importers.videos:IMPORTER",
}


def importer(name: str) -> Importer:
    """The importer of that name.

    Raises:
        UserError: no importer has that name.
        MissingExtraError: it needs a package that is not installed.
    """
    found: Importer = find(IMPORTERS, name, "a data set")
    return found
