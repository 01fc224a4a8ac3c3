"""What is not worth tracking or keeping: each verdict with what was measured.

Source: TrajLoom, section 4 (aspect ratio, resolution and length); the others are ours.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kinecast.core.coords import Size
from kinecast.core.tracks import Tracks
from kinecast.data.prepare.settings import Limits


@dataclass(frozen=True)
class Verdict:
    """Why something is left out.

    Attributes:
        reason: aspect, resolution, length, cuts, static, camera or survivors.
        measured: the number that decided.
        limit: what it was held against.
    """

    reason: str
    measured: float
    limit: float

    def record(self) -> dict[str, str | float]:
        """As JSON holds it."""
        return asdict(self)


def shape_verdict(
    size: Size, length: int, target: Size, frames: int, limits: Limits
) -> Verdict | None:
    """Of a whole video: its shape, its resolution and its length, in this order."""
    shape = (size[0] / size[1]) / (target[0] / target[1])
    aspect = max(shape, 1 / shape)
    if aspect > limits.max_aspect:
        return Verdict("aspect", round(aspect, 6), limits.max_aspect)
    enlarge = max(target[0] / size[0], target[1] / size[1])
    if enlarge > limits.max_enlarge:
        return Verdict("resolution", round(enlarge, 6), limits.max_enlarge)
    if length < frames:
        return Verdict("length", length, frames)
    return None


def shot_verdict(length: int, frames: int) -> Verdict | None:
    """Of a shot of a video that is long enough: cuts left it too short."""
    return Verdict("cuts", length, frames) if length < frames else None


def motion_verdict(
    fastest: Sequence[float], global_: Sequence[float], limits: Limits
) -> Verdict | None:
    """Of a clip before it is tracked, from the motion between its frames (see `cuts.Motion`)."""
    motion = round(sum(fastest) / len(fastest), 6)
    if motion < limits.min_motion:
        return Verdict("static", motion, limits.min_motion)
    camera = round(sum(global_) / len(global_), 6)
    if camera > limits.max_camera:
        return Verdict("camera", camera, limits.max_camera)
    return None


def survivors_verdict(tracks: Tracks, limits: Limits) -> Verdict | None:
    """Of a tracked clip: how many of its points are still seen at its end."""
    seen = round(float(tracks.visible[-1].mean()), 6)
    return Verdict("survivors", seen, limits.min_survivors) if seen < limits.min_survivors else None
