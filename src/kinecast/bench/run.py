"""Run a suite: every contestant on every case, lot by lot, by one process, several, or a cluster.

Each file of a lot is written whole or not at all, so that a run which was killed at any moment ends
with the same table when it is started again; what is there is not done again. More contestants can
be added to a run that is complete.
"""

import fcntl
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import torch

from kinecast.bench import frozen, parts
from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant, contestants
from kinecast.bench.results import Result, Row
from kinecast.bench.suite import Lot, Suite, protocol_hash
from kinecast.bench.suites import suite as find_suite
from kinecast.core import device as devices
from kinecast.core.errors import UserError

PACKAGES = ("kinecast", "torch", "numpy", "opencv-python-headless")
LOCK = ".lock"


@dataclass(frozen=True)
class Settings:
    """What a run is of.

    Attributes:
        suite: its name.
        models: as `contestant.contestants` takes them.
        size: of the suite's sizes.
        data: folder of the user's data, for a suite that takes some.
        groups: words that the names of lots begin with (`Suite.chosen`); () for the whole suite.
        k: samples, instead of the protocol's; such a run is no run of the frozen suite.
        device: for models.
        threads: of one process.
        workers: at once; costs are measured with so many at work.
    """

    suite: str
    models: str
    size: str
    data: str | None = None
    groups: tuple[str, ...] = ()
    k: int | None = None
    device: str = "auto"
    threads: int = 1
    workers: int = 1


@dataclass(frozen=True)
class Task:
    """One lot of a run, for whoever works on it."""

    settings: Settings
    out: str
    lot: str


@dataclass(frozen=True)
class Done:
    """What became of a task.

    Attributes:
        rows: that were measured.
        failed: contestant -> why it did not finish this lot; none of its rows was written.
    """

    lot: str
    rows: int
    failed: dict[str, str]


@dataclass(frozen=True)
class Report:
    """What became of a run.

    Attributes:
        folder: of the run.
        rows: measured now.
        failed: contestant -> the first reason why lots of it are missing.
    """

    folder: Path
    rows: int
    failed: dict[str, str]


Do = Callable[[Callable[[Task], Done], Sequence[Task]], Iterator[Done]]
Watch = Callable[[int, int], None]


def run(settings: Settings, out: Path, do: Do, watch: Watch) -> Report:
    """Measure what is not measured yet.

    Args:
        settings: of the run.
        out: its folder: a new one, or one that was begun with the same suite, size, k and lots.
        do: calls a function with tasks, here (`map`), in other processes or on other machines.
        watch: called with (lots done, lots in all).

    Raises:
        UserError: an unknown suite, size or contestant, missing data, a folder that was begun
            otherwise or is in use, or cases that are not the frozen ones.
    """
    suite, lots = _suite(settings)
    devices.resolve(settings.device)
    everyone = contestants(settings.models, settings.device)
    frozen.check_protocol(find_suite(settings.suite), settings.size)
    names = [one.name for one in everyone]
    folders = {parts.model_folder(out, name) for name in names}
    if len(folders) < len(names):
        raise UserError(f"expected contestants whose names differ in letters, got {names}")
    with _held(out):
        _begin(settings, suite, list(lots), everyone, out)
        tasks = [
            Task(settings, str(out.absolute()), lot) for lot in lots if _missing(out, lot, names)
        ]
        done, rows, failed = len(lots) - len(tasks), 0, dict[str, str]()
        watch(done, len(lots))
        for result in do(work, tasks):
            done, rows = done + 1, rows + result.rows
            failed = result.failed | failed
            watch(done, len(lots))
        if not settings.groups:
            frozen.check_all(suite, settings.size, parts.case_ids(out, lots))
    return Report(out, rows, failed)


