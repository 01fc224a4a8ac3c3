"""Files that several processes of a machine need, made by one of them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

POLL = 0.2  # seconds between looks


def maker() -> bool:
    """Whether this process makes files for the others of its machine."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


def made_once(path: Path, make: Callable[[], object]) -> None:
    """Make a file, under its name only when it is whole, unless it is there; the others wait."""
    if path.exists():
        return
    if maker():
        make()
        return
    while not path.exists():
        time.sleep(POLL)
