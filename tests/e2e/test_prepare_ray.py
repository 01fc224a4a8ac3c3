"""`prepare` on Ray: two machines (simulated), one slow, one lost, and workers that are killed.

Prints what happened; docs/scale.md tells it.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import raw_videos
from raw_videos import SETTINGS, contents

from kinecast.data.prepare import Limits
from kinecast.data.prepare.cluster import run_ray

pytestmark = pytest.mark.slow
WORKERS_KILLED = 10
SLOW = 1.0  # seconds that each task takes longer on the slow machine
ENOUGH = 5  # tasks begun on it when it is lost


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return raw_videos.write_folder(tmp_path_factory.mktemp("raw") / "videos", good=8)


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    raw_videos.run(videos, out)
    return contents(out)


@pytest.fixture
def machines(monkeypatch):
    """Two machines with one CPU each; the second can be lost."""
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else a busy machine starves them
    ray = pytest.importorskip("ray", reason="needs the extra dist")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    cluster.wait_for_nodes()
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers have no tests
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()


def unlucky(do, folder, slow_node, task):
    """`do`, with a note of who does it; on the slow machine it takes longer."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    note = folder / f"{time.time_ns()}-{do.func.__name__}-{os.getpid()}"
    note.write_text(node)
    if node == slow_node:
        time.sleep(SLOW)
    return do(task)


class Killer(threading.Thread):
    """Kills workers that have just begun a task, at random moments, until there were enough."""

    def __init__(self, folder, count):
        super().__init__(daemon=True)
        self.folder, self.count, self.killed, self.done = folder, count, [], False

    def run(self):
        rng = np.random.default_rng(0)
        while len(self.killed) < self.count and not self.done:
            time.sleep(rng.uniform(0.2, 1.0))
            notes = sorted(path.name for path in self.folder.iterdir())
            pids = [int(name.rpartition("-")[2]) for name in notes[-2:]]
            for pid in [pid for pid in pids if pid not in self.killed][:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed.append(pid)


def lose(cluster, machine, notes):
    """Take a machine away once it has begun some tasks."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        time.sleep(0.2)
        if [path.read_text() for path in notes.iterdir()].count(machine.node_id) >= ENOUGH:
            cluster.remove_node(machine, allow_graceful=False)
            return


def test_the_bytes_are_those_of_one_process(videos, whole, tmp_path, machines):
    cluster, second = machines
    notes = tmp_path / "notes"
    notes.mkdir()
    killer = Killer(notes, WORKERS_KILLED)
    lost = threading.Thread(target=lose, args=(cluster, second, notes), daemon=True)

    def run(do, tasks):
        slow = partial(unlucky, do, notes, second.node_id)
        return run_ray(slow, tasks, workers=2, address="auto")

    killer.start()
    lost.start()
    began = time.monotonic()
    try:
        report = raw_videos.run(videos, tmp_path / "out", SETTINGS, run=run)
    finally:
        killer.done = True
        lost.join(60)
    nodes = [path.read_text() for path in notes.iterdir()]
    print(
        f"{report.scanned} videos and {report.worked} clips in {time.monotonic() - began:.0f} s: "
        f"{len(nodes)} attempts, {len(killer.killed)} workers killed, "
        f"{nodes.count(second.node_id)} of them on the slow machine, which was then lost"
    )
    assert contents(tmp_path / "out") == whole
    assert killer.killed
    assert not lost.is_alive()
    assert len(nodes) > report.scanned + report.worked


def test_two_workers_are_faster_than_one(tmp_path, monkeypatch):
    """From the moment when all workers are at work: what starting Ray takes does not count."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    ray = pytest.importorskip("ray", reason="needs the extra dist")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    (tmp_path / "videos").mkdir()
    for k in range(6):
        raw_videos.write(tmp_path / "videos" / f"{k}.mp4", raw_videos.moving(k, 64))
    larger = replace(SETTINGS, size=(336, 192), tracker="flow", limits=Limits(max_enlarge=4.0))
    rates = {}
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        for workers in (1, 2):
            notes = tmp_path / f"notes-{workers}"
            notes.mkdir()

            def run(do, tasks, notes=notes, workers=workers):
                return run_ray(partial(unlucky, do, notes, None), tasks, workers, "local")

            raw_videos.run(tmp_path / "videos", tmp_path / str(workers), larger, run=run)
            rates[workers] = tasks_a_second(notes, workers)
    finally:
        ray.shutdown()
    print(f"{rates[1]:.2f} clips a second with one worker, {rates[2]:.2f} with two")
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert rates[2] > rates[1]


def tasks_a_second(notes, workers):
    """Of clips, from when the last worker took its first one."""
    began = {}
    names = [path.name.split("-") for path in sorted(notes.iterdir())]
    times = [(int(at), pid) for at, what, pid in names if what == "do_unit"]
    for at, pid in times:
        began.setdefault(pid, at)
    assert len(began) == workers
    ready = max(began.values())
    return sum(at > ready for at, _ in times) / (times[-1][0] - ready) * 1e9
