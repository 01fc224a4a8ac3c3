"""HDF5 files of others: read lazily, never out of the file.

An HDF5 file may point to other files (external links, external storage, virtual data sets): what a
published data set does not do and a hostile file might, so it is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.extra import optional

_MOST_BYTES = 2**31  # of one array that is read whole


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[Any]:
    """An h5py.File for reading.

    Raises:
        UserError: no such file, or not HDF5.
        MissingExtraError: h5py is not installed.
    """
    h5py = optional("h5py", "data")
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"expected an HDF5 file, got {path}: {reason}") from error
    with file:
        yield file


def group(parent: Any, name: str) -> Any:
    """The h5py.Group at a path below `parent`.

    Raises:
        UserError: missing, something else than a group, or outside the file.
    """
    h5py = optional("h5py", "data")
    found = _member(parent, name)
    if not isinstance(found, h5py.Group):
        raise UserError(f"expected a group {_where(parent, name)}, got an array")
    return found


def dataset(parent: Any, name: str, dtype: str, shape: tuple[int | None, ...]) -> Any:
    """The h5py.Dataset at a path below `parent`, not yet read.

    Args:
        parent: file or group.
        name: path.
        dtype: a name such as "uint8", or the kinds that are allowed, such as "f" or "biu".
        shape: what it must have; None is any.

    Raises:
        UserError: missing, of another dtype or shape, or stored outside the file.
    """
    h5py = optional("h5py", "data")
    found = _member(parent, name)
    if not isinstance(found, h5py.Dataset):
        raise UserError(f"expected an array {_where(parent, name)}, got a group")
    if found.external is not None or found.is_virtual:
        raise UserError(f"expected {_where(parent, name)} in the file, got it stored in others")
    fits = len(found.shape or ()) == len(shape) and all(
        want is None or got == want for got, want in zip(found.shape, shape, strict=True)
    )
    kinds = dtype if dtype.isalpha() else ""
    if not fits or (dtype != found.dtype.name and found.dtype.kind not in kinds):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise UserError(
            f"expected {_where(parent, name)} {dtype} {wanted}, got {found.dtype} {found.shape}"
        )
    return found


def names_in(parent: Any, name: str) -> list[str]:
    """Names of the members of the group at a path below `parent`, in no particular order.

    Raises:
        UserError: missing, something else than a group, outside the file, or damaged.
    """
    found = group(parent, name)
    with _undamaged(parent, name):
        return list(found)


def shape_of(parent: Any, name: str) -> tuple[int, ...] | None:
    """Shape of the array at a path below `parent`: () for a group, None where there is nothing.

    Raises:
        UserError: it is outside the file.
    """
    found = _found(parent, name)
    with _undamaged(parent, name):
        return None if found is None else tuple(getattr(found, "shape", None) or ())


def whole(array: Any) -> np.ndarray:
    """All of an h5py.Dataset.

    Raises:
        UserError: it says that it has more than 2 GiB, or it is damaged.
    """
    if array.nbytes > _MOST_BYTES:
        raise UserError(
            f"expected {array.name} of {array.file.filename} to have at most 2 GiB, "
            f"got {array.nbytes} bytes"
        )
    return rows(array, 0, len(array))


def rows(array: Any, start: int, stop: int, axis: int = 0) -> np.ndarray:
    """Elements [start, stop) of an h5py.Dataset along one axis.

    Raises:
        UserError: the file is damaged there.
    """
    try:
        return np.asarray(array[(slice(None),) * axis + (slice(start, stop),)])
    except OSError as error:
        raise UserError(
            f"cannot read {array.name} of {array.file.filename}: {str(error).splitlines()[0]}; "
            "the file is damaged"
        ) from error


def _member(parent: Any, name: str) -> Any:
    """Follow a path member by member, through hard links alone."""
    found = _found(parent, name)
    if found is None:
        raise UserError(f"expected {_where(parent, name)}, got none; is it of another layout?")
    return found


def _found(parent: Any, name: str) -> Any:
    h5py = optional("h5py", "data")
    found = parent
    for part in name.split("/"):
        with _undamaged(parent, name):
            link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise UserError(f"expected {_where(parent, name)} in the file, got a link; refused")
        with _undamaged(parent, name):
            found = found[part]
    return found


@contextmanager
def _undamaged(parent: Any, name: str) -> Iterator[None]:
    """What h5py raises for a damaged file, as an error of the user's."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise UserError(
            f"cannot read {_where(parent, name)}: {str(error).splitlines()[0]}; the file is damaged"
        ) from error


def _where(parent: Any, name: str) -> str:
    return f"{parent.name.rstrip('/')}/{name} of {parent.file.filename}"
