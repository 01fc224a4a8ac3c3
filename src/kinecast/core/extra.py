"""Packages of the extras, imported when one is needed."""

from importlib import import_module
from typing import Any

from kinecast.core.errors import MissingExtraError


def optional(package: str, extra: str) -> Any:
    """An installed package of an extra.

    Raises:
        MissingExtraError: it is not installed; the message names the extra.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        # "a.b" of a package that is not there is reported as "a"
        if error.name is None or not f"{package}.".startswith(f"{error.name}."):
            raise
        raise MissingExtraError(package, extra) from error
