"""Builders of the papers' evaluation sets, one file each; imported when one is asked for."""

from importlib import import_module

from kinecast.core.errors import UserError, did_you_mean
from kinecast.data.builders.base import Builder

__all__ = ["BUILDERS", "Builder", "builder"]

BUILDERS = {  # name -> module of this package with a BUILDER
    "trajloom-bench": "trajloom_bench",
    "whn-kubric": "whn_kubric",
    "physics101-crops": "physics101_crops",
    "zipmo-open-set": "zipmo_open_set",
}


def builder(name: str) -> Builder:
    """The builder of that name.

    Raises:
        UserError: no builder has that name.
        MissingExtraError: it needs a package that is not installed.
    """
    if name not in BUILDERS:
        raise UserError(
            f"expected an evaluation set of {', '.join(BUILDERS)}, got {name!r}"
            f"{did_you_mean(name, BUILDERS)}"
        )
    found: Builder = import_module(f"{__name__}.{BUILDERS[name]}").BUILDER
    return found
