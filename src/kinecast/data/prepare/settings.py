"""What decides the content of the shards, and nothing else."""

from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kinecast.core.coords import REFERENCE_SIZE, Size, check_size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.shards.schema import Pictures
from kinecast.data.trackers import NETWORKS, get_tracker
from kinecast.io.checkpoint import file_hash

FORMAT = "kinecast-prepared"
FORMAT_VERSION = 1
PACKAGES = ("kinecast", "numpy", "opencv-python-headless", "av", "pyarrow")  # they decide bytes


@dataclass(frozen=True)
class Limits:
    """What a clip must keep to; lengths are shares of the frame's diagonal.

    Attributes:
        max_aspect: ratio of the video's shape to the clip's, either way; the rest is cropped off.
        max_enlarge: factor by which a video may be enlarged to the clip's size.
        min_motion: motion a frame, below which a clip is static (the fastest hundredth of pixels).
        max_camera: motion of the whole picture a frame.
        min_survivors: share of the points that are seen in the last frame.
    """

    max_aspect: float = 1.35
    max_enlarge: float = 1.5
    min_motion: float = 0.0003
    max_camera: float = 0.02
    min_survivors: float = 0.1

    def check(self) -> None:
        """Raise a UserError where a limit makes no sense."""
        for name, least in (("max_aspect", 1.0), ("max_enlarge", 0.0), ("max_camera", 0.0)):
            if not getattr(self, name) >= least:
                raise UserError(f"expected {name} >= {least:g}, got {getattr(self, name)}")
        if not self.min_motion >= 0 or not 0 <= self.min_survivors <= 1:
            raise UserError(
                "expected min_motion >= 0 and min_survivors in [0, 1], "
                f"got {self.min_motion} and {self.min_survivors}"
            )


@dataclass(frozen=True)
class Settings:
    """Settings of a prepared folder; the same inputs and settings give the same bytes.

    Attributes:
        frames: of a clip.
        size: (W, H) of a clip in pixels.
        stride: pixels between points.
        tracker: a name of `data.trackers`.
        weights, code: of a published network (docs/tracking.md).
        device: that a published network runs on.
        shard_clips: candidate clips of one shard; those that filters reject leave it smaller.
        pictures: frames that are kept: none, first or all.
        limits: the filters'.
    """

    frames: int = 162
    size: Size = REFERENCE_SIZE
    stride: float = 32.0
    tracker: str = "flow"
    weights: str | None = None
    code: str | None = None
    device: str = "cpu"
    shard_clips: int = 64
    pictures: Pictures = "first"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        # what makes no sense is refused here, before hours of work
        object.__setattr__(self, "size", check_size(self.size))
        if self.frames < 2 or self.shard_clips < 1:
            raise UserError(
                "expected clips of 2 or more frames and shards of 1 or more clips, "
                f"got {self.frames} and {self.shard_clips}"
            )
        if self.tracker not in NETWORKS:
            get_tracker(self.tracker)
        self.limits.check()
        Grid.over(self.size, self.stride)

    def record(self) -> dict[str, Any]:
        """Settings and versions as JSON holds them: what two runs into one folder must share.

        Weights stand there by their hash: where they lie does not count.
        """
        settings = asdict(self) | {"size": list(self.size)}
        del settings["code"], settings["device"]
        if self.weights is not None:
            settings["weights"] = {
                "name": Path(self.weights).name,
                "sha256": file_hash(self.weights),
            }
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "settings": settings,
            "packages": packages(),
        }


@cache
def packages() -> dict[str, str]:
    """Versions of what decides the bytes of shards, on this machine."""
    return {name: version(name) for name in PACKAGES}
