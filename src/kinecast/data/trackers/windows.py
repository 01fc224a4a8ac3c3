"""Follow points with a network that sees many frames at once: window by window, memory flat.

A window overlaps the one before it. Each point is asked for from the last frame of the overlap in
which it was seen; a point that was hidden or outside in all of the overlap is lost: a network that
is asked for it there would follow what hides it.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.data.trackers.base import Estimate, Follow

WINDOW = 60  # frames that a network sees at once
OVERLAP = 12
SHORTEST = 16  # a shorter clip is held on its last frame: some networks refuse a few frames
ASTRAY = 8.0  # working pixels from its query, on its query frame, beyond which no answer is one


class Answer(NamedTuple):
    """Points in every frame of a window: pixels of the working size, edge-aligned."""

    xy: Float32[np.ndarray, "t n 2"]
    visible: Bool[np.ndarray, "t n"]
    confidence: Float32[np.ndarray, "t n"]


# (frames RGB, points, the frame of each point) -> answer
AskNetwork = Callable[
    [UInt8[np.ndarray, "t h w 3"], Float32[np.ndarray, "n 2"], Int64[np.ndarray, " n"]], Answer
]


def in_windows(ask: AskNetwork, window: int = WINDOW, overlap: int = OVERLAP) -> Follow:
    """The way of following of a network that is asked window by window.

    Raises (when followed):
        UserError: points are not where they were laid on their query frames, or a share is none:
            the network's convention is not the published one.
    """

    def follow(
        frames: Iterator[UInt8[np.ndarray, "h w 3"]], points: Float32[np.ndarray, "n 2"]
    ) -> Iterator[Estimate]:
        held = list(islice(frames, window))
        size = held[0].shape[1], held[0].shape[0]
        xy, at = points, np.zeros(len(points), np.int64)
        alive = np.ones(len(points), bool)
        reported = 1  # the frame on which the points are laid is known
        while len(held) > reported:
            answer = _ask_of(ask, held, xy, at, alive)
            for t in range(reported, len(held)):
                yield Estimate(answer.xy[t], answer.visible[t], answer.confidence[t])
            seen = answer.visible[-overlap:] & coords.inside(answer.xy[-overlap:], size)
            at = len(seen) - 1 - seen[::-1].argmax(0)
            alive &= seen.any(0)
            xy = np.where(alive[:, None], answer.xy[-overlap:][at, np.arange(len(at))], xy)
            held = held[-overlap:]
            reported = len(held)
            held += islice(frames, window - overlap)

    return follow


def _ask_of(
    ask: AskNetwork, held: list[np.ndarray], xy: np.ndarray, at: np.ndarray, alive: np.ndarray
) -> Answer:
    """The answer for all points; those that are lost stay where they were."""
    T = len(held)
    frames = np.stack(held + held[-1:] * (SHORTEST - T))
    full = Answer(
        np.repeat(xy[None], T, axis=0).astype(np.float32),
        np.zeros((T, len(xy)), bool),
        np.zeros((T, len(xy)), np.float32),
    )
    if alive.any():
        answer = ask(frames, xy[alive], at[alive])
        check_answer(answer.xy[at[alive], np.arange(alive.sum())], xy[alive], answer.confidence)
        for whole, part in zip(full, answer, strict=True):
            whole[:, alive] = part[:T]
    return full


def check_answer(
    found: Float32[np.ndarray, "n 2"],
    asked: Float32[np.ndarray, "n 2"],
    confidence: Float32[np.ndarray, "*t n"],
) -> None:
    """Refuse an answer in another convention than the published one (xy for yx, another size).

    Args:
        found, asked: points on their query frames, as answered and as laid.
        confidence: shares of 1.
    """
    away = float(np.median(np.linalg.norm(found - asked, axis=-1)))
    if not away <= ASTRAY:
        raise UserError(
            f"expected the network to find points where they were laid, got them {away:.0f} pixels "
            "away; this clone's axis order or units are not the published ones: use the release "
            "that docs/tracking.md names"
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise UserError(
            f"expected visibility from 0 to 1, got {confidence.min():.2f} to "
            f"{confidence.max():.2f}; this clone's outputs are not the published ones: use the "
            "release that docs/tracking.md names"
        )
