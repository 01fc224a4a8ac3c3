"""The table of errors that `forecast --score` and `eval` print."""

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def print_scores(scores: dict[str, Any], samples: int) -> None:
    """Model and baselines, best first, on all visible points and on moving ones.

    Each cell shows pixels, then the ratio to the opponent's error of the same column.
    """
    baselines, model = scores["baselines"], scores["model"]
    opponent = baselines[scores["opponent"]]
    caption = "pixels of the source frame, × the error of the opponent *"
    table = Table(box=box.SIMPLE, caption=caption, caption_justify="left")
    table.add_column("forecast")
    for column in ("ADE", "FDE", "ADE, moving", "FDE, moving"):
        table.add_column(column, justify="right")
    rows = [
        ("model, mean", _errors(model, "mean_ade", "mean_fde")),
        (f"model, best of {samples}", _errors(model, "best_ade", "best_fde")),
        ("model, one sample", _errors(model, "sample_ade", None)),
    ]
    named = sorted(baselines.items(), key=lambda item: item[1]["ade"])
    rows += [
        (f"{name} *" if name == scores["opponent"] else name, _errors(b, "ade", "fde"))
        for name, b in named
    ]
    reference = _errors(opponent, "ade", "fde")
    for index, (name, errors) in enumerate(rows):
        cells = [_cell(e, r) for e, r in zip(errors, reference, strict=True)]
        table.add_row(name, *cells, end_section=index == 2)
    console = Console()
    console.print(table)
    console.print(f"F1 of the model's visibility: {model['visibility_f1']:.3f}")


def jsonable(value: Any) -> Any:
    """Numbers that are not finite become null: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [jsonable(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _errors(scores: dict[str, Any], ade: str, fde: str | None) -> list[float]:
    return [
        part[key] if key is not None else math.nan
        for part in (scores, scores["moving"])
        for key in (ade, fde)
    ]


def _cell(error: float, reference: float) -> str:
    if math.isnan(error):
        return "-"
    return f"{error:.2f} ×{error / reference:.2f}" if reference > 0 else f"{error:.2f}"
