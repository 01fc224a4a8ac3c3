"""Validation clips: what `forecast.baselines.OPPONENTS` are chosen on, and nothing is judged on."""

from collections.abc import Iterable, Iterator

from kinecast.bench.baselines import OpponentTable, pick_opponent
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.synth import generate
from kinecast.data.trackers import get_tracker

SEED = 1_000_003
WINDOWS = (81, 24)  # frames of history, and as many of future
Pair = tuple[Tracks, Tracks]  # history, truth


def opponents(clips: int, videos: Iterable[Video]) -> dict[str, OpponentTable]:
    """Every trivial forecast on simulated clips and, where there are any, on videos."""
    tables = {"synthetic": pick_opponent(simulated(clips))}
    pairs = list(filmed(videos))
    if pairs:
        tables["real"] = pick_opponent(pairs)
    return tables


def simulated(clips: int) -> Iterator[Pair]:
    """So many clips of the training mix for each length."""
    for frames in WINDOWS:
        worlds = generate("mix", seed=SEED, n=clips, frames=2 * frames)
        for i in range(clips):
            yield worlds.clip(i).tracks.split(frames)


def filmed(videos: Iterable[Video]) -> Iterator[Pair]:
    """Window after window of each video, tracked from points laid in its first frame.

    A last piece that is too short is left out.
    """
    tracker = get_tracker()
    for video in videos:
        for frames in WINDOWS:
            for start in range(0, len(video) - 2 * frames + 1, 2 * frames):
                stop = start + 2 * frames
                yield tracker.track(video, reference="first", start=start, stop=stop).split(frames)
