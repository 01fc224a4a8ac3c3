"""Replay of TrajLoom's evaluation scripts: VEPE, FlowTV and DivCurlE, FVMD from tracks.

Each recorded section names its settings; its name tells the script, and what was done to the clips
before it ran.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.tracks import Tracks
from kinecast.metrics import motion_histogram
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.fvmd_tracks import fvmd_tracks, windows
from kinecast.metrics.reconstruction import vepe
from kinecast.released.case import Case, read_arrays
from kinecast.released.metric_layout import Layout, check_layout

FIXED = {  # of FVMD's histograms, in the scripts' names
    "cell_size": motion_histogram.SIDE,
    "cube_frames": motion_histogram.FRAMES,
    "angle_bins": motion_histogram.ANGLES,
    "magnitude_bins": motion_histogram.LARGEST + 1,
}
SETTINGS = {"eval_start", "eval_len", "grid_stride", "clip_len", "clip_stride", *FIXED}
RAISES = "raises"
LOST = ("clip02", slice(3, 5), 7)  # clip, frames and point of the case that holds NaN
FEATURES = "fvmd_features"
LAYOUT: Layout = {"gt_tracks": "float t n 2", "pred_tracks": "float u m 2"}

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run folder of the scripts.

    Attributes:
        truth, forecast: (T, N, 2) pixels.
        visible: the visibility files by name, (T, N).
        query: (N, 2) points as laid, or None.
    """

    name: str
    truth: np.ndarray
    forecast: np.ndarray
    visible: Mapping[str, np.ndarray]
    query: np.ndarray | None


def replay(
    case: Case, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, Any]
) -> tuple[Numbers, Numbers]:
    """Our value and the recorded one of every number, by section and name.

    Numbers of several videos are one array, in the order of the runs; an error that was raised
    counts as 1, none as 0.
    """
    runs, size = _runs(inputs), _size(case)
    ours: Numbers = {}
    recorded: Numbers = {}
    for name, section in outputs.items():
        if not isinstance(section, Mapping):
            raise UserError(f"expected a section of numbers, got {name}: {section!r}")
        script = next((part for part in name.split(".") if part in SCRIPTS), None)
        if script is None:
            raise UserError(f"expected a section of {', '.join(SCRIPTS)}, got {name}")
        changed = [_changed(run, name) for run in runs]
        if RAISES in section:
            ours[f"{name}.{RAISES}"] = _raises(changed, name, size)
            recorded[f"{name}.{RAISES}"] = 1
            continue
        ours |= _named(name, SCRIPTS[script](changed, section, size))
        recorded |= _named(name, _judged(section))
    file = case.path(f"{FEATURES}.npz")
    if file.is_file():
        recorded |= {f"{FEATURES}.{n}": array.numpy() for n, array in read_arrays(file).items()}
        ours |= _named(FEATURES, _features(runs, case))
    return ours, recorded


def _vepe(runs: list[Run], section: Mapping[str, Any], size: tuple[int, int]) -> Numbers:
    pairs = []
    for run in runs:
        frames = _frames(section, run)
        first = 1 if section["exclude_t0"] and frames > 1 else 0
        truth, forecast = run.truth[first:frames], run.forecast[first:frames]
        visible = np.isfinite(truth).all(-1)
        if not section["ignore_gt_visibility"] and "gt_visibility" in run.visible:
            visible &= run.visible["gt_visibility"][first:frames]
        unseen = np.zeros_like(visible)
        pairs.append((Tracks(forecast, unseen, size), Tracks(truth, visible, size)))
    return {
        "num_runs": len(runs),
        "vepe_px": _number(lambda: vepe(pairs)),
        "per_video.T": [len(run.truth) for run in runs],
        "per_video.T_eval": [_frames(section, run) for run in runs],
        "per_video.N": [run.truth.shape[1] for run in runs],
        "per_video.vepe_px": [_number(lambda pair=pair: vepe([pair])) for pair in pairs],
    }


