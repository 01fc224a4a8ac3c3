"""Worker processes on this machine; a worker that dies takes only its own attempt with it."""

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import cv2

from kinecast.core.errors import UserError
from kinecast.core.worker import end_with_parent

T = TypeVar("T")
R = TypeVar("R")
_DEATHS = 32  # of workers in a row: something is wrong with all of them


def run_local(do: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    """Results of all tasks as they come, from worker processes.

    A task whose worker dies is given to another one. Workers end with this process, however it
    ends.

    Args:
        do: a function that pickles; it must bear being called twice with one task.
        tasks: what to call it with.
        workers: processes.

    Raises:
        Exception: what `do` raised; the other workers are stopped.
        UserError: workers die one after the other.
    """
    waiting = deque(tasks)
    busy: dict[Any, tuple[_Worker, T]] = {}  # by the pipe that the answer comes from
    pool = [_Worker(do) for _ in range(min(workers, len(tasks)))]
    try:
        idle, deaths = list(pool), 0
        while waiting or busy:
            while waiting and idle:
                worker, task = idle.pop(), waiting.popleft()
                with suppress(ConnectionError):  # it died meanwhile: then its pipe is at its end
                    worker.pipe.send(task)
                busy[worker.pipe] = worker, task
            for pipe in wait(list(busy)):
                worker, task = busy.pop(pipe)
                try:
                    good, result = worker.pipe.recv()
                except (EOFError, ConnectionError) as error:  # it died
                    deaths += 1
                    if deaths == _DEATHS:
                        raise UserError(
                            f"{deaths} workers in a row were killed; is there enough memory? "
                            "use fewer --workers"
                        ) from error
                    waiting.appendleft(task)
                    worker.stop()
                    pool.remove(worker)
                    worker = _Worker(do)
                    pool.append(worker)
                else:
                    deaths = 0
                    if not good:
                        raise result
                    yield result
                idle.append(worker)
    finally:
        for worker in pool:
            worker.stop()


class _Worker:
    """A process that answers tasks from its pipe.

    It is started by a server process that has done the imports, so that a new one is there at once.
    """

    def __init__(self, do: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["kinecast.data.prepare.clip_work"])
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=_serve, args=(far, do), daemon=True)
        self.process.start()
        far.close()

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def answer(do: Callable[[Any], Any], task: Any) -> tuple[bool, Any]:
    """(True, result), or (False, an exception that crosses to another process)."""
    cv2.setNumThreads(1)  # there is a worker for each core
    try:
        return True, do(task)
    except UserError as error:
        return False, UserError(str(error))
    except OSError as error:
        return False, OSError(error.errno, error.strerror or str(error), error.filename)
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        return False, RuntimeError(f"{type(error).__name__}: {error}, in a worker:\n{trace}")


def _serve(pipe: Connection, do: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which stops us
    end_with_parent()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(answer(do, task))