def work(task: Task) -> Done:
    """Make a lot's cases and measure who has not been measured on them.

    A contestant that fails leaves no rows of this lot, and the others go on.
    """
    out, settings = Path(task.out), task.settings
    with _threads(settings.threads):
        suite, lots = _suite(settings)
        everyone = _contestants(settings.models, settings.device)
        left = [c for c in everyone if not parts.rows_file(out, c.name, task.lot).is_file()]
        facts, failed = [], dict[str, str]()
        rows: dict[str, list[Row]] = {one.name: [] for one in left}
        for case in lots[task.lot].make():
            frozen.check(suite, settings.size, case)
            facts.append(suite.facts(case, suite.protocol))
            for one in left:
                if one.name in failed:
                    continue
                try:
                    rows[one.name].append(_row(suite, one, case))
                except UserError as error:
                    failed[one.name] = f"{error} (case {case.id})"
        if not facts:
            raise UserError(f"expected cases in lot {task.lot} of {suite.name}, got none")
        parts.write_cases(parts.cases_file(out, task.lot), facts)
        measured = {name: of for name, of in rows.items() if name not in failed}
        for name, of in measured.items():
            parts.write_rows(parts.rows_file(out, name, task.lot), of)
    return Done(task.lot, sum(map(len, measured.values())), failed)


def _row(suite: Suite, contestant: Contestant, case: Case) -> Row:
    why = suite.refuses(contestant, case)
    result = Result() if why else suite.measure(contestant, case, suite.protocol)
    return Row(
        model=contestant.name,
        case=case.id,
        group=case.group,
        scene=case.scene,
        kind=case.kind,
        skipped=why or "",
        result=result,
    )


def _suite(settings: Settings) -> tuple[Suite, dict[str, Lot]]:
    suite = find_suite(settings.suite)
    if settings.k is not None:
        suite = replace(suite, protocol={**suite.protocol, "k": settings.k})
    suite.check_size(settings.size)
    data = None if settings.data is None else Path(settings.data)
    lots = suite.chosen(settings.size, data, settings.groups)
    return suite, {lot.name: lot for lot in lots}


@lru_cache(maxsize=1)
def _contestants(models: str, device: str) -> tuple[Contestant, ...]:
    """Loaded once a process."""
    return tuple(contestants(models, device))


def _missing(out: Path, lot: str, names: Sequence[str]) -> bool:
    files = [parts.cases_file(out, lot), *(parts.rows_file(out, name, lot) for name in names)]
    return not all(file.is_file() for file in files)


def _begin(
    settings: Settings, suite: Suite, lots: list[str], everyone: Sequence[Contestant], out: Path
) -> None:
    """Write run.json, or check that the one that is there is of the same run."""
    now: dict[str, Any] = {
        "suite": suite.name,
        "version": suite.version,
        "size": settings.size,
        "protocol_hash": protocol_hash(suite.protocol),
        "lots": lots,
    }
    file, models = out / parts.RUN, {one.name: one.facts() for one in everyone}
    if file.is_file():
        before = parts.read_json(file)
        for key, value in now.items():
            if before.get(key) != value:
                raise UserError(
                    f"expected --out of a run with {key} {_short(value)}, got {out} with "
                    f"{_short(before.get(key))}; choose another folder"
                )
        for name, facts in models.items():
            if before["models"].get(name, facts) != facts:
                raise UserError(
                    f"{name} is not what {out} was measured with (other weights, files or device); "
                    "choose another folder"
                )
        before["models"] |= models
        parts.write_json(file, before)
        return
    about = {
        **now,
        "about": suite.about,
        "protocol": dict(suite.protocol),
        "data": settings.data,
        "models": models,
        "published": [asdict(one) for one in suite.published],
        "machine": _machine(settings),
        "packages": {package: version(package) for package in PACKAGES},
    }
    parts.write_json(file, about)


def _short(value: Any) -> str:
    return f"{len(value)} lots" if isinstance(value, list) else repr(value)


def _machine(settings: Settings) -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": settings.threads,
        "workers": settings.workers,
    }


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """One run at a time in a folder; what killed ones left half-written is removed."""
    if out.exists() and not (out / parts.RUN).is_file() and any(_foreign(out)):
        raise UserError(
            f"expected --out to be a new folder or one of kinecast bench run, got {out}; "
            "choose another"
        )
    out.mkdir(parents=True, exist_ok=True)
    with open(out / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another kinecast bench run is at work in {out}; wait for it or stop it"
            ) from error
        for leftover in out.rglob(".*.partial*"):
            leftover.unlink(missing_ok=True)
        yield


def _foreign(out: Path) -> Iterator[Path]:
    if not out.is_dir():
        yield out
        return
    yield from (p for p in out.iterdir() if p.name != LOCK and ".partial" not in p.name)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many in every process: how a product of matrices is split decides its last bits."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
