"""What a run writes down: one JSON object a line, pictures, and a progress line on stderr.

`log.jsonl` holds, per stage, `{"step", "loss", parts..., "lr", "grad_norm", "seconds", "wait",
"clips_per_second"}` for every step ("skipped" instead of "loss" for one that was left out),
`{"step", "validation": {...}}` for every validation and `{"step", "throughput": {...}}` at the end.
`pictures/` holds what the last validation drew. Viewers (`train.viewers`) get the same.
"""

import json
import math
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path
from kinecast.io.image import write_image
from kinecast.train.viewers import flat, viewers

LOG = "log.jsonl"
PLAIN_LINE_EVERY = 30.0  # seconds, where stderr is not a terminal


class RunLog:
    """The jsonl file of one stage; a resumed stage drops what came after its checkpoint."""

    def __init__(self, path: Path, step: int, validated: bool = True) -> None:
        """Open for a stage that continues after `step` finished steps.

        Where it is not `validated`, a validation after that step is dropped: it comes again.

        Raises:
            UserError: it cannot be written; what is there stays.
        """
        kept = [
            json.dumps(row)
            for row in read(path)
            if row["step"] < step
            or (row["step"] == step and (validated or "validation" not in row))
        ]
        with atomic_path(path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept))
        self._file = path.open("a")

    def write(self, row: Mapping[str, Any]) -> None:
        """Append one row, flushed.

        Raises:
            UserError: the disk is full.
        """
        try:
            self._file.write(json.dumps(_finite(row)) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"cannot write {self._file.name}: {error.strerror}; free some space, then run the "
                "same command to continue from the last checkpoint"
            ) from error

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # of a row that could not be written: `write` said so
            self._file.close()


class StageLog:
    """The log of one stage: its file, its pictures and the viewers; of several processes, one's."""

    def __init__(self, folder: Path, step: int, validated: bool, main: bool) -> None:
        self._folder = folder
        self._file = RunLog(folder / LOG, step, validated) if main else None
        self._viewers = viewers(folder, step) if main else []

    def write(self, row: Mapping[str, Any]) -> None:
        """Append one row; see `RunLog.write`."""
        if self._file is None:
            return
        self._file.write(row)
        numbers = flat(row)
        for viewer in self._viewers:
            viewer.numbers(row["step"], numbers)

    def pictures(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Write the pictures of a validation over those of the one before.

        Raises:
            UserError: they cannot be written.
        """
        if self._file is None:
            return
        for name, rgb in pictures.items():
            write_image(self._folder / "pictures" / f"{name}.png", rgb)
            for viewer in self._viewers:
                viewer.picture(step, name, rgb)

    def close(self) -> None:
        """Close everything."""
        for viewer in self._viewers:
            viewer.close()
        if self._file is not None:
            self._file.close()


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a log; none if there is no file. A last line cut short by a crash is left out."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def _finite(value: Any) -> Any:
    """NaN and infinity are not JSON: null."""
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Display:
    """Progress with ETA of one stage: a bar in a terminal, a line now and then elsewhere."""

    def __init__(self, name: str, steps: int, start: int, quiet: bool = False) -> None:
        self._name, self._steps, self._start, self._quiet = name, steps, start, quiet
        self._console = Console(stderr=True, soft_wrap=True, highlight=False, quiet=quiet)
        self._begun = self._last = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty() and not quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}  {task.fields[status]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(name, total=steps, completed=start, status="")
            self._bar.start()

    def update(self, done: int, status: str) -> None:
        """`done` steps are finished; `status` says how it goes."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, status=status)
            return
        now = time.monotonic()
        if now - self._last < PLAIN_LINE_EVERY or self._quiet:
            return
        self._last = now
        left = (now - self._begun) / max(1, done - self._start) * (self._steps - done)
        eta = time.strftime("%H:%M:%S", time.gmtime(left))
        self._console.print(f"{self._name} {done}/{self._steps}  {status}  ETA {eta}")

    def line(self, text: str) -> None:
        """A line that stays, above the bar."""
        self._console.print(text)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()


def scores_line(step: int, scores: Mapping[str, float]) -> str:
    """The validation line: the model first, the trivial baselines beside it."""
    return f"step {step}  " + "  |  ".join(f"{name} {value:.4g}" for name, value in scores.items())
