"""LIBERO demonstrations: one hdf5 file a task, two views, a text, no tracks.

Source: LIBERO (Liu et al., NeurIPS 2023) and its published files. The frames are stored as OpenGL
reads them, bottom row first: here they are turned upright.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.data.importers.base import Importer, Options, Untracked, choice
from kinecast.io.hdf5 import dataset, group, open_hdf5, rows

VIEWS = ("agentview", "eye_in_hand")
CONTROL_FPS = 20.0  # steps a second of every LIBERO task
_LICENCE = "code MIT, demonstrations CC BY 4.0 (check the data's card)"


def task_text(name: str) -> str:
    """The instruction in a file name: without "_demo", and without the scene of LIBERO-10/90."""
    name = re.sub(r"^.*?SCENE\d+_", "", name.removesuffix("_demo"))
    return name.replace("_", " ")


def hdf5_files(path: Path) -> Iterator[tuple[Path, str]]:
    """The hdf5 file, or those of a folder in order of their names, each with its path below it.

    A file that appears under several names (the links of a split) comes once, under its own.

    Raises:
        UserError: there is none.
    """
    if path.is_file():
        yield path, path.stem
        return
    files = sorted(path.rglob("*.hdf5"), key=lambda file: (file.is_symlink(), natural(str(file))))
    if not files:
        raise UserError(f"expected .hdf5 files in {path}, got none; check the path")
    seen: set[Path] = set()
    for file in files:
        if file.resolve() not in seen:
            seen.add(file.resolve())
            yield file, file.relative_to(path).with_suffix("").as_posix()


def natural(name: str) -> list[tuple[int, str]]:
    """A sorting key in which demo_2 comes before demo_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


class _Frames:
    """Frames of one view of one demonstration, upright."""

    def __init__(self, path: Path, name: str, flipped: bool, fps: float) -> None:
        with open_hdf5(path) as file:
            T, H, W, _ = dataset(file, name, "uint8", (None, None, None, 3)).shape
        self._path, self._name, self._flipped, self._length = path, name, flipped, T
        self.size = (W, H)
        self.fps: float | None = fps

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop), RGB."""
        with open_hdf5(self._path) as file:
            frames = rows(dataset(file, self._name, "uint8", (None, None, None, 3)), start, stop)
        return np.ascontiguousarray(frames[:, ::-1]) if self._flipped else frames


def _read(path: Path, options: Options) -> Iterator[Untracked]:
    stated = choice(options, "view", (*VIEWS, "both"), "both")
    views = VIEWS if stated == "both" else (stated,)
    for file, place in hdf5_files(path):
        with open_hdf5(file) as opened:
            data = group(opened, "data")
            demos = sorted((name for name in data if name.startswith("demo_")), key=natural)
            flipped = _stored_flipped(file, data.attrs)
            fps = _fps(file, data.attrs)
        if not demos:
            raise UserError(f"expected data/demo_0, ... in {file}, got none")
        for demo in demos:
            for view in views:
                frames = _Frames(file, f"data/{demo}/obs/{view}_rgb", flipped, fps)
                name = f"{place}/{demo}/{view}"
                source = {
                    "importer": "libero", "file": str(file), "demo": demo, "view": view,
                    "licence": _LICENCE,
                }  # fmt: skip
                yield Untracked(Video(frames, name), task_text(file.stem), name, source)


def _stored_flipped(file: Path, attrs: Any) -> bool:
    """Whether the bottom row comes first; files say so, those that do not are as published."""
    convention = attrs.get("macros_image_convention", "opengl")
    convention = convention.decode() if isinstance(convention, bytes) else convention
    if convention not in ("opengl", "opencv"):
        raise UserError(
            f"expected macros_image_convention opengl or opencv in {file}, got {convention!r}"
        )
    return bool(convention == "opengl")


def _fps(file: Path, attrs: Any) -> float:
    try:
        settings = json.loads(attrs.get("env_args", "{}")).get("env_kwargs", {})
        fps = float(settings.get("control_freq", CONTROL_FPS))
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"expected JSON in the attribute env_args of {file}: {error}") from error
    return fps


IMPORTER = Importer(
    name="libero",
    about=(
        "LIBERO's demonstrations of a robot arm, <suite>/<task>_demo.hdf5, each of two views. "
        f"Licence: {_LICENCE}. From libero-project.github.io, or written by `kinecast libero`."
    ),
    convention="frames are stored bottom row first and are turned upright; there are no tracks",
    options=("view=agentview|eye_in_hand|both",),
    read=_read,
)
