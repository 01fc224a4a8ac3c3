"""The neutral layout: named arrays of any axis order, units and coordinate order, all stated.

It serves every method whose output files are documented nowhere: each has a file of its own beside
this one with what is documented (coordinates, steps), and the rest has to be stated.

Arrays: `tracks` (positions) or `flow` (displacements from where a point was laid), perhaps
`queries` (where the points were laid, in the same units and order) and `visible` (0 or 1).
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.readers.axes import canonical, check_axes
from kinecast.bench.readers.base import Output, Reader
from kinecast.bench.readers.files import Arrays, check_folder, files_of
from kinecast.bench.readers.options import Options
from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError

UNITS = ("pixels", "unit", "signed")
OPTIONS = (
    "axes=LETTERS in order: k samples, t steps, n points or h and w rows and columns of points, "
    "d coordinate, b length one; absent: one sample (or a file a sample), one step",
    "values=positions|displacements (from where each point was laid)",
    "units=pixels|unit (0 to 1)|signed (-1 to 1), of the frame that the method saw",
    "order=xy|yx of the coordinate",
    "integers=corners|centres: whether whole pixels are corners or centres of pixels",
    "size=WxH of the frame that the method saw; for units other than pixels the case's own",
    "first=now|next: step 0 is the last seen moment, or the one after it",
    "tracks=NAME of the array",
    "queries=NAME of the array of where the points were laid, (N, 2)",
    "visible=NAME of the array of flags, the axes of tracks without d",
    "flag=visible|occluded: what 1 means",
)


def neutral_reader(
    name: str, about: str, convention: str, documented: Mapping[str, str] = MappingProxyType({})
) -> Reader:
    """A reader of the neutral layout.

    Args:
        name, about, convention: see `Reader`.
        documented: values of options that the method's documentation states; they may be restated.
    """

    def read(folder: Path, case: Case, options: Options) -> Output:
        return read_neutral(folder, case, options, documented)

    return Reader(name, about, convention, OPTIONS, read)


def read_neutral(
    folder: Path, case: Case, options: Options, documented: Mapping[str, str]
) -> Output:
    """What the files of a case hold.

    Raises:
        RefusalError: there are none.
        UserError: something is stated neither by the method's documentation nor by an option, or
            is not as stated.
    """
    files = files_of(check_folder(folder), case.id)
    parts = [_read_one(file, case, options, documented) for file in files]
    if len(files) > 1 and any(len(part.xy) != 1 for part in parts):
        raise UserError(f"expected one sample in each file of {files[0].parent}, got several")
    if len({part.xy.shape for part in parts}) > 1:
        raise UserError(f"expected samples of one shape in {files[0].parent}, got several")
    first = parts[0]
    if len(parts) == 1:
        return first
    visible = None
    if all(part.visible is not None for part in parts):
        visible = np.concatenate([part.visible for part in parts])  # type: ignore[misc]
    xy = np.concatenate([part.xy for part in parts])
    return Output(xy, first.size, first.first, first.laid, visible=visible)


def _read_one(file: Path, case: Case, options: Options, documented: Mapping[str, str]) -> Output:
    def stated(key: str, values: tuple[str, ...]) -> str:
        why = f"nothing that is public says it of {options.what}"
        return options.choice(key, values, documented.get(key), why)

    arrays = Arrays(file)
    displaced = stated("values", ("positions", "displacements")) == "displacements"
    usual = "flow" if displaced else "tracks"
    array = arrays.take(options.text("tracks", usual), stated=True)
    assert array is not None  # a stated array is there
    where = f"{options.text('tracks', usual)!r} of {file}"
    axes = check_axes(
        options.text(
            "axes",
            documented.get("axes"),
            f"the order of the axes of {where}, {array.shape}, in letters k t n (or h w) d b",
        )
    )
    units, order = stated("units", UNITS), stated("order", ("xy", "yx"))
    values = canonical(array, axes, where)
    size = _size(array, axes, units, case, options)
    centred = options.choice("integers", ("corners", "centres"), "corners") == "centres"
    laid = _laid(arrays, array, axes, size, units, order, centred, options)
    if displaced:
        if laid is None:
            raise UserError(
                f"expected where the points of {where} were laid, got no array of queries; name it "
                "by queries=NAME"
            )
        moved = _displacements(values[..., :: 1 if order == "xy" else -1], size, units)
        xy = laid.astype(np.float32) + moved
    else:
        xy = _positions(values, size, units, order, centred)
    first = 0 if stated("first", ("now", "next")) == "now" else 1
    return Output(xy, size, first, laid, visible=_visible(arrays, axes, xy, options))


def _size(array: np.ndarray, axes: str, units: str, case: Case, options: Options) -> Size:
    """Of the frame that the method saw."""
    size = options.size()
    if size is not None:
        return size
    if units != "pixels":
        return case.size
    if "h" in axes:  # a map has a value for each of its pixels
        return array.shape[axes.index("w")], array.shape[axes.index("h")]
    raise UserError(f"expected {options.what} with size=WxH: the frame that its pixels belong to")


def _laid(
    arrays: Arrays, array: np.ndarray, axes: str, size: Size, units: str, order: str,
    centred: bool, options: Options,
) -> np.ndarray | None:  # fmt: skip
    name = options.text("queries", "queries")
    queries = arrays.take(name, stated="queries" in options)
    if queries is not None:
        if queries.ndim != 2 or queries.shape[1] != 2:
            raise UserError(
                f"expected queries (N, 2) in {name!r} of {arrays.file}, got {queries.shape}"
            )
        return _positions(queries, size, units, order, centred)
    if "h" not in axes:
        return None
    w, h = array.shape[axes.index("w")], array.shape[axes.index("h")]
    pixels = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).reshape(-1, 2)
    middle = coords.from_pixel_centres(pixels.astype(np.float64))
    return coords.resize(middle, (w, h), size)


def _positions(values: np.ndarray, size: Size, units: str, order: str, centred: bool) -> np.ndarray:
    xy = values[..., :: 1 if order == "xy" else -1].astype(np.float32)
    if units == "unit":
        xy = coords.resize(xy, (1, 1), size)
    elif units == "signed":
        xy = coords.denormalise(xy, size)
    return coords.from_pixel_centres(xy) if centred else np.ascontiguousarray(xy)


def _displacements(xy: np.ndarray, size: Size, units: str) -> np.ndarray:
    xy = xy.astype(np.float32)
    if units == "unit":
        return coords.resize(xy, (1, 1), size)
    if units == "signed":
        return coords.displacement_to_pixels(xy, size)
    return xy


def _visible(arrays: Arrays, axes: str, xy: np.ndarray, options: Options) -> np.ndarray | None:
    name = options.text("visible", "visible")
    flags = arrays.take(name, stated="visible" in options)
    if flags is None:
        return None
    where = f"{name!r} of {arrays.file}"
    seen = canonical(flags, axes.replace("d", ""), where)
    if seen.shape != xy.shape[:3] or not np.isin(seen, (0, 1)).all():
        raise UserError(
            f"expected 0 or 1 for each sample, step and point {xy.shape[:3]} in {where}, got "
            f"{flags.dtype} {flags.shape}"
        )
    usual = None if "occ" in name.lower() else "visible"
    why = f"what 1 means in {where}"
    means = options.choice("flag", ("visible", "occluded"), usual, why)
    return np.asarray(seen.astype(bool) == (means == "visible"))
