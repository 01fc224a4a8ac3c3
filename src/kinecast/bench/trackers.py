"""Trackers on clips with exact truth, layered or rendered: TAP-Vid metrics, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinecast.core.clip import Clip
from kinecast.data.layers import KINDS, layered_clip
from kinecast.data.trackers import TRACKERS, get_tracker
from kinecast.metrics import displacement, tapvid

SEEDS = 3
FRAMES = 48  # of a layered clip; a rendered one has its family's own length
STRIDE = 13  # of the points of a rendered clip: 400 at 256x256
RENDERED = {  # (family, camera)
    "movi-a": ("movi-a", "static"),
    "movi-a, camera moves": ("movi-a", "moving"),
    "movi-b": ("movi-b", "static"),
    "falling": ("falling", "static"),
}


@dataclass(frozen=True)
class Row:
    """One tracker on one clip; shares of 1, NaN where there is nothing to measure.

    Attributes:
        kind, seed, tracker: what was measured.
        jaccard, position, occlusion: average Jaccard, < delta_avg and occlusion accuracy.
        moving, moving_position, moving_occlusion: the same three, of points that move farther than
            2 % of the diagonal.
        survival: of moving points visible in the last frame, those still seen.
        false: of hidden points, those called visible.
    """

    kind: str
    seed: int
    tracker: str
    jaccard: float
    position: float
    occlusion: float
    moving: float
    moving_position: float
    moving_occlusion: float
    survival: float
    false: float


COLUMNS = {
    "jaccard": "AJ",
    "position": "< δ avg",
    "occlusion": "OA",
    "moving": "AJ moving",
    "moving_position": "< δ avg moving",
    "moving_occlusion": "OA moving",
    "survival": "moving, kept",
    "false": "hidden, called visible",
}


def bench_trackers(
    trackers: Sequence[str] = tuple(TRACKERS),
    kinds: Sequence[str] = tuple(KINDS),
    seeds: int = SEEDS,
    frames: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Any], str]:
    """Measure trackers on `seeds` clips of every kind.

    Args:
        trackers: names of `TRACKERS`.
        kinds: names of `KINDS` and `RENDERED`.
        seeds: clips of a kind: seeds 0, 1, ...
        frames: of every clip; by default 48, or a rendered family's own.
        progress: called with (measured, in all).

    Raises:
        UserError: MuJoCo or a GL library is missing (rendered kinds).

    Returns:
        ({"clips": one entry a tracker and clip, "mean": per tracker}, a Markdown table).
    """
    rows: list[Row] = []
    for kind in kinds:
        for seed in range(seeds):
            clip = clip_of(kind, seed, frames)
            rows += [measure(tracker, kind, seed, clip) for tracker in trackers]
            if progress is not None:
                progress(len(rows), len(kinds) * seeds * len(trackers))
    means = {
        tracker: {name: _mean(rows, name, tracker=tracker) for name in COLUMNS}
        for tracker in trackers
    }
    return {"clips": [vars(row) for row in rows], "mean": means}, _table(rows, trackers, kinds)


def clip_of(kind: str, seed: int, frames: int | None = None) -> Clip:
    """A clip of a kind of `KINDS` or `RENDERED`."""
    if kind not in RENDERED:
        return layered_clip(kind, seed, frames=frames or FRAMES)
    from kinecast.data.synth.sim.film import film  # needs the extra sim

    family, camera = RENDERED[kind]
    return film(family, seed=seed, camera=camera, frames=frames, stride=STRIDE).clip()


def measure(tracker: str, kind: str, seed: int, clip: Clip) -> Row:
    """One tracker on one clip."""
    truth, video = clip.tracks, clip.video
    assert video is not None  # both sorts of clip have one
    tracks = get_tracker(tracker).track(video, grid=truth.grid)
    moving = displacement.moving(truth)
    scores, moved = tapvid.score(tracks, truth), tapvid.score(tracks, truth, moving)
    return Row(
        kind=kind,
        seed=seed,
        tracker=tracker,
        jaccard=scores["average_jaccard"],
        position=scores["average_pts_within_thresh"],
        occlusion=scores["occlusion_accuracy"],
        moving=moved["average_jaccard"],
        moving_position=moved["average_pts_within_thresh"],
        moving_occlusion=moved["occlusion_accuracy"],
        survival=_share(tracks.visible[-1], truth.visible[-1] & moving),
        false=_share(tracks.visible, ~truth.visible),
    )


def _share(flags: np.ndarray, among: np.ndarray) -> float:
    return float(flags[among].mean()) if among.any() else float("nan")


def _mean(rows: Sequence[Row], name: str, **only: str) -> float:
    chosen = [row for row in rows if all(getattr(row, k) == v for k, v in only.items())]
    values = np.array([getattr(row, name) for row in chosen], np.float64)
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _table(rows: Sequence[Row], trackers: Sequence[str], kinds: Sequence[str]) -> str:
    lines = [
        "| clips | tracker | " + " | ".join(COLUMNS.values()) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for kind in (*kinds, "all"):
        for tracker in trackers:
            only = {"tracker": tracker} if kind == "all" else {"tracker": tracker, "kind": kind}
            cells = [f"{100 * _mean(rows, name, **only):.1f}" for name in COLUMNS]
            lines.append(f"| {kind} | {tracker} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
