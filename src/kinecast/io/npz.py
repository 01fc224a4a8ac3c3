"""Versioned .npz files: named arrays, no pickles, the same values give the same bytes."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.io.atomic import atomic_path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same tracks give the same bytes, whenever they are written

_DAMAGED = (  # what NumPy and zipfile raise for a file that is not, or no longer, an archive
    ValueError, EOFError, OSError, AttributeError, KeyError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def write_npz(path: str | Path, kind: str, version: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays with the keys "format" (`kind`) and "version", atomically.

    Raises:
        UserError: another suffix than .npz, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise UserError(f"expected a file name ending in .npz, got {path}")
    members = {"format": np.array(kind), "version": np.array(version, np.int64), **arrays}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in members.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            archive.writestr(info, data.getvalue())


class NpzReader:
    """The arrays of a file written by `write_npz`, each checked when it is taken.

    Raises:
        UserError: no such file, not an .npz file, damaged, of another format or a newer version.
    """

    def __init__(self, path: str | Path, kind: str, version: int) -> None:
        self.path = Path(path)
        self._arrays = _load(self.path, kind)
        got = str(self.take("format", "U", ()))
        if got != kind:
            raise UserError(f"expected format {kind!r} in {self.path}, got {got!r}")
        number = int(self.take("version", "i", ()))
        if number != version:
            raise UserError(
                f"expected {kind} version {version}, got version {number} in {self.path}; "
                "update kinecast to read it"
            )

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def take(self, name: str, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """The array `name` of a dtype ("float32", or a kind such as "i") and shape (None: any).

        Raises:
            UserError: missing, or of another dtype or shape.
        """
        if name not in self._arrays:
            raise UserError(
                f"expected the key {name!r} in {self.path}, got only {sorted(self._arrays)}"
            )
        array = self._arrays[name]
        fits = len(array.shape) == len(shape) and all(
            want is None or got == want for got, want in zip(array.shape, shape, strict=True)
        )
        if dtype not in (array.dtype.name, array.dtype.kind) or not fits:
            wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
            raise UserError(
                f"expected {name} {dtype} {wanted} in {self.path}, "
                f"got {array.dtype.name} {array.shape}"
            )
        return np.asarray(array)

    def take_json(self, name: str) -> dict[str, Any]:
        """The object that is stored as JSON text under `name`.

        Raises:
            UserError: missing, or not a JSON object.
        """
        text = str(self.take(name, "U", ()))
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"expected JSON in {name} of {self.path}, got {text[:60]!r}") from error
        if not isinstance(value, dict):
            raise UserError(f"expected a JSON object in {name} of {self.path}, got {text[:60]!r}")
        return value


def read_kind(path: str | Path) -> str:
    """The "format" of a file that `write_npz` wrote.

    Raises:
        UserError: no such file, not an .npz file, or damaged.
    """
    return str(_load(Path(path), "kinecast").get("format", "none"))


def _load(path: Path, kind: str) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    try:
        if not zipfile.is_zipfile(path):  # NumPy would advise to unpickle it
            raise ValueError("not a zip archive")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except _DAMAGED as error:
        raise UserError(
            f"expected an .npz file of plain arrays ({kind}), got {path}: "
            f"not one, truncated or damaged ({error})"
        ) from error


def json_array(value: Mapping[str, Any]) -> np.ndarray:
    """A mapping as JSON text in a 0-d array.

    Raises:
        UserError: it holds what JSON cannot.
    """
    return np.array(json_text(value))


def json_text(value: Mapping[str, Any]) -> str:
    """A mapping as JSON text, always the same for the same values.

    Raises:
        UserError: it holds what JSON cannot.
    """
    try:
        return json.dumps(dict(value), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"expected provenance that JSON can hold, got {value!r} ({error})"
        ) from error


def frame_arrays(size: tuple[int, int], fps: float | None, grid: Grid | None) -> dict:
    """The keys that say which frame the pixels belong to and how the points were laid."""
    arrays = {"size": np.array(size, np.int64)}
    if fps is not None:
        arrays["fps"] = np.array(fps, np.float64)
    if grid is not None:
        arrays["grid"] = np.array([grid.h, grid.w], np.int64)
        arrays["grid_stride"] = np.array(grid.stride, np.float64)
        arrays["grid_origin"] = np.array(grid.origin, np.float64)
    return arrays


def take_frame(file: NpzReader) -> dict[str, Any]:
    """The size, fps and grid that `frame_arrays` stored, as arguments of Tracks."""
    W, H = file.take("size", "int64", (2,)).tolist()
    fps = float(file.take("fps", "float64", ())) if "fps" in file else None
    grid = None
    if "grid" in file:
        h, w = file.take("grid", "int64", (2,)).tolist()
        x, y = file.take("grid_origin", "float64", (2,)).tolist()
        grid = Grid(h, w, float(file.take("grid_stride", "float64", ())), (x, y))
    return {"size": (W, H), "fps": fps, "grid": grid}
