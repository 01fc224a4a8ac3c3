"""An axis: numbers to pixels, and the round numbers to mark on it."""

import math
from dataclasses import dataclass

MARKS = 5  # about so many on a linear axis


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis.

    Attributes:
        low, high: the numbers at its ends.
        start, end: their pixels.
        log: equal ratios are equally long; low > 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a number."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def marks(self) -> list[float]:
        """Round numbers on it: multiples of 1, 2 or 5; 1, 2, 5 or whole powers of ten if log."""
        if self.log:
            return self._powers()
        step = _round_up((self.high - self.low) / MARKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]

    def _powers(self) -> list[float]:
        low, high = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = max(1, round((high - low) / (MARKS + 1)))
        lead = (1, 2, 5) if high - low <= 2 else (1,)
        marks = [m * 10.0**e for e in range(low, high + 1, every) for m in lead]
        return [m for m in marks if self.low * (1 - 1e-9) <= m <= self.high * (1 + 1e-9)]


def linear(values: list[float], start: float, end: float) -> Axis:
    """An axis from 0 to a round number above all values."""
    top = max([*values, 0.0]) or 1.0
    step = _round_up(top / MARKS)
    return Axis(0.0, math.ceil(top / step - 1e-9) * step, start, end)


def logarithmic(values: list[float], start: float, end: float) -> Axis:
    """An axis from a round number below all values (which are > 0) to one above."""
    low, high = min(values), max(values)
    return Axis(_round_down_log(low / 1.15), _round_up_log(high * 1.15), start, end, log=True)


def label(value: float) -> str:
    """A mark's number, short: 0.05, 20, 1,500."""
    return f"{value:,.10g}"


def _round_up(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * (1 - 1e-9))


def _round_up_log(value: float) -> float:
    return _round_up(value)


def _round_down_log(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (5, 2, 1) if m * power <= value * (1 + 1e-9))
