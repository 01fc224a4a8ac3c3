"""What a method wrote for a case: one file `ID.SUFFIX`, or one file a sample, `ID/0.SUFFIX`, ...

An id may have folders in it, as in the suite. Nothing in a file is run: pickles hold arrays and
built-in values, torch files hold tensors, NumPy files hold numbers.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinecast.bench.readers.base import RefusalError
from kinecast.core.errors import UserError
from kinecast.data.shards.schema import check_id
from kinecast.io.hdf5 import dataset, open_hdf5, shape_of, whole
from kinecast.io.npy import parse_npy, parse_npz
from kinecast.io.pickles import load_pickle
from kinecast.io.torch_file import load_torch

ARRAYS = (".npz", ".npy", ".pt", ".pth", ".pkl", ".pickle", ".hdf5", ".h5")
NOTHING = "no outputs of this case are there"


def check_folder(folder: Path) -> Path:
    """The folder.

    Raises:
        UserError: it is not one.
    """
    if not folder.is_dir():
        raise UserError(f"expected a folder of outputs, got {folder}; check the path")
    return folder


def place_of(folder: Path, case_id: str) -> Path:
    """`folder/ID`, without a suffix.

    Raises:
        UserError: the id leaves the folder.
    """
    check_id(case_id)
    return folder / case_id


def files_of(folder: Path, case_id: str, suffixes: tuple[str, ...] = ARRAYS) -> list[Path]:
    """The files of a case: one with all samples, or one a sample in natural order.

    Raises:
        RefusalError: there are none.
        UserError: a file and a folder, or files of several kinds.
    """
    place = place_of(folder, case_id)
    single = [file for suffix in suffixes if (file := Path(f"{place}{suffix}")).is_file()]
    found = samples_in(place, suffixes)
    if len(single) + bool(found) > 1:
        names = ", ".join(str(file) for file in [*single, *found[:1]])
        raise UserError(f"expected one file of case {case_id} or a folder of its own, got {names}")
    if len({file.suffix for file in found}) > 1:
        raise UserError(f"expected samples of one kind in {place}, got several")
    if not single and not found:
        raise RefusalError(NOTHING)
    return single or found


def samples_in(place: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files named by numbers in a folder that may not be there, 2.npz before 10.npz."""
    files = [
        file
        for file in (place.iterdir() if place.is_dir() else ())
        if file.suffix.lower() in suffixes and file.stem.isdecimal() and file.is_file()
    ]
    return sorted(files, key=natural)


def natural(file: Path) -> list[tuple[int, str]]:
    """The order in which people count."""
    parts = re.split(r"(\d+)", file.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


class Arrays:
    """The named arrays of a file; of an .npy, or a file of one bare array, the name is "".

    Raises:
        UserError: no such file, damaged, or it holds code.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        suffix = file.suffix.lower()
        self._hdf5 = suffix in (".hdf5", ".h5")
        content: Any = {}
        if suffix == ".npy":
            content = parse_npy(file.read_bytes(), str(file))
        elif suffix == ".npz":
            content = parse_npz(file.read_bytes(), str(file))
        elif suffix in (".pt", ".pth"):
            content = load_torch(file)
        elif not self._hdf5:
            content = load_pickle(file)
        self._content = content if isinstance(content, Mapping) else {"": content}

    def take(self, name: str, stated: bool) -> np.ndarray | None:
        """An array by name; parts of a name of nested ones are parted by "/".

        Args:
            name: of the array; a file of one bare array has it under any name.
            stated: whether the user stated the name, so that it has to be there.

        Raises:
            UserError: it is stated and not there, or no array of plain numbers.
        """
        found = self._find(name)
        if found is None:
            if not stated:
                return None
            raise UserError(f"expected an array {name!r} in {self.file}, got {self.names()}")
        if isinstance(found, torch.Tensor):
            found = found.detach().float() if found.dtype == torch.bfloat16 else found.detach()
            found = found.numpy()
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
            kind = getattr(found, "dtype", type(found).__name__)
            raise UserError(f"expected numbers in {name!r} of {self.file}, got {kind}")
        return found

    def names(self) -> str:
        """The arrays that are there, for messages."""
        if self._hdf5:
            return "no such array"
        return ", ".join(repr(str(name)) for name in self._content) or "none"

    def _find(self, name: str) -> Any:
        if self._hdf5:
            with open_hdf5(self.file) as file:
                shape = shape_of(file, name)
                if not shape:
                    return None
                return whole(dataset(file, name, "biuf", (None,) * len(shape)))
        if set(self._content) == {""}:
            return self._content[""] if name in ("tracks", "flow") else None
        found: Any = self._content
        for part in name.split("/"):
            if not isinstance(found, Mapping) or part not in found:
                return None
            found = found[part]
        return found
