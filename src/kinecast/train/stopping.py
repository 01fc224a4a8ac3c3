"""Stop a run between two steps when the system asks it to."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):  # noqa: N818  # not an error: the run was asked to stop
    """The run saved its state and stopped; the same command continues it."""

    def __init__(self, signum: int, where: str) -> None:
        self.signum = signum
        super().__init__(
            f"{signal.Signals(signum).name}: saved {where}; run the same command to continue"
        )


class StopFlag:
    """Which signal has come, or None."""

    signum: int | None = None


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Note SIGTERM and the first SIGINT instead of dying; a second Ctrl-C interrupts at once.

    Outside the main thread, where Python forbids handlers, the flag is never set.
    """
    flag = StopFlag()
    if not _may_handle():
        yield flag
        return

    def note(signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGINT and flag.signum is not None:
            raise KeyboardInterrupt
        flag.signum = signum

    before = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield flag
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


@contextmanager
def end_on_sigterm() -> Iterator[None]:
    """SIGTERM raises SystemExit(143), so that workers end and files that are not whole are removed.

    Further ones do not disturb that. Within `stop_on_signals` its rule holds; outside the main
    thread nothing changes.
    """
    if not _may_handle():
        yield
        return

    def end(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_IGN)
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _may_handle() -> bool:
    return threading.current_thread() is threading.main_thread()
