"""The files of a run: Parquet, a file a lot, written whole or not at all.

Scalars, reasons and costs are maps; an array is its name, type, shape and bytes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.bench.results import CaseFacts, Result, Results, Row
from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.io.atomic import atomic_path
from kinecast.io.npz import json_text

RUN, MODEL = "run.json", "model.json"
SUFFIX = ".parquet"


def cases_file(run: Path, lot: str) -> Path:
    """Where the facts of a lot's cases are."""
    return run / "cases" / f"{lot}{SUFFIX}"


def rows_file(run: Path, model: str, lot: str) -> Path:
    """Where a model's rows of a lot are."""
    return model_folder(run, model) / f"{lot}{SUFFIX}"


def model_folder(run: Path, model: str) -> Path:
    """Where a model's rows are; colons and slashes of a name are no part of a file's."""
    safe = "".join(c if c.isalnum() or c in "-_.@+=" else "~" for c in model)
    return run / "models" / safe


def write_cases(path: Path, cases: Sequence[CaseFacts]) -> None:
    """A lot's cases."""
    _write(path, [_case_record(case) for case in cases], _case_schema())


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """A model's rows of a lot."""
    _write(path, [_row_record(row) for row in rows], _row_schema())


def read_run(folder: Path) -> Results:
    """See `results.read`."""
    about = read_json(folder / RUN)
    lots = about["lots"]
    cases = [case for lot in lots for case in _read(cases_file(folder, lot), _case_schema(), _case)]
    rows = [
        row
        for name in about["models"]
        for lot in lots
        for row in _read(rows_file(folder, name, lot), _row_schema(), _row)
    ]
    return Results(folder, about, {case.id: case for case in cases}, tuple(rows))


def case_ids(run: Path, lots: Iterable[str]) -> list[str]:
    """Ids of the cases of lots that are there.

    Raises:
        UserError: a file is damaged.
    """
    pa, _ = _arrow()
    schema = pa.schema({"id": pa.string()})
    return [
        case for lot in lots for case in _read(cases_file(run, lot), schema, lambda row: row["id"])
    ]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a run.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if not path.is_file():
        raise UserError(f"expected a folder of kinecast bench run, got {path.parent} without {RUN}")
    try:
        value: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"expected JSON in {path}, got: {error}; run anew") from error
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """A JSON file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", "utf-8")


def _write(path: Path, records: Sequence[Mapping[str, Any]], schema: Any) -> None:
    pa, pq = _arrow()
    table = pa.Table.from_pylist(list(records), schema=schema)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_statistics=False)


def _read(path: Path, schema: Any, make: Callable[[Mapping[str, Any]], Any]) -> list[Any]:
    """Nothing where the file is not there yet."""
    if not path.is_file():
        return []
    pa, pq = _arrow()
    try:
        table = pq.read_table(path, columns=schema.names, schema=schema)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"expected results in {path}, got a damaged file ({error}); remove it and run again"
        ) from error
    return [make(record) for record in table.to_pylist(maps_as_pydicts="strict")]


def _arrow() -> tuple[Any, Any]:
    return optional("pyarrow", "bench"), optional("pyarrow.parquet", "bench")


def _row_schema() -> Any:
    pa, _ = _arrow()
    text, numbers = pa.string(), pa.map_(pa.string(), pa.float64())
    return pa.schema(
        {
            **dict.fromkeys(("model", "case", "group", "scene", "kind", "skipped"), text),
            "scalars": numbers,
            "absent": pa.map_(text, text),
            "cost": numbers,
            **dict.fromkeys(("curves", "features", "paths"), _arrays_type()),
        }
    )


def _case_schema() -> Any:
    pa, _ = _arrow()
    text, count = pa.string(), pa.int64()
    return pa.schema(
        {
            **dict.fromkeys(("id", "group", "scene", "kind", "about", "opponent"), text),
            **dict.fromkeys(("width", "height", "history_frames", "horizon", "futures"), count),
            "scalars": pa.map_(text, pa.float64()),
            **dict.fromkeys(("curves", "features", "paths"), _arrays_type()),
            "jpeg": pa.binary(),
        }
    )


def _arrays_type() -> Any:
    pa, _ = _arrow()
    return pa.list_(
        pa.struct(
            {
                "name": pa.string(),
                "dtype": pa.string(),
                "shape": pa.list_(pa.int64()),
                "values": pa.binary(),
            }
        )
    )


def _row_record(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        **{name: getattr(row, name) for name in ("model", "case", "group", "scene", "kind")},
        "skipped": row.skipped,
        "scalars": dict(result.scalars),
        "absent": dict(result.absent),
        "cost": dict(result.cost),
        "curves": _records(result.curves),
        "features": _records(result.features),
        "paths": _records({} if result.paths is None else {"paths": result.paths}),
    }


def _row(record: Mapping[str, Any]) -> Row:
    result = Result(
        scalars=record["scalars"],
        absent=record["absent"],
        curves=_arrays(record["curves"]),
        features=_arrays(record["features"]),
        cost=record["cost"],
        paths=_arrays(record["paths"]).get("paths"),
    )
    names = ("model", "case", "group", "scene", "kind", "skipped")
    return Row(**{name: record[name] for name in names}, result=result)


_PATHS = ("picked", "shown", "history", "truth")
_SAME = ("id", "group", "scene", "kind", "opponent", "history_frames", "horizon", "futures", "jpeg")


def _case_record(case: CaseFacts) -> dict[str, Any]:
    return {
        **{name: getattr(case, name) for name in _SAME},
        "about": json_text(case.about),
        "width": case.size[0],
        "height": case.size[1],
        "scalars": dict(case.scalars),
        "curves": _records(case.curves),
        "features": _records(case.features),
        "paths": _records({name: getattr(case, name) for name in _PATHS}),
    }


def _case(record: Mapping[str, Any]) -> CaseFacts:
    paths: dict[str, Any] = _arrays(record["paths"])
    return CaseFacts(
        **{name: record[name] for name in _SAME},
        about=json.loads(record["about"]),
        size=(record["width"], record["height"]),
        scalars=record["scalars"],
        curves=_arrays(record["curves"]),
        features=_arrays(record["features"]),
        **paths,
    )


def _records(arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    return [
        {"name": name, "dtype": a.dtype.str, "shape": list(a.shape), "values": a.tobytes()}
        for name, a in arrays.items()
    ]


def _arrays(records: Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {
        r["name"]: np.frombuffer(r["values"], np.dtype(r["dtype"])).reshape(r["shape"])
        for r in records
    }
