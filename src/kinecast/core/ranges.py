"""What the values of a recipe may be: bounds stand with its fields, as annotations of their types.

`batch: Count` is a field that is checked by `check_fields`; `Annotated[float, Bound(">=", 0)]` is
the same for a range that has no name here.
"""

import math
import operator
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

from kinecast.core.errors import UserError

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Bound:
    """One side of a range of numbers; NaN is in none."""

    sign: str
    limit: int | float

    def holds(self, value: int | float) -> bool:
        """Whether a number is on the right side."""
        return _HOLDS[self.sign](value, self.limit)

    def __str__(self) -> str:
        return f"{self.sign} {self.limit}"


class Filled:
    """A list with one entry at least."""

    def holds(self, value: tuple[Any, ...]) -> bool:
        """Whether there is one."""
        return bool(value)

    def __str__(self) -> str:
        return "with an entry at least"


Count = Annotated[int, Bound(">=", 1)]
Natural = Annotated[int, Bound(">=", 0)]
Positive = Annotated[float, Bound(">", 0), Bound("<", math.inf)]
Strength = Annotated[float, Bound(">=", 0), Bound("<", math.inf)]
Share = Annotated[float, Bound(">=", 0), Bound("<=", 1)]
Decay = Annotated[float, Bound(">=", 0), Bound("<", 1)]
Pixels = tuple[Count, Count]


def check_fields(config: Any, prefix: str) -> None:
    """Compare the fields of a dataclass, and of those in it, with the bounds of their types.

    Raises:
        UserError: a value out of range; names its full key, `prefix` and the field.
    """
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in fields(config):
        key, value = f"{prefix}.{field.name}", getattr(config, field.name)
        if is_dataclass(value):
            check_fields(value, key)
        else:
            check_value(key, value, hints[field.name])


def check_value(key: str, value: Any, hint: Any) -> None:
    """Compare one value with the bounds of its type.

    Raises:
        UserError: it is out of range.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        hint, *bounds = args
        if not all(bound.holds(value) for bound in bounds):
            wanted = " and ".join(map(str, bounds))
            raise UserError(f"expected {key} {wanted}, got {'none' if value == () else value}")
        check_value(key, value, hint)
    elif origin in (types.UnionType, typing.Union):
        if value is not None:
            check_value(key, value, next(a for a in args if a is not type(None)))
    elif origin is tuple:
        kinds = args[:1] * len(value) if args[1:] == (Ellipsis,) else args
        for part, kind in zip(value, kinds, strict=True):
            check_value(key, part, kind)
