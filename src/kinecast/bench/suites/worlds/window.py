"""A window: how much is seen of a clip, and how much is to be forecast."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.core.coords import REFERENCE_SIZE
from kinecast.core.grid import Grid

# What the generator is asked for, stated here: a suite does not follow a default that changes.
SIZE = REFERENCE_SIZE
GRID = Grid.over(SIZE, 32.0)
Make = Callable[[range], Iterator[Case]]


@dataclass(frozen=True)
class Window:
    """`history` frames are seen, `future` frames follow."""

    history: int
    future: int

    @property
    def frames(self) -> int:
        """Of the whole clip."""
        return self.history + self.future

    def group(self, what: str) -> str:
        """The row of the tables: "held-out seeds, 81 -> 81"."""
        return f"{what}, {self.history} -> {self.future}"


def lots(name: str, count: int, size: int, make: Make) -> list[Lot]:
    """`count` cases in lots of `size`; `make` takes their numbers."""
    starts = range(0, count, size)
    return [
        Lot(f"{name}-{start:03d}", partial(make, range(start, min(start + size, count))))
        for start in starts
    ]
