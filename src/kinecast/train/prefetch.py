"""Make the next step's batch while this one is trained on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: tuple[int, Future[Item]] | None = None

    def take(self, step: int, given_up: Callable[[], bool] = lambda: False) -> Item | None:
        """The batch of a step; raises what making it raised. None once `given_up()` says so."""
        if self._next is None or self._next[0] != step:
            self._next = (step, self._thread.submit(self._batch_of, step))
        while True:
            try:
                batch = self._next[1].result(timeout=POLL)
                break
            except TimeoutError:
                if self._next[1].done():  # it was making the batch that took too long
                    raise
                if given_up():
                    return None
        self._next = None
        if step + 1 < self._stop:
            self._next = (step + 1, self._thread.submit(self._batch_of, step + 1))
        return batch

    def __exit__(self, *_: object) -> None:
        """Drop the batch that is being made, without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)
