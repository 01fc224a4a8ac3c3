"""Pools of chunks: threads that share one, and processes that die."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from kinecast.core.errors import MissingExtraError, UserError
from kinecast.train.chunk_pool import ChunkPool, Layout

CHUNKS = 4


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.stem.removeprefix("chunk-"))


def note_pid(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".pid").write_text(str(os.getpid()))


def write_slowly(path):
    note_pid(path)
    time.sleep(2)
    write(path)


def write_forever(path):
    note_pid(path)
    time.sleep(300)


def die(path):
    os._exit(1)


def lack(path):
    raise MissingExtraError("mujoco", "sim")


class Numbers(ChunkPool[int]):
    """A chunk is its own number."""

    def __init__(self, home, makers=(), workers=1):
        super().__init__("numbers", 1, home, Layout(CHUNKS, 8, 1, 1), workers)
        self._makers = dict(makers)

    def batch(self, step, batch, *keys):
        raise NotImplementedError

    def _maker(self, number, path):
        return partial(self._makers.get(number, write), path)

    def _read(self, path):
        return int(path.read_text())


def wait_for(condition):
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 60
        time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("there", [[], [2]])
def test_a_worker_that_died_ahead_is_told(tmp_path, there):
    with Numbers(tmp_path, {1: die}) as pool:
        for number in there:
            write(pool._path(number))
        assert pool.held(0) == 0
        assert pool._pending[1].exception(timeout=60) is not None
        with pytest.raises(UserError, match="the process that makes training clips died"):
            pool.held(2)


def test_a_package_that_a_worker_lacks_is_named(tmp_path):
    message = r"mujoco.*kinecast\[sim\]"
    with Numbers(tmp_path, {0: lack}) as pool, pytest.raises(MissingExtraError, match=message):
        pool.held(0)


def test_a_chunk_that_another_run_makes_meanwhile_is_read(tmp_path, monkeypatch):
    """Between the two looks at the folder: nothing is pending then."""
    with Numbers(tmp_path) as pool:
        monkeypatch.setattr(pool, "_request", lambda number: write(pool._path(number)))
        assert pool.held(2) == 2


def test_threads_that_share_a_pool_get_their_chunks(tmp_path):
    wrong, interval = [], sys.getswitchinterval()
    with Numbers(tmp_path) as pool:
        for number in range(CHUNKS):
            write(pool._path(number))

        def ask(first):
            for turn in range(3000):
                number = (first + turn) % CHUNKS
                try:
                    got = pool.held(number)
                except TypeError as error:
                    got = error
                if got != number:
                    wrong.append((number, got))

        threads = [Thread(target=ask, args=(first,)) for first in range(2)]
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
    assert not wrong


def test_an_order_to_the_whole_group_to_end_is_the_trainers_business(tmp_path):
    with Numbers(tmp_path, {0: write_slowly}) as pool:
        pool._request(0)
        note = pool._path(0).with_suffix(".pid")
        wait_for(lambda: note.exists() and note.read_text())
        os.kill(int(note.read_text()), signal.SIGTERM)
        assert pool.held(0) == 0


def test_workers_end_with_a_trainer_that_is_killed(tmp_path):
    script = tmp_path / "trainer.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_chunk_pool import Numbers, write_forever
        if __name__ == "__main__":
            Numbers(Path({str(tmp_path)!r}), {{0: write_forever}}).held(0)
        """)
    )
    trainer = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)
    note = tmp_path / "numbers" / "chunk-00000.pid"
    wait_for(lambda: note.exists() and note.read_text())
    assert is_alive(int(note.read_text()))
    trainer.kill()
    trainer.communicate(timeout=30)  # nothing holds its output open
    wait_for(lambda: not is_alive(int(note.read_text())))
