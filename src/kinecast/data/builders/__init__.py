"""Builders of the papers' evaluation sets, one file each; imported when one is asked for."""

from kinecast.core.table import find
from kinecast.data.builders.base import Builder

__all__ = ["BUILDERS", "Builder", "builder"]

BUILDERS = {  # name -> "module:attribute"
    "trajloom-bench": "kinecast.data.builders.trajloom_bench:BUILDER",
    "whn-kubric": "kinecast.data.builders.whn_kubric:BUILDER",
    "physics101-crops": "kinecast.data.builders.physics101_crops:BUILDER",
    "physion-real": "kinecast.data.builders.physion_real:BUILDER",
    "zipmo-open-set": "kinecast.data.builders.zipmo_open_set:BUILDER",
}


def builder(name: str) -> Builder:
    """The builder of that name.

    Raises:
        UserError: no builder has that name.
        MissingExtraError: it needs a package that is not installed.
    """
    found: Builder = find(BUILDERS, name, "an evaluation set")
    return found
