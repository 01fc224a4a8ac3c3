"""A recorded case: inputs, weights and outputs of a published network, in one folder."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean
from kinecast.released.files import read_tensors

ABOUT = "case.json"


class Named(dict[str, Any]):
    """A dictionary of one file; a name that is not there is the file's mistake, not a bug."""

    def __init__(self, values: Mapping[str, Any], file: Path) -> None:
        super().__init__(values)
        self.file = file

    def __missing__(self, name: str) -> Any:
        raise UserError(
            f"expected {name!r} in {self.file}, got {', '.join(self) or 'nothing'}"
            f"{did_you_mean(name, self)}"
        )


@dataclass(frozen=True)
class Case:
    """One folder; arrays and weights are read when they are asked for.

    Attributes:
        folder: where it is.
        about: case.json.
    """

    folder: Path
    about: Named

    @classmethod
    def read(cls, folder: str | Path) -> "Case":
        """The case of a folder (or of its case.json).

        Raises:
            UserError: no readable case.json there, or one without system, kind and outputs.
        """
        folder = Path(folder)
        folder = folder.parent if folder.name == ABOUT else folder
        case = cls(folder, read_json(folder / ABOUT))
        for key in ("system", "kind", "outputs", "tolerance"):
            case.about[key]
        return case

    @property
    def system(self) -> str:
        """Whose case it is: trajloom, whn, zipmo, metrics."""
        return str(self.about["system"])

    @property
    def kind(self) -> str:
        """What was run."""
        return str(self.about["kind"])

    @cached_property
    def config(self) -> Named | None:
        """The configuration that was run; nested as it is in its file."""
        name = self.about.get("config")
        return None if name is None else read_json(self.path(name))

    @cached_property
    def inputs(self) -> dict[str, Tensor]:
        """What went in, by name."""
        return self._arrays("inputs")

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        """What came out, by name."""
        return self._arrays("outputs")

    def weights(self, role: str) -> dict[str, Tensor]:
        """The tensors of a role, by published names, without outer layout and prefixes.

        Raises:
            UserError: no such role, or a file that cannot be read.
        """
        roles = Named(self.about["weights"], self.folder / ABOUT)
        return read_tensors(self.path(roles[role]))

    def path(self, name: str) -> Path:
        """A file of the case; names are relative to its folder and may lead to a sibling's.

        Raises:
            UserError: not a name.
        """
        if not isinstance(name, str):
            raise UserError(f"expected the name of a file in {self.folder / ABOUT}, got {name!r}")
        return self.folder / name

    def _arrays(self, what: str) -> dict[str, Tensor]:
        return read_arrays(self.path(self.about[what]))


def read_arrays(path: Path) -> Named:
    """The arrays of an .npz file, by name.

    Raises:
        UserError: no such file, or no arrays of numbers in it.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Named({name: _tensor(array) for name, array in arrays.items()}, path)
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        EOFError,
        BadZipFile,
        zlib.error,
    ) as error:
        raise UserError(f"expected arrays in {path}, got: {error}") from error


def read_json(path: Path) -> Named:
    """A JSON object, nested.

    Raises:
        UserError: no such file, or no JSON object in it.
    """
    try:
        values = json.loads(path.read_text("utf-8"), object_hook=lambda pairs: Named(pairs, path))
    except (OSError, ValueError) as error:
        raise UserError(f"expected a JSON file at {path}, got: {error}") from error
    if not isinstance(values, Named):
        raise UserError(f"expected a JSON object in {path}, got {type(values).__name__}")
    return values


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
