"""Captions of videos: tables, and text files beside the videos."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from kinecast.core.errors import UserError

_NAMES = ("file", "video_path", "videoid")  # columns that say which video
_TEXTS = ("caption", "text")
_LONGEST = 1 << 20  # bytes of a line


def caption_table(path: Path) -> dict[str, str]:
    """File name, path or id of a video -> its caption.

    A .csv with a column `file`, `video_path` or `videoid` (any of them) and one `caption` or
    `text`; or a .jsonl of objects with these keys. Every name of a row leads to its caption.

    Raises:
        UserError: other columns, a row that is not whole, or two captions for one name.
    """
    captions: dict[str, str] = {}
    for line, row in _rows(path):
        names = [str(row[key]) for key in _NAMES if row.get(key)]
        texts = [row[key] for key in _TEXTS if row.get(key) is not None]
        if not names or len(texts) != 1:
            raise UserError(
                f"expected {', '.join(_NAMES)} (one or more) and caption or text in row {line} of "
                f"{path}, got {', '.join(str(key) for key in row)}"
            )
        for name in names:
            if captions.setdefault(name, str(texts[0])) != str(texts[0]):
                raise UserError(f"expected one caption for {name} in {path}, got two")
    return captions


def captions_of(tables: list[Path], options: Mapping[str, str]) -> dict[str, str]:
    """The captions of the table that `--assume captions=FILE` names, or of the one that was found.

    Raises:
        UserError: no such file, or several were found.
    """
    if "captions" in options:
        tables = [Path(options["captions"])]
        if not tables[0].is_file():
            raise UserError(f"no such file: {tables[0]}; check --assume captions=FILE")
    if len(tables) > 1:
        raise UserError(
            f"expected one table of captions, got {tables[0]} and {tables[1]}; add --assume "
            "captions=FILE"
        )
    return caption_table(tables[0]) if tables else {}


def is_caption_table(path: Path) -> bool:
    """Whether a .csv or .jsonl has the columns of `caption_table`."""
    _, row = next(_rows(path), (0, {}))
    return any(key in row for key in _NAMES) and any(key in row for key in _TEXTS)


def caption_of(captions: Mapping[str, str], video: Path, root: Path) -> str:
    """The caption of a video, looked up by its path from `root`, its name and its stem; or ""."""
    inside = video.relative_to(root) if video.is_relative_to(root) else Path(video.name)
    keys = (inside.as_posix(), inside.with_suffix("").as_posix(), video.name, video.stem)
    return next((captions[key] for key in keys if key in captions), "")


def sidecar(video: Path) -> str | None:
    """The text file beside a video: clip.txt of clip.mp4; None where there is none."""
    path = video.with_suffix(".txt")
    if not path.is_file():
        return None
    if path.stat().st_size > _LONGEST:
        raise UserError(f"expected a caption, got {path.stat().st_size} bytes in {path}")
    try:
        return " ".join(path.read_text("utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise UserError(f"expected a caption in UTF-8 in {path}, got another ({error})") from error


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """(number, row) of a table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                yield from enumerate(csv.DictReader(file), 2)
                return
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is not an object")
                yield number, row
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"expected a table of captions in {path}, got another ({error})") from error
