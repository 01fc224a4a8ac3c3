"""The same tasks as a Ray Data pipeline, on one machine or a cluster."""

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.data.prepare.local import answer

T = TypeVar("T")
R = TypeVar("R")
_BLOCKS = 10_000  # of tasks: each block costs the driver some kilobytes and milliseconds


def run_ray(
    do: Callable[[T], R],
    tasks: Sequence[T],
    workers: int | None,
    address: str,
    gpus: int = 0,
) -> Iterator[R]:
    """Results of all tasks as they come, from Ray workers with one CPU each.

    Ray gives the tasks of a worker or a machine that is lost to others.

    Args:
        do: as for `run_local`.
        tasks: what to call it with; up to 10 000 of them one by one, more in groups.
        workers: so many at once; None is one for each CPU of the cluster.
        address: of the cluster; "auto" finds the one this machine belongs to, "local" starts one.
        gpus: of each worker.

    Raises:
        MissingExtraError: ray is not installed.
        UserError: no cluster there.
        Exception: what `do` raised.
    """
    if not tasks:
        return
    ray = optional("ray", "dist")
    data = optional("ray.data", "dist")
    _connect(ray, address, workers)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False  # the command line shows its own
    rows = [{"task": pickle.dumps(task)} for task in tasks]
    blocks = data.from_items(rows, override_num_blocks=min(len(rows), _BLOCKS))
    cpus = int(ray.cluster_resources().get("CPU", 1))
    results = blocks.map(
        _Worker,  # an actor: started again, and its task with it, as often as it dies
        fn_constructor_args=(do,),
        compute=data.ActorPoolStrategy(
            size=min(workers or cpus, len(rows)),
            max_tasks_in_flight_per_actor=1,  # what waits for a slow machine, others could do
        ),
        num_cpus=1,
        num_gpus=gpus or None,
    )
    for row in results.iter_rows():
        good, result = pickle.loads(row["answer"])
        if not good:
            raise result
        yield result


class _Worker:
    """What a Ray actor does with a row."""

    def __init__(self, do: Callable[[Any], Any]) -> None:
        self._do = do

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"answer": pickle.dumps(answer(self._do, pickle.loads(row["task"])))}


def _connect(ray: Any, address: str, workers: int | None) -> None:
    if ray.is_initialized():
        return
    local = address == "local"
    try:
        ray.init(
            address=address,
            num_cpus=workers if local else None,
            include_dashboard=False if local else None,
            _system_config={"worker_niceness": 0} if local else None,  # Ray's 15 starves them
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(
            f"expected a Ray cluster at {address}, got: {error}; start one with "
            "`ray start --head`, or use --local"
        ) from error