def _quality(runs: list[Run], section: Mapping[str, Any], size: tuple[int, int]) -> Numbers:
    mask = _stem(section) if section["use_visibility"] else None
    fields = [_fields(run, section, size, mask)[0] for run in runs]
    tv = [_number(lambda field=field: flow_tv(field)) for field in fields]
    energy = [_number(lambda field=field: divcurl_energy(field)) for field in fields]
    return {
        "num_videos": len(runs),
        "num_videos_processed": len(runs),
        "num_missing_visibility_files": sum(mask not in r.visible for r in runs) if mask else 0,
        "flowsmooth_tv_video_mean": _mean(tv),
        "divcurl_energy_video_mean": _mean(energy),
        "per_video.T": [len(field.xy) for field in fields],
        "per_video.N": [field.grid.count for field in fields],
        "per_video.grid_H": [field.grid.h for field in fields],
        "per_video.grid_W": [field.grid.w for field in fields],
        "per_video.flowsmooth_tv": tv,
        "per_video.divcurl_energy": energy,
    }


def _fvmd(runs: list[Run], section: Mapping[str, Any], size: tuple[int, int]) -> Numbers:
    other = {name: section[name] for name in FIXED if section[name] != FIXED[name]}
    if other:
        raise UserError(f"expected the published histogram, {FIXED}, got {other}")
    length, stride = _window(section)
    mask = _stem(section) if section["use_gt_visibility"] else None
    pairs = [_fields(run, section, size, mask) for run in runs]
    scores = fvmd_tracks(pairs, length, stride)
    first = [windows(truth.xy, truth.visible, length, stride) for _, truth in pairs]
    return {
        "fvmd_tracks_velocity": scores.velocity,
        "fvmd_tracks_acceleration": scores.acceleration,
        "fvmd_tracks_combine": scores.combined,
        "num_videos": len(runs),
        "num_windows": sum(len(features.velocity) for features in first),
        "grid_H": pairs[0][1].grid.h,
        "grid_W": pairs[0][1].grid.w,
        "feature_dim_v": first[0].velocity.shape[1],
        "feature_dim_a": first[0].acceleration.shape[1],
        "feature_dim_va": first[0].combined.shape[1],
    }


def _features(runs: list[Run], case: Case) -> Numbers:
    """Histograms of the windows that the configuration names."""
    if case.config is None:
        raise UserError(f"expected a config with feature_case in {case.folder}, got none")
    how = case.config["feature_case"]
    mask = "gt_visibility" if how["use_gt_visibility"] else None
    length, stride = _window(how)
    parts: Numbers = {}
    for run in runs:
        forecast, truth = _fields(run, how, _size(case), mask)
        for name, field in (("gt", truth), ("pred", forecast)):
            found = windows(field.xy, truth.visible, length, stride)
            parts.setdefault(f"vel_{name}", []).append(found.velocity)
            parts.setdefault(f"acc_{name}", []).append(found.acceleration)
    return {name: np.concatenate(part) for name, part in parts.items()}


def _fields(
    run: Run, section: Mapping[str, Any], size: tuple[int, int], mask: str | None
) -> tuple[Field, Field]:
    """Forecast and truth on their grid, both with one mask: a visibility file, or nothing."""
    order, h, w = _grid(run)
    start, frames = section.get("eval_start", 0), section.get("eval_len", -1)
    stop = None if frames <= 0 else start + frames
    visible = np.ones(run.truth.shape[:2], bool) if mask is None else run.visible.get(mask)
    if visible is None:  # a missing file masks nothing
        visible = np.ones(run.truth.shape[:2], bool)
    stride = float(section.get("grid_stride", 1))

    def field(xy: np.ndarray) -> Field:
        cells = xy[start:stop, order].reshape(-1, h, w, 2)
        return Field(cells, visible[start:stop, order].reshape(-1, h, w), size, stride, (0.0, 0.0))

    return field(run.forecast), field(run.truth)


def _grid(run: Run) -> tuple[np.ndarray, int, int]:
    """Order of the points row by row, rows and columns.

    From where the points were laid; where that is no full grid or not known, as they come, in the
    most square shape that is at least as wide as high.
    """
    N = run.truth.shape[1]
    if run.query is not None:
        x, y = run.query[:, 0], run.query[:, 1]
        w, h = len(np.unique(x)), len(np.unique(y))
        if w * h == N == len(np.unique(run.query, axis=0)):
            return np.lexsort((x, y)), h, w
    h = next(rows for rows in range(math.isqrt(N), 0, -1) if N % rows == 0)
    return np.arange(N), h, N // h


