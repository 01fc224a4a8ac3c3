"""Which frames of a video a forecast starts from, and which there are to compare it with."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.forecast.conditions import MIN_HISTORY


@dataclass(frozen=True)
class Plan:
    """Frames [start, at) are observed, [at, at + truth) are there to compare with."""

    start: int
    at: int
    truth: int
    notes: list[str] = field(default_factory=list)


def plan_history(video: Video, at: int | None, history: int, horizon: int, score: bool) -> Plan:
    """For a model that forecasts from a history; without `at` the future follows the video's end.

    Raises:
        UserError: too short a video, `at` outside it, or nothing to score with.
    """
    length = len(video)
    at = length if at is None else at
    if length < MIN_HISTORY:
        raise UserError(
            f"expected a video of at least {MIN_HISTORY} frames, because one shows no motion, "
            f"got {length} in {video.name}; use a longer one, or a model that forecasts from an "
            "image (see: kinecast models)"
        )
    if not MIN_HISTORY <= at <= length:
        raise UserError(
            f"expected --at from {MIN_HISTORY} (frames of history) to {length} (the length of "
            f"{video.name}), got {at}"
        )
    plan = Plan(start=max(0, at - history), at=at, truth=min(horizon, length - at))
    if at - plan.start < history:
        plan.notes.append(
            f"{at - plan.start} frames of history, not {history}: no more came before"
        )
    _check_truth(plan, video, horizon, score)
    return plan


def plan_image(video: Video, at: int | None, horizon: int, score: bool) -> Plan:
    """For a model that forecasts from an image: frame at - 1, the video's first one without `at`.

    Raises:
        UserError: `at` outside the video, or nothing to score with.
    """
    length = len(video)
    chosen = 1 if at is None else at
    if not 1 <= chosen <= length:
        raise UserError(
            f"expected --at from 1 (after the first frame) to {length} (the length of "
            f"{video.name}), got {chosen}"
        )
    plan = Plan(start=chosen - 1, at=chosen, truth=min(horizon, length - chosen))
    if at is None and length > 1:
        plan.notes.append(
            f"the model forecasts from one image, the first frame of {video.name}; "
            "--at N starts from frame N - 1"
        )
    _check_truth(plan, video, horizon, score)
    return plan


def check_place(out: Path) -> None:
    """Before minutes of work: whether its results can be written.

    Raises:
        UserError: `out` is a file, or may not be written.
    """
    folder = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not folder.is_dir():
        raise UserError(f"expected --out to be a folder, got the file {folder}; choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"no permission to write in {folder}; choose another --out")


def check_numbers(seed: int, **counts: int | None) -> None:
    """Counts that were given are large enough.

    Raises:
        UserError: names the option.
    """
    for name, count in counts.items():
        least = MIN_HISTORY if name == "history" else 1
        if count is not None and count < least:
            raise UserError(f"expected --{name} of at least {least}, got {count}")
    if seed < 0:
        raise UserError(f"expected --seed >= 0, got {seed}")


def _check_truth(plan: Plan, video: Video, horizon: int, score: bool) -> None:
    if score and plan.truth == 0:
        raise UserError(
            f"--score compares with frames from --at on, got none: {video.name} has {len(video)} "
            f"frames and the future starts at {plan.at}; use an earlier --at, or a longer video"
        )
    if score and plan.truth < horizon:
        plan.notes.append(
            f"{plan.truth} of {horizon} forecast frames are scored: the video ends there"
        )
