"""Torch's own files (.pt) that hold data: tensors and plain containers, no code.

NumPy arrays in them are refused too: what rebuilds those from a pickle can be made to point at any
memory.
"""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

from kinecast.core.errors import UserError

_DAMAGED = (  # what torch and zipfile raise for a file that is not, or no longer, one of theirs
    RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError, AssertionError,
    OSError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


def load_torch(path: str | Path) -> Any:
    """The content of a torch file, tensors on the CPU.

    Raises:
        UserError: no such file, damaged, code in it, or packed members (torch never packs).
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _check_plain(archive, path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"expected tensors and plain containers in {path}, got a damaged pickle or one with "
            "code in it, which is not run; NumPy arrays in it are to be saved as tensors"
        ) from error
    except _DAMAGED as error:
        first = str(error).partition("\n")[0]
        raise UserError(f"expected a torch file, got {path}: damaged ({first})") from error


def _check_plain(archive: zipfile.ZipFile, path: Path) -> None:
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
            raise UserError(
                f"expected a file that torch.save wrote, got {path} with {info.filename!r} packed: "
                "it looks like a zip bomb and was not unpacked"
            )
