"""CPU time of each stage of the work."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STAGES = ("hash", "decode", "filter", "track", "caption", "write")


class Seconds:
    """Core-seconds by stage: all threads of this process, whatever else the machine does."""

    def __init__(self, spent: Mapping[str, float] | None = None) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float, spent or {})

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Adds what the body takes."""
        start = time.process_time()
        try:
            yield
        finally:
            self.spent[stage] += time.process_time() - start

    def add(self, spent: Mapping[str, float]) -> None:
        """Adds what another worker spent."""
        for stage, seconds in spent.items():
            self.spent[stage] += seconds
