"""What a contestant's words state about files: `FOLDER?key=value&key=value`.

What the files leave open is never guessed: it is an error that names the option.
"""

from collections.abc import Iterable, Mapping, Sequence

from kinecast.core.coords import Size
from kinecast.core.errors import UserError, did_you_mean


class Options:
    """Options as stated, each checked when it is asked for.

    Args:
        given: key -> value.
        known: what may be given, each "key=values in words".
        what: whose options they are, for messages: "outputs:myriad".

    Raises:
        UserError: a key that is not known.
    """

    def __init__(self, given: Mapping[str, str], known: Iterable[str], what: str) -> None:
        self._given, self.what = dict(given), what
        keys = [option.partition("=")[0] for option in known]
        for key in self._given:
            if key not in keys:
                raise UserError(
                    f"expected an option of {what}, got {key!r}; it has {', '.join(keys)}"
                    f"{did_you_mean(key, keys)}"
                )

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def to_json(self) -> dict[str, str]:
        """As stated."""
        return dict(self._given)

    def text(self, key: str, default: str | None = None, why: str = "") -> str:
        """The text stated, or the default.

        Args:
            key: of the option.
            default: None where it has to be stated.
            why: what the message says of it then.

        Raises:
            UserError: it is not stated and has no default.
        """
        value = self._given.get(key, default)
        if value is None:
            raise UserError(
                f"expected {self.what} with {key}=...: {why}; see docs/other-methods.md"
            )
        return value

    def choice(
        self, key: str, values: Sequence[str], default: str | None = None, why: str = ""
    ) -> str:
        """One of the values.

        Raises:
            UserError: another value, or none stated where there is no default.
        """
        value = self._given.get(key, default)
        if value is None or value not in values:
            got = "" if value is None else f", got {key}={value}"
            reason = f": {why}" if why else ""
            raise UserError(f"expected {self.what} with {key}={'|'.join(values)}{got}{reason}")
        return value

    def number(self, key: str, default: float | None = None) -> float | None:
        """A number above zero.

        Raises:
            UserError: another value.
        """
        if key not in self._given:
            return default
        try:
            value = float(self._given[key])
        except ValueError:
            value = float("nan")
        if not 0 < value < float("inf"):
            raise UserError(
                f"expected {self.what} with {key}=NUMBER above zero, got {self._given[key]}"
            )
        return value

    def whole(self, key: str, default: int | None = None, least: int = 0) -> int | None:
        """A whole number of at least `least`.

        Raises:
            UserError: another value.
        """
        text = self._given.get(key)
        if text is None:
            return default
        if not text.isdecimal() or int(text) < least:
            raise UserError(
                f"expected {self.what} with {key}=N, whole and at least {least}, got {key}={text}"
            )
        return int(text)

    def size(self, key: str = "size") -> Size | None:
        """(W, H) of "WxH", or None where it is not stated.

        Raises:
            UserError: not two whole numbers above zero.
        """
        text = self._given.get(key)
        if text is None:
            return None
        parts = text.lower().split("x")
        if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
            raise UserError(
                f"expected {self.what} with {key}=WxH such as 832x480, got {key}={text}"
            )
        return int(parts[0]), int(parts[1])


def parse(argument: str) -> tuple[str, dict[str, str]]:
    """FOLDER?key=value&key=value -> the folder and the options.

    Raises:
        UserError: no folder, a word without "=", or a key twice.
    """
    place, _, query = argument.partition("?")
    if not place:
        raise UserError(f"expected FOLDER or FOLDER?key=value&key=value, got {argument!r}")
    options: dict[str, str] = {}
    for word in query.split("&") if query else []:
        key, equals, value = word.partition("=")
        if not equals or not key or not value or key in options:
            raise UserError(f"expected key=value, each key once, got {word!r} in {argument!r}")
        options[key] = value
    return place, options
