"""Workers that die, fail or crash."""

import faulthandler
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from kinecast.core.errors import UserError
from kinecast.data.prepare.attempts import CRASHES, KILLS, attempting, given_up
from kinecast.data.prepare.local import run_local


def square(x):
    return x * x


def who(x):
    return os.getpid()


def die_once(folder, x):
    """Square, but the first worker that takes a number is killed."""
    mark = folder / str(x)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def fail(error, x):
    raise error


def crash(path, signal_):
    with attempting(path):
        if signal_ == signal.SIGSEGV:
            faulthandler._sigsegv()
        os.kill(os.getpid(), signal_)


def test_results_of_several_workers():
    assert sorted(run_local(square, range(7), 2)) == [x * x for x in range(7)]
    assert list(run_local(square, [], 2)) == []


def test_the_task_of_a_dead_worker_is_done_by_another(tmp_path):
    tasks = list(range(3))
    assert sorted(run_local(partial(die_once, tmp_path), tasks, 2)) == [0, 1, 4]
    assert len(list(tmp_path.iterdir())) == 3  # each killed one worker


def test_a_worker_may_die_between_its_tasks():
    results = run_local(who, range(3), 1)
    first = next(results)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not is_alive(first))
    assert first not in list(results)


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (UserError("expected x, got y"), UserError),
        (FileNotFoundError(2, "No such file", "x.mp4"), FileNotFoundError),
        (KeyError("k"), RuntimeError),
    ],
)
def test_an_error_ends_the_run(error, seen):
    with pytest.raises(seen, match=r"expected x|No such file|KeyError: 'k', in a worker"):
        list(run_local(partial(fail, error), range(4), 2))


def test_workers_end_with_their_parent(tmp_path):
    """However it ends: here by SIGKILL to the parent alone."""
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        "from kinecast.data.prepare.local import run_local\n"
        "def slow(path):\n"
        "    open(path, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    list(run_local(slow, ['pid'], 1))\n"
    )
    parent = subprocess.Popen([sys.executable, "slow.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    worker = int((tmp_path / "pid").read_text())
    assert is_alive(worker)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_alive(worker))


def test_a_task_that_comes_back_leaves_no_note(tmp_path):
    with attempting(tmp_path / "task"):
        assert (tmp_path / "task").exists()
    with pytest.raises(ValueError, match="no"), attempting(tmp_path / "task"):
        raise ValueError("no")
    assert not (tmp_path / "task").exists()
    assert given_up(tmp_path / "task") is None


@pytest.mark.parametrize(
    ("signal_", "limit", "reason"),
    [
        (signal.SIGSEGV, CRASHES, "it crashed its worker 2 times (Segmentation fault)"),
        (signal.SIGKILL, KILLS, "its worker was killed 8 times (out of memory?)"),
    ],
)
def test_a_task_that_never_comes_back_is_given_up(tmp_path, signal_, limit, reason):
    note = tmp_path / "task"
    for _ in range(limit):
        assert given_up(note) is None
        child = os.fork()
        if child == 0:
            crash(note, signal_)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal_
    assert given_up(note) == reason


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
