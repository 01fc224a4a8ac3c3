"""Where a run can be watched while it trains: TensorBoard, and what other packages bring.

A viewer is made by `make(folder, step)`, for a stage's folder and the finished steps it continues
from. TensorBoard is taken where it is installed (extra `train`). Another package names its `make`
as an entry point of the group `kinecast.viewers`.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

GROUP = "kinecast.viewers"


class Viewer(Protocol):
    """Takes what a stage logs."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after `step` finished steps, by names such as "loss" or "validation/model"."""

    def picture(self, step: int, name: str, rgb: np.ndarray) -> None:
        """A picture, uint8 (H, W, 3)."""

    def close(self) -> None:
        """Write what is not written yet."""


class TensorBoard:
    """Event files in the stage's folder: `tensorboard --logdir RUN`."""

    def __init__(self, folder: Path, step: int) -> None:
        """Steps after `step` that an interrupted run left there are not shown."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, rgb: np.ndarray) -> None:
        """An image."""
        self._writer.add_image(name, rgb, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close the files."""
        self._writer.close()


def viewers(folder: Path, step: int) -> list[Viewer]:
    """All viewers that are installed."""
    found: list[Viewer] = [
        entry.load()(folder, step) for entry in sorted(entry_points(group=GROUP), key=str)
    ]
    if find_spec("tensorboard") is not None:
        found.append(TensorBoard(folder, step))
    return found


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a nested row: {"validation": {"model": 1}} -> {"validation/model": 1.0}."""
    numbers: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            numbers |= flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "step":
            numbers[prefix + name] = float(value)
    return numbers
