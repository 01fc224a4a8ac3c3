"""What a suite makes once, at a price, is kept in the user's folder for the next run."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.io.home import home
from kinecast.io.npz import NpzReader, write_npz

KIND = "kinecast-bench-clip"
VERSION = 1

Arrays = Mapping[str, np.ndarray]
Make = Callable[[], Arrays]


def kept(name: str, asked: Mapping[str, Any], code: str, make: Make) -> NpzReader:
    """Arrays of `make`, made when they are asked for the first time.

    They lie in `home() / "bench"`, in a file of that name and a hash of all that they depend on:
    other code makes another file.

    Args:
        name: begins the file's name.
        asked: JSON-able arguments that the arrays depend on.
        code: `code_hash` of what makes them.
        make: makes them.

    Raises:
        UserError: the folder cannot be written, or a file in it is damaged.
    """
    text = json.dumps([KIND, VERSION, dict(asked), code], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = home() / "bench" / f"{name}-{digest}.npz"
    if not path.is_file():
        write_npz(path, KIND, VERSION, make())
    return NpzReader(path, KIND, VERSION)


@cache
def code_hash(*folders: Path, versions: Sequence[str] = ()) -> str:
    """A hash of the Python files of some folders (all below them), and of versions of libraries."""
    digest = hashlib.sha256("\n".join(versions).encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
