"""Clips of the generator: held-out seeds, held-out families, a horizon beyond the window.

The seed is neither trained nor validated on. Points are laid in the first frame; positions and
visibility are exact; there are no pictures.
"""

from collections.abc import Iterator
from functools import partial

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.worlds.window import GRID, SIZE, Window, lots
from kinecast.data.synth import HELD_OUT, generate

SEED = 2_000_003
WINDOWS = (Window(81, 81), Window(24, 24))
LONG = Window(81, 162)
_LOT = 8  # clips


def held_out_seeds(clips: int) -> list[Lot]:
    """Of the training mix."""
    return [
        lot
        for window in WINDOWS
        for lot in _lots(f"seeds-{window.history}", "held-out seeds", "mix", clips, window)
    ]


def held_out_families(clips: int) -> list[Lot]:
    """`clips` shared equally by the kinds of motion that are in no training mix."""
    return [
        lot
        for window in WINDOWS
        for family in HELD_OUT
        for lot in _lots(
            f"families-{window.history}-{family}",
            "held-out families",
            family,
            clips // len(HELD_OUT),
            window,
        )
    ]


def long_horizon(clips: int) -> list[Lot]:
    """Two windows of the published models beyond the history."""
    return _lots("long", "long horizon", "mix", clips, LONG)


def _lots(name: str, what: str, family: str, clips: int, window: Window) -> list[Lot]:
    return lots(name, clips, _LOT, partial(_cases, what, family, window))


def _cases(what: str, family: str, window: Window, numbers: range) -> Iterator[Case]:
    worlds = generate(
        family,
        seed=SEED,
        n=len(numbers),
        start=numbers.start,
        frames=window.frames,
        size=SIZE,
        grid=GRID,
    )
    for i in range(len(numbers)):
        history, truth = worlds.clip(i).tracks.split(window.history)
        yield Case(
            id=f"{worlds.ids[i]}@{window.history}+{window.future}",
            group=window.group(what),
            history=history,
            truths=(truth,),
            scene=worlds.ids[i],
            timed=numbers[i] == 0 and window == WINDOWS[0],
            about={"family": worlds.families[i], "seed": SEED},
        )
