"""`kinecast bench run`: contestants on a frozen suite."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from kinecast.bench.run import Do, Report, Settings, run
from kinecast.bench.suites import suite as find_suite
from kinecast.cli.progress import progress_bar, say
from kinecast.core import device as devices
from kinecast.core.errors import UserError
from kinecast.data.prepare.cluster import run_ray
from kinecast.data.prepare.local import run_local

SOME_FAILED = 1  # exit status


def run_suite(
    suite: Positional[str],
    /,
    *,
    models: str,
    out: Path,
    size: str | None = None,
    data: Path | None = None,
    groups: str | None = None,
    k: int | None = None,
    device: str = "auto",
    workers: int = 1,
    ray: str | None = None,
    threads: int = 1,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Measure models and baselines on every case of a suite.

    Stopped or killed at any moment, the same command goes on where it was and ends with the same
    table; with other --models it adds them. Show the result with `kinecast bench report`.

    Args:
        suite: a name of `kinecast bench suites`.
        models: separated by commas: models (a name of `kinecast models`, or a folder), trivial
            forecasts (constant_position, damped_8_0.9, ...; `baselines` for all), `truth`,
            `tracker`, and outputs of other methods (docs/other-methods.md).
        out: a new folder, or one that the same command began.
        size: of the suite, its first one by default.
        data: folder of your data, for suites that ask for it.
        groups: only these parts of a suite, separated by commas (docs/suites.md).
        k: samples, instead of as many as the suite's protocol says; results then compare with no
            others.
        device: for models: auto, cuda, cuda:N, mps or cpu.
        workers: processes on this machine, or at most so many of a Ray cluster.
        ray: work on the Ray cluster at this address; auto finds it, local starts one here. Its
            machines share the folders.
        threads: of each process.
        json_: print one JSON object.
    """
    for option, value in (("--workers", workers), ("--threads", threads), ("--k", k)):
        if value is not None and value < 1:
            raise UserError(f"expected {option} of 1 or more, got {value}")
    where = devices.resolve(device)
    settings = Settings(
        suite=suite,
        models=_absolute(models),
        size=size or find_suite(suite).sizes[0],
        data=None if data is None else str(data.absolute()),
        groups=tuple(groups.split(",")) if groups else (),
        k=k,
        device=str(where),
        threads=threads,
        workers=workers,
    )
    gpus = 0 if where.type in ("cpu", "mps") else 1
    with progress_bar("measuring") as advance:
        report = run(settings, out, _workers(workers, ray, gpus), advance)
    _print(report, json_)
    return SOME_FAILED if report.failed else 0


def _workers(workers: int, ray: str | None, gpus: int) -> Do:
    if ray is not None:
        return partial(run_ray, workers=workers, address=ray, gpus=gpus)
    return partial(run_local, workers=workers) if workers > 1 else _here


def _here(do: Callable[[Any], Any], tasks: Any) -> Any:
    return map(do, tasks)


def _absolute(models: str) -> str:
    """Folders of models as whoever works elsewhere finds them."""
    words = models.split(",")
    return ",".join(str(Path(w).absolute()) if w and Path(w).is_dir() else w for w in words)


def _print(report: Report, as_json: bool) -> None:
    folder = str(report.folder.absolute())
    for name, why in report.failed.items():
        say(f"{name} failed: {why}")
    if as_json:
        print(json.dumps({"folder": folder, "rows": report.rows, "failed": report.failed}))
        return
    print(folder)
    say(f"{report.rows} rows measured")
