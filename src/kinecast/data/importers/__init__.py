"""Importers of published data sets, one file each; nothing is imported before it is asked for."""

from importlib import import_module

from kinecast.core.errors import UserError, did_you_mean
from kinecast.data.importers.base import Importer, Item, Untracked

__all__ = ["IMPORTERS", "Importer", "Item", "Untracked", "importer"]

IMPORTERS = {  # name -> "module:attribute" of this package
    "tapvid": "tapvid:IMPORTER",
    "tapvid-kinetics": "tapvid_kinetics:IMPORTER",
    "movi": "movi:IMPORTER",
    "trajloom": "trajloom:IMPORTER",
    "trajloom-eval": "trajloom_eval:IMPORTER",
    "davis": "davis:IMPORTER",
    "libero": "libero:IMPORTER",
    "atm": "atm:IMPORTER",
    "physion": "physion:IMPORTER",
    "physics101": "physics101:IMPORTER",
    "whn": "whn:IMPORTER",
    "whn-rollouts": "whn_rollouts:IMPORTER",
    "zipmo": "zipmo:IMPORTER",
    "zipmo-eval": "zipmo_eval:IMPORTER",
    "flow-poke": "flow_poke:IMPORTER",
    "physics-iq": "physics_iq:IMPORTER",
    "lerobot": "lerobot:IMPORTER",
    "shards": "shards:IMPORTER",
    "videos": "videos:IMPORTER",
}


def importer(name: str) -> Importer:
    """The importer of that name.

    Raises:
        UserError: no importer has that name.
        MissingExtraError: it needs a package that is not installed.
    """
    if name not in IMPORTERS:
        raise UserError(
            f"expected a data set of {', '.join(sorted(IMPORTERS))}, got {name!r}"
            f"{did_you_mean(name, IMPORTERS)}"
        )
    module, attribute = IMPORTERS[name].split(":")
    found: Importer = getattr(import_module(f"{__name__}.{module}"), attribute)
    return found
