"""How fast a stage trains: clips a second, and the share of the machine's peak it reaches."""

from statistics import median
from typing import Any

import torch

from kinecast.core import flops
from kinecast.train.team import Team

FEWEST = 10  # steps of a stage whose operations are counted, which takes one step's time
LONG = 20.0  # seconds: of a shorter stage, the peak is not measured


class Throughput:
    """Of one stage, since it was started or continued.

    Attributes:
        operations: of a step in this process, or None: not counted.
    """

    def __init__(self, team: Team, bf16: bool) -> None:
        self._team, self._bf16 = team, bf16
        self.operations: int | None = None
        self._seconds: list[float] = []
        self._clips = 0

    def wants_count(self, steps: int) -> bool:
        """Whether the operations shall be counted, `steps` steps before the end."""
        return self.operations is None and steps >= FEWEST

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, clips: int, seconds: float) -> None:
        """A step was taken."""
        self._seconds.append(seconds)
        self._clips += clips

    def summary(self) -> dict[str, Any]:
        """Clips a second of all processes, and a core or accelerator; operations of this process.

        `mfu` (model FLOPs utilisation) is the operations of a step, forward and backward, in the
        median time of a step, over what matrix products reach in the same precision here. It stands
        there for stages of some length alone; measuring the peak takes seconds.
        """
        total = sum(self._seconds)
        if not total:
            return {}
        where = self._team.device
        units = self._team.count * (torch.get_num_threads() if where.type == "cpu" else 1)
        rate = self._clips / total
        facts: dict[str, Any] = {
            "clips_per_second": rate,
            "per": "core" if where.type == "cpu" else where.type,
            "clips_per_second_each": rate / units,
        }
        if self.operations is not None:
            facts["gflop_per_step"] = self.operations / 1e9
        if self.operations is not None and total >= LONG:
            dtype = torch.bfloat16 if self._bf16 else torch.float32
            reached = self.operations / median(self._seconds)
            best = flops.peak(where, dtype).clock
            facts |= {"gflops": reached / 1e9, "peak_gflops": best / 1e9, "mfu": reached / best}
        return facts
