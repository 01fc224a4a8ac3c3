"""What a user study shows: each method's rendered clips, or the stored paths of a benchmark run."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from kinecast.bench.parts import RUN
from kinecast.bench.results import CaseFacts, read
from kinecast.core.errors import UserError

# suffix -> kind, media type, what the file begins with (after so many bytes)
FILES: Mapping[str, tuple[str, str, int, tuple[bytes, ...]]] = {
    ".gif": ("picture", "image/gif", 0, (b"GIF87a", b"GIF89a")),
    ".png": ("picture", "image/png", 0, (b"\x89PNG\r\n\x1a\n",)),
    ".jpg": ("picture", "image/jpeg", 0, (b"\xff\xd8\xff",)),
    ".webp": ("picture", "image/webp", 8, (b"WEBP",)),
    ".mp4": ("film", "video/mp4", 4, (b"ftyp",)),
    ".webm": ("film", "video/webm", 0, (b"\x1aE\xdf\xa3",)),
}
LARGEST = 200 * 2**20  # bytes in all: browsers take no larger page well
FPS = 12.0  # of paths

Item = Mapping[str, Any]
Shown = dict[str, dict[str, Item]]  # method -> clip -> what the page shows


def gather(sources: Iterable[str]) -> Shown:
    """The clips of every method; see `page.write` for the sources.

    Raises:
        UserError: a source that is neither, a method that comes twice, no clips, files that are
            not what their names say, or more than a page can hold.
    """
    found: Shown = {}
    for source in sources:
        name, equals, folder = source.partition("=")
        if (Path(source) / RUN).is_file():
            methods = _of_run(Path(source))
        elif equals and name and Path(folder).is_dir():
            methods = {name: _of_folder(Path(folder))}
        else:
            raise UserError(
                f"expected NAME=FOLDER of rendered clips, or a folder of kinecast bench run, got "
                f"{source!r}"
            )
        for method, clips in methods.items():
            if method in found:
                raise UserError(f"expected each method once, got {method} twice")
            found[method] = clips
    size = sum(len(i.get("data", "")) for clips in found.values() for i in clips.values())
    if size > LARGEST:
        raise UserError(
            f"expected clips of at most {LARGEST >> 20} MB for one page, got {size >> 20} MB; give "
            "fewer or smaller ones"
        )
    return found


def _of_folder(folder: Path) -> dict[str, Item]:
    clips: dict[str, Item] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in FILES:
            continue
        if path.stem in clips:
            raise UserError(f"expected one file a clip in {folder}, got two of {path.stem}")
        kind, media, offset, begins = FILES[path.suffix.lower()]
        data = path.read_bytes()
        if not any(data[offset : offset + len(begin)] == begin for begin in begins):
            raise UserError(f"expected {media} in {path}, got something else; render it again")
        clips[path.stem] = {"kind": kind, "data": _url(media, data)}
    if not clips:
        raise UserError(f"expected clips ({', '.join(FILES)}) in {folder}, got none")
    return clips


def _of_run(folder: Path) -> dict[str, dict[str, Item]]:
    results = read(folder)
    found: dict[str, dict[str, Item]] = {}
    for row in results.rows:
        if row.result.paths is not None and row.case in results.cases:
            future = row.result.paths[0]  # the first sample: not the best of many
            item = _paths(results.cases[row.case], future)
            found.setdefault(row.model, {})[row.case] = item
    if not found:
        raise UserError(f"expected forecasts with stored paths in {folder}, got none")
    return found


def _paths(case: CaseFacts, future: Float[np.ndarray, "f n 2"]) -> Item:
    return {
        "kind": "paths",
        "size": list(case.size),
        "fps": FPS,
        "history": _positions(case.history),
        "future": _positions(future),
        "picture": None if case.jpeg is None else _url("image/jpeg", case.jpeg),
    }


def _positions(xy: Float[np.ndarray, "t n 2"]) -> list[list[list[float] | None]]:
    """Rounded to a tenth of a pixel; None where a point is hidden."""
    rounded = np.round(xy.astype(np.float64), 1)
    return [[p.tolist() if np.isfinite(p).all() else None for p in frame] for frame in rounded]


def _url(media: str, data: bytes) -> str:
    return f"data:{media};base64,{base64.b64encode(data).decode()}"
