"""Deaths of workers: a unit is tried again, but not for ever.

Before a task is tried its attempt is noted in a file, and a crash of native code (a decoder, say)
writes its name there as the process dies. A task that comes back removes the file. So whoever tries
next, on whatever machine, knows what happened to those before.
"""

import faulthandler
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CRASHES = 2  # of native code, after which a task is given up
KILLS = 8  # ends by a signal from outside: the kernel short of memory, or a machine that is lost
_START = "attempt\n"


def given_up(path: Path) -> str | None:
    """Why the task is not tried again, or None."""
    if not path.is_file():
        return None
    text = path.read_text("utf-8", "replace")
    crashes = re.findall(r"^Fatal Python error: (.+)$", text, re.MULTILINE)
    if len(crashes) >= CRASHES:
        return f"it crashed its worker {len(crashes)} times ({crashes[-1]})"
    if (starts := text.count(_START)) >= KILLS:
        return f"its worker was killed {starts} times (out of memory?)"
    return None


@contextmanager
def attempting(path: Path) -> Iterator[None]:
    """Note an attempt; the note stays only if this process dies in the body."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = faulthandler.is_enabled()
    with open(path, "a", encoding="utf-8") as file:
        file.write(_START)
        file.flush()
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
            if before and sys.__stderr__ is not None:
                faulthandler.enable(sys.__stderr__)
            path.unlink(missing_ok=True)