def _runs(inputs: Mapping[str, np.ndarray]) -> list[Run]:
    runs = []
    for name in sorted({name.partition(".")[0] for name in inputs}):
        arrays = {k.partition(".")[2]: v for k, v in inputs.items() if k.startswith(f"{name}.")}
        check_layout(arrays, LAYOUT)
        truth, forecast = arrays["gt_tracks"], arrays["pred_tracks"]
        T, N = (int(n) for n in np.minimum(truth.shape[:2], forecast.shape[:2]))  # what both have
        visible = {k: v[:T, :N] > 0.5 for k, v in arrays.items() if k.endswith("_visibility")}
        query = arrays["query_xy"][:N] if "query_xy" in arrays else None
        short = [k for k, v in visible.items() if v.shape != (T, N)]
        if short or (query is not None and query.shape != (N, 2)):
            raise UserError(
                f"expected visibility of {T} frames and {N} points and a query each in {name}, got "
                f"others in {', '.join(short) or 'query_xy'}"
            )
        runs.append(Run(name, truth[:T, :N], forecast[:T, :N], visible, query))
    return runs


def _changed(run: Run, section: str) -> Run:
    """The run after what a section's name says was done to the clips."""
    change = section.partition(".")[0]
    missing = re.fullmatch(r"missing_vis_(clip\d+)", change)
    if missing and missing[1] == run.name:
        rest = {name: v for name, v in run.visible.items() if name != "gt_visibility"}
        return replace(run, visible=rest)
    if change == "no_query_xy":
        return replace(run, query=None)
    clip, frames, point = LOST
    if change == "nan_case" and run.name == clip:
        forecast = run.forecast.copy()
        forecast[frames, point] = np.nan
        return replace(run, forecast=forecast)
    return run


def _raises(runs: list[Run], name: str, size: tuple[int, int]) -> int:
    """Whether FVMD refuses the runs; its settings are told by the section's name alone."""
    settings = re.search(r"fvmd\..*?(?:(\d+)[_/](\d+)|full)", name)
    if settings is None:
        raise UserError(f"expected clip length and stride in the name of {name}, got none")
    length, stride = (int(n) if n else None for n in settings.groups())
    mask = None if re.search("no.?vis", name) else "gt_visibility"
    pairs = [_fields(run, {}, size, mask) for run in runs]
    try:
        fvmd_tracks(pairs, length, stride or 1)
    except UserError:
        return 1
    return 0


def _judged(section: Mapping[str, Any]) -> Numbers:
    """A section's recorded numbers but its settings; those of all videos as one list."""
    numbers: Numbers = {}
    for name, value in section.items():
        if name == "per_video":
            for key in value[0] if value else ():
                if not isinstance(value[0][key], str | bool):
                    numbers[f"per_video.{key}"] = [video[key] for video in value]
        elif name not in SETTINGS and not isinstance(value, str | bool):
            numbers[name] = value
    return numbers


def _named(prefix: str, numbers: Numbers) -> Numbers:
    return {f"{prefix}.{name}": value for name, value in numbers.items()}


def _number(metric: Callable[[], float]) -> float:
    """A video's number; NaN where it has none, as the scripts write it."""
    try:
        return metric()
    except UserError:
        return math.nan


def _mean(numbers: list[float]) -> float:
    """Of the videos that have one."""
    there = [number for number in numbers if not math.isnan(number)]
    return float(np.mean(there)) if there else math.nan


def _frames(section: Mapping[str, Any], run: Run) -> int:
    """Frames that VEPE counts; 0: all of them."""
    T, most = len(run.truth), int(section["eval_len"])
    return min(T, most) if most > 0 else T


def _stem(section: Mapping[str, Any]) -> str:
    """Which visibility masks: the truth's where the section names no file."""
    name = section.get("visibility_name", "gt_visibility")
    return str(name).removesuffix(".npy")


def _window(section: Mapping[str, Any]) -> tuple[int | None, int]:
    """Frames of a window, None for the whole video, and between two starts."""
    length = int(section["clip_len"])
    return (length if length > 0 else None), int(section["clip_stride"])


def _size(case: Case) -> tuple[int, int]:
    if case.config is None:
        raise UserError(f"expected a config with W and H in {case.folder}, got none")
    return int(case.config["W"]), int(case.config["H"])


SCRIPTS: dict[str, Callable[[list[Run], Mapping[str, Any], tuple[int, int]], Numbers]] = {
    "vepe": _vepe,
    "quality": _quality,
    "fvmd": _fvmd,
}
