"""The order of an array's axes, as letters.

k samples, t steps, n points (or h and w: rows and columns of points), d the coordinate, b an axis
of length one.
"""

import math

import numpy as np

from kinecast.core.errors import UserError

LETTERS = "ktnhwdb"


def check_axes(axes: str) -> str:
    """The letters.

    Raises:
        UserError: other letters, one twice, no coordinate, or points twice.
    """
    once = axes.replace("b", "")
    points = {"n", "h", "w"} & set(axes)
    if (
        set(axes) - set(LETTERS)
        or len(set(once)) < len(once)
        or "d" not in axes
        or points not in ({"n"}, {"h", "w"})
    ):
        raise UserError(
            f"expected axes= of the letters k (samples), t (steps), n (points) or h and w (rows "
            f"and columns of points), d (coordinate) and b (length one), each once, got {axes!r}"
        )
    return axes


def canonical(array: np.ndarray, axes: str, where: str) -> np.ndarray:
    """An array of those axes as (K, T, N, d), or (K, T, N) without a d; absent ones have length 1.

    Raises:
        UserError: another number of axes, or lengths that cannot be theirs.
    """
    named = dict(zip(axes, array.shape, strict=False)) if len(axes) == array.ndim else {}
    bad = not named or named.get("d", 2) != 2
    bad = bad or any(
        length != 1 for letter, length in zip(axes, array.shape, strict=False) if letter == "b"
    )
    if bad:
        raise UserError(
            f"expected axes {axes} (d has length 2, b length 1) in {where}, got {array.shape}; "
            "state axes=..."
        )
    kept = "".join(letter for letter in axes if letter != "b")
    array = array.reshape([n for letter, n in zip(axes, array.shape, strict=True) if letter != "b"])
    order = [letter for letter in "ktnhwd" if letter in kept]
    array = array.transpose([kept.index(letter) for letter in order])
    shape = [
        named.get("k", 1),
        named.get("t", 1),
        math.prod(named[letter] for letter in "nhw" if letter in named),
    ]
    return array.reshape([*shape, 2] if "d" in axes else shape)
