"""The arrays that a recorded metric was computed from: names, shapes and kinds of numbers."""

import re
from collections.abc import Mapping

import numpy as np

from kinecast.core.errors import UserError

# Name (a pattern) -> kind and axes: "float b t n 2". Axes of one letter are as long in every array,
# numbers are lengths. Arrays that the same group of the pattern tells apart (v0_gt, v1_gt) have
# axes of their own.
Layout = Mapping[str, str]
KINDS = {"float": "f", "flag": "bui", "int": "iu"}  # of NumPy's dtypes


def has(arrays: Mapping[str, np.ndarray], layout: Layout) -> bool:
    """Whether every name of the layout is there, with as many axes."""
    return all(
        any(array.ndim == len(axes.split()) - 1 for array in _named(arrays, name).values())
        for name, axes in layout.items()
    )


def inputs_of(arrays: Mapping[str, np.ndarray], layout: Layout) -> set[str]:
    """The arrays that the layout names; what else a case holds was computed from them."""
    return {found for name in layout for found in _named(arrays, name)}


def check_layout(arrays: Mapping[str, np.ndarray], layout: Layout) -> None:
    """Refuse arrays that do not fit together.

    Raises:
        UserError: an array that is missing, or of another kind or shape than the others ask for.
    """
    lengths: dict[str, tuple[int, str]] = {}
    sets: dict[tuple[str, ...], set[str]] = {}
    for pattern, text in layout.items():
        kind, *axes = text.split()
        for name, array in _named(arrays, pattern).items():
            groups = _groups(pattern, name)
            sets.setdefault(groups, set()).add(pattern)
            if array.dtype.kind not in KINDS[kind] or array.ndim != len(axes):
                raise UserError(
                    f"expected {name} of {kind} numbers ({', '.join(axes)}), got {array.dtype} "
                    f"{array.shape}"
                )
            for axis, length in zip(axes, array.shape, strict=True):
                key = f"{axis}{groups}"
                wanted, where = (
                    (int(axis), "") if axis.isdigit() else lengths.get(key, (length, ""))
                )
                if length != wanted:
                    other = f", as {where} has" if where else ""
                    raise UserError(
                        f"expected {axis} = {wanted} in {name}{other}, got {array.shape}"
                    )
                lengths.setdefault(key, (length, name))
    for groups, found in (sets or {(): set[str]()}).items():
        for pattern in layout:
            if pattern not in found:
                raise UserError(f"expected {_spelled(pattern, groups)} beside the rest, got none")


def _named(arrays: Mapping[str, np.ndarray], pattern: str) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if re.fullmatch(pattern, name)}


def _groups(pattern: str, name: str) -> tuple[str, ...]:
    match = re.fullmatch(pattern, name)
    assert match is not None
    return match.groups()


def _spelled(pattern: str, groups: tuple[str, ...]) -> str:
    for group in groups:
        pattern = re.sub(r"\([^)]*\)", group, pattern, count=1)
    return pattern
