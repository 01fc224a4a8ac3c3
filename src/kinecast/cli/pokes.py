"""Pokes as words: `--poke x0,y0:x1,y1[@t]`."""

import re
from collections.abc import Sequence

from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError

_NUMBER = r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*"
_POKE = re.compile(f"{_NUMBER},{_NUMBER}:{_NUMBER},{_NUMBER}(?:@{_NUMBER})?")


def parse_pokes(words: Sequence[str]) -> Pokes | None:
    """The pokes of all words, or None where there is none.

    Raises:
        UserError: a word that is no poke, or a time outside [0, 1].
    """
    if not words:
        return None
    return Pokes.of(*map(_numbers, words))


def _numbers(word: str) -> tuple[float, ...]:
    match = _POKE.fullmatch(word)
    if match is None:
        raise UserError(
            "expected --poke x0,y0:x1,y1 or x0,y0:x1,y1@time, in pixels, for example "
            f"120,80:200,95 or 120,80:200,95@0.5, got {word!r}"
        )
    return tuple(float(number) for number in match.groups() if number is not None)
