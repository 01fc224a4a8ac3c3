"""How fast a stage trains: clips a second, and the share of the machine's peak it reaches."""

from fractions import Fraction
from statistics import median
from typing import Any

import torch

from kinecast.core import flops
from kinecast.train.team import Team

FEWEST = 10  # steps of a stage whose operations are counted, which takes one step's time
LONG = 20.0  # seconds: of a shorter stage, the peak is not measured


class Throughput:
    """Of one stage, since it was started or continued."""

    def __init__(self, team: Team, bf16: bool) -> None:
        self._team, self._bf16 = team, bf16
        self._operations: Fraction | None = None  # of a clip of the batch; None: not counted
        self._seconds: list[float] = []
        self._clips: list[int] = []
        self._total = 0.0, 0  # of both: `rate` is asked for every step

    def wants_count(self, steps: int) -> bool:
        """Whether the operations shall be counted, `steps` steps before the end."""
        return self._operations is None and steps >= FEWEST

    def counted(self, operations: int, clips: int) -> None:
        """A step of `clips` clips has so many operations in this process; others in proportion."""
        self._operations = Fraction(operations, clips)

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, clips: int, seconds: float) -> None:
        """A step was taken."""
        self._seconds.append(seconds)
        self._clips.append(clips)
        self._total = self._total[0] + seconds, self._total[1] + clips

    @property
    def rate(self) -> float:
        """Clips a second of all processes."""
        seconds, clips = self._total
        return clips / max(seconds, 1e-9)

    def summary(self) -> dict[str, Any]:
        """Clips a second of all processes, and a core or accelerator; operations of this process.

        The operations of a step, forward and backward, are those of the last one, where the batch
        grows. `mfu` (model FLOPs utilisation) is the operations that a step of median speed reaches
        in a second, over what matrix products reach in the same precision here. It stands there for
        stages of some length alone; measuring the peak takes seconds.
        """
        total, _ = self._total
        if not total:
            return {}
        where = self._team.device
        units = self._team.count * (torch.get_num_threads() if where.type == "cpu" else 1)
        facts: dict[str, Any] = {
            "clips_per_second": self.rate,
            "per": "core" if where.type == "cpu" else where.type,
            "clips_per_second_each": self.rate / units,
        }
        if self._operations is not None:
            facts["gflop_per_step"] = float(self._operations * self._clips[-1]) / 1e9
        if self._operations is not None and total >= LONG:
            dtype = torch.bfloat16 if self._bf16 else torch.float32
            steps = zip(self._clips, self._seconds, strict=True)
            reached = float(self._operations) * median(n / max(s, 1e-9) for n, s in steps)
            best = flops.peak(where, dtype).clock
            facts |= {"gflops": reached / 1e9, "peak_gflops": best / 1e9, "mfu": reached / best}
        return facts
