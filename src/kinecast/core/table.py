"""Tables of things that are imported when one is asked for by name."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kinecast.core.errors import UserError, did_you_mean


def find(table: Mapping[str, str], name: str, what: str) -> Any:
    """The entry of that name.

    Args:
        table: name -> "module:attribute".
        name: as a user spelled it.
        what: what the names are of, for the message: "a data set".

    Raises:
        UserError: the table has no such name; the message says the nearest.
        MissingExtraError: it needs a package that is not installed.
    """
    if name not in table:
        known = ", ".join(sorted(table))
        raise UserError(f"expected {what} of {known}, got {name!r}{did_you_mean(name, table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
