"""Trackers on layered clips with exact truth: TAP-Vid metrics, beside plain chained flow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinecast.data.layers import KINDS, layered_clip
from kinecast.data.trackers import TRACKERS, get_tracker
from kinecast.metrics import displacement, tapvid

SEEDS = 3
FRAMES = 48


@dataclass(frozen=True)
class Row:
    """One tracker on one clip; shares of 1, NaN where there is nothing to measure.

    Attributes:
        kind, seed, tracker: what was measured.
        jaccard, position, occlusion: average Jaccard, < delta_avg and occlusion accuracy.
        moving: the average Jaccard of points that move farther than 2 % of the diagonal.
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
    survival: float
    false: float


COLUMNS = {
    "jaccard": "AJ",
    "position": "< δ avg",
    "occlusion": "OA",
    "moving": "AJ moving",
    "survival": "moving, kept",
    "false": "hidden, called visible",
}


def bench_trackers(
    trackers: Sequence[str] = tuple(TRACKERS),
    kinds: Sequence[str] = tuple(KINDS),
    seeds: int = SEEDS,
    frames: int = FRAMES,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Any], str]:
    """Measure trackers on `seeds` clips of every kind.

    Returns:
        ({"clips": one entry a tracker and clip, "mean": per tracker}, a Markdown table).
    """
    rows: list[Row] = []
    for kind in kinds:
        for seed in range(seeds):
            rows += [measure(tracker, kind, seed, frames) for tracker in trackers]
            if progress is not None:
                progress(len(rows), len(kinds) * seeds * len(trackers))
    means = {
        tracker: {name: _mean(rows, name, tracker=tracker) for name in COLUMNS}
        for tracker in trackers
    }
    return {"clips": [vars(row) for row in rows], "mean": means}, _table(rows, trackers, kinds)


def measure(tracker: str, kind: str, seed: int, frames: int = FRAMES) -> Row:
    """One tracker on one clip."""
    clip = layered_clip(kind, seed, frames=frames)
    truth, video = clip.tracks, clip.video
    assert video is not None  # layered clips have one
    tracks = get_tracker(tracker).track(video, grid=truth.grid)
    moving = displacement.moving(truth)
    scores = tapvid.score(tracks, truth)
    return Row(
        kind=kind,
        seed=seed,
        tracker=tracker,
        jaccard=scores["average_jaccard"],
        position=scores["average_pts_within_thresh"],
        occlusion=scores["occlusion_accuracy"],
        moving=tapvid.score(tracks, truth, moving)["average_jaccard"],
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
