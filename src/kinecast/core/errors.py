"""Errors that a user can act on."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A user's mistake. The message is one line: what was expected, what was got, what to do next.

    The command line prints it and exits with status 2; a library caller catches it as ValueError.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class MissingExtraError(UserError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(
            f"this needs the package {package}, which is not installed; "
            f'run: pip install "kinecast[{extra}]"'
        )

    def __reduce__(self) -> tuple[type, tuple[str, str]]:  # through worker processes
        return type(self), (self.package, self.extra)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the known name nearest to a mistyped one, or '' if none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"; did you mean {near[0]}?" if near else ""
