"""Make the next step's batch while this one is trained on."""

import ctypes
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from queue import SimpleQueue
from threading import Thread

from kinecast.train.stage import Item

POLL = 0.5  # seconds between looks at whether to give up


class Prefetch(AbstractContextManager["Prefetch"]):
    """`batch_of(step)` for steps in a row, one ahead, in one thread.

    Torch computes outside the interpreter's lock, so this costs the training thread no time where a
    second core is free. What a step gets does not change.
    """

    def __init__(self, batch_of: Callable[[int], Item], stop: int) -> None:
        """Batches of steps below `stop`."""
        self._batch_of, self._stop = batch_of, stop
        self._next: tuple[int, Future[Item]] | None = None
        self._wanted: SimpleQueue[tuple[int, Future[Item]] | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="batches")
        self._thread.start()

    def take(self, step: int, given_up: Callable[[], bool] = lambda: False) -> Item | None:
        """The batch of a step; raises what making it raised. None once `given_up()` says so."""
        if self._next is None or self._next[0] != step:
            self._begin(step)
        assert self._next is not None
        _, future = self._next
        while not wait([future], POLL).done:
            if given_up():
                return None
        batch = future.result()
        self._next = None
        if step + 1 < self._stop:
            self._begin(step + 1)
        return batch

    def __exit__(self, *_: object) -> None:
        """Drop the batch that is being made, without waiting for it."""
        if self._next is not None and not self._next[1].cancel() and not self._next[1].done():
            _interrupt(self._thread)
        self._wanted.put(None)

    def _begin(self, step: int) -> None:
        self._next = (step, Future())
        self._wanted.put(self._next)

    def _serve(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            step, future = wanted
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._batch_of(step))
            except BaseException as error:
                future.set_exception(error)


def _interrupt(thread: Thread) -> None:
    """End a thread at its next line of Python.

    The interpreter waits for it when it exits: a thread that is left to die there (a daemon) takes
    the process with it, with status 134, if it dies in a call of torch.
    """
    assert thread.ident is not None
    number, reason = ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(number, reason)
