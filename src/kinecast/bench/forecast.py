"""Measure a model beside the trivial baselines over many clips: the README's table.

Synthetic clips have exact truth; real clips are tracked, so their truth is the default tracker's.
Ratios are over one fixed opponent per kind of data (`forecast.baselines.OPPONENTS`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.bench.baselines import OpponentTable, pick_opponent
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.synth import HELD_OUT, generate
from kinecast.data.trackers import get_tracker
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.score import score
from kinecast.io.video import open_video

SEED = 2_000_003  # of the clips measured here: neither trained nor validated on
VALIDATION_SEED = 1_000_003  # of the clips that opponents are chosen on
WINDOWS = (81, 24)  # frames of history, and as many of future


@dataclass(frozen=True)
class Case:
    """One clip to forecast: `frames` of history, as many of truth."""

    group: str
    name: str
    kind: str
    history: Tracks
    truth: Tracks


@dataclass(frozen=True)
class Row:
    """A model on one clip: ADE in pixels over the opponent's ADE in pixels, all and moving.

    NaN where the clip has no such points.
    """

    group: str
    name: str
    frames: int
    mean: float
    best: float
    opponent: float
    moving_mean: float
    moving_best: float
    moving_opponent: float


def synthetic(clips: int) -> Iterator[Case]:
    """Held-out seeds of the training mix, and held-out families; points laid in the first frame."""
    for frames in WINDOWS:
        for group, families in (("held-out seeds", ("mix",)), ("held-out families", HELD_OUT)):
            for family in families:
                yield from simulated(group, family, SEED, clips // len(families), frames)


def simulated(group: str, family: str, seed: int, clips: int, frames: int) -> Iterator[Case]:
    """Clips of a family, `frames` of history and as many of truth."""
    worlds = generate(family, seed=seed, n=clips, frames=2 * frames)
    for i in range(clips):
        history, truth = worlds.clip(i).tracks.split(frames)
        yield Case(group, worlds.ids[i], "synthetic", history, truth)


def real(videos: Iterable[tuple[str, Video]], group: str = "real clips") -> Iterator[Case]:
    """Window after window of each video, tracked from points laid in its first frame.

    As `kinecast forecast --score` does by default; a last piece that is too short is left out.
    """
    tracker = get_tracker()
    for name, video in videos:
        for frames in WINDOWS:
            for start in range(0, len(video) - 2 * frames + 1, 2 * frames):
                tracks = tracker.track(
                    video, reference="first", start=start, stop=start + 2 * frames
                )
                history, truth = tracks.split(frames)
                yield Case(group, f"{name}@{start + frames}", "real", history, truth)


def opponents(clips: int, videos: Iterable[tuple[str, Video]]) -> dict[str, OpponentTable]:
    """Every trivial forecast on validation clips: where `forecast.baselines.OPPONENTS` is from."""
    cases = [case for frames in WINDOWS for case in _validation(clips, frames)]
    tables = {"synthetic": pick_opponent((case.history, case.truth) for case in cases)}
    filmed = [(case.history, case.truth) for case in real(videos)]
    if filmed:
        tables["real"] = pick_opponent(filmed)
    return tables


def _validation(clips: int, frames: int) -> Iterator[Case]:
    return simulated("validation", "mix", VALIDATION_SEED, clips, frames)


def measure(forecaster: Forecaster, cases: Iterable[Case], samples: int = 8) -> Iterator[Row]:
    """One row a clip; clips whose truth is never visible are left out."""
    for case in cases:
        if not case.truth.visible.any():
            continue
        forecast = forecaster.forecast(case.history, k=samples, seed=0, horizon=len(case.truth))
        scores = score(forecast, case.truth, case.kind)
        model, opponent = scores["model"], scores["baselines"][scores["opponent"]]
        yield Row(
            group=case.group,
            name=case.name,
            frames=len(case.truth),
            mean=model["mean_ade"],
            best=model["best_ade"],
            opponent=opponent["ade"],
            moving_mean=model["moving"]["mean_ade"],
            moving_best=model["moving"]["best_ade"],
            moving_opponent=opponent["moving"]["ade"],
        )


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Per group and window: ratio of mean errors, and mean and median of the clips' ratios.

    Raises:
        UserError: no rows.
    """
    if not rows:
        raise UserError("expected clips of at least 48 frames to measure on, got none")
    table = []
    for group, frames in dict.fromkeys((row.group, row.frames) for row in rows):
        some = [row for row in rows if (row.group, row.frames) == (group, frames)]
        entry: dict[str, Any] = {"group": group, "frames": frames, "clips": len(some)}
        for points in ("", "moving_"):
            theirs = _column(some, f"{points}opponent")
            entry[f"{points}opponent_px"] = _mean(theirs)
            for kind in ("mean", "best"):
                ours = _column(some, f"{points}{kind}")
                entry[f"{points}{kind}_px"] = _mean(ours)
                entry[f"{points}{kind}_ratio_of_means"] = _mean(ours) / _mean(theirs)
                entry[f"{points}{kind}_mean_of_ratios"] = _mean(ours / theirs)
                entry[f"{points}{kind}_median_of_ratios"] = float(np.nanmedian(ours / theirs))
        table.append(entry)
    return table


def markdown(table: Sequence[dict[str, Any]]) -> str:
    """The README's table: mean of per-clip ratios for real clips, ratio of means for synthetic."""
    lines = [
        "| clips | frames | opponent, px | mean of 8 | best of 8 | moving: mean | moving: best |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in table:
        how = "mean_of_ratios" if entry["group"].startswith("real") else "ratio_of_means"
        ratios = [
            f"{entry[f'{points}{kind}_{how}']:.2f}"
            for points in ("", "moving_")
            for kind in ("mean", "best")
        ]
        lines.append(
            f"| {entry['clips']} {entry['group']} | {entry['frames']} → {entry['frames']} "
            f"| {entry['opponent_px']:.1f} | " + " | ".join(ratios) + " |"
        )
    return "\n".join(lines)


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Summary and every clip, with null for what a clip does not have."""
    clips = [
        {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(row).items()}
        for row in rows
    ]
    return {"summary": summary(rows), "clips": clips}


def named_videos(paths: Sequence[Path]) -> Iterator[tuple[str, Video]]:
    """Open videos, named by their file."""
    for path in paths:
        yield path.stem, open_video(path)


def _column(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array([getattr(row, name) for row in rows], np.float64)


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
