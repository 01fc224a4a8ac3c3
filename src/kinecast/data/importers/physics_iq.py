"""Physics-IQ: real videos of physical events, three views, two takes; videos and texts only.

Source: Motamed et al. 2025, and the published bucket: descriptions.csv, split-videos, full-videos,
switch-frames (the image at which the conditioning part ends), video-masks.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.data.importers.base import Importer, Options, Untracked, choice
from kinecast.io.video import open_video

_PARTS = {  # --assume part= -> folders, of the bucket and of its description
    "testing": ("split-videos/testing", "split-videos/testing-videos"),
    "conditioning": ("split-videos/conditioning", "split-videos/conditioning-videos"),
    "full": ("full-videos/take-1", "full-videos/take-2"),
}
_RATES = ("30", "24", "16", "8")
_SOLID = "solid mechanics"
_NAME = re.compile(
    r"(?P<id>\d{4})_(?:.*_)?perspective-(?P<view>left|center|right)_take-(?P<take>[12])_"
    r"trimmed-(?P<event>.+)"
)
_LICENCE = "CC BY 4.0"


@dataclass(frozen=True)
class Description:
    """A row of descriptions.csv.

    Attributes:
        text: what is seen.
        category: such as "Solid Mechanics", or "" where the file has no such column.
    """

    text: str
    category: str


def descriptions(file: Path) -> Mapping[tuple[str, str], Description]:
    """Rows by view and event; the takes of one event share one.

    Raises:
        UserError: not such a file.
    """
    rows: dict[tuple[str, str], Description] = {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            for number, row in enumerate(csv.DictReader(stream, strict=True), 2):
                name = row.get("generated_video_name") or ""
                found = re.search(r"perspective-(left|center|right)_trimmed-(.+)\.mp4$", name)
                if found is None:
                    raise UserError(
                        "expected generated_video_name such as 0001_perspective-left_trimmed-X.mp4 "
                        f"in line {number} of {file}, got {name!r}"
                    )
                about = Description(row.get("description") or "", row.get("category") or "")
                rows.setdefault((found[1], found[2]), about)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"expected a CSV file {file}, got: {error}") from error
    return rows


def _read(path: Path, options: Options) -> Iterator[Untracked]:
    part = choice(options, "part", tuple(_PARTS), "testing")
    fps = choice(options, "fps", _RATES, "30")
    take = choice(options, "take", ("1", "2", "both"), "both")
    solid = choice(options, "events", ("all", "solid-mechanics"), "all") == "solid-mechanics"
    rows = descriptions(_descriptions_file(path))
    if solid and not any(row.category for row in rows.values()):
        raise UserError(
            f"expected a column category in {_descriptions_file(path)} to choose by, got none; "
            "leave out --assume events=solid-mechanics"
        )
    for file in _videos(path, part, fps):
        name = _NAME.fullmatch(file.stem)
        if name is None:
            raise UserError(
                "expected a name such as 0001_..._perspective-left_take-1_trimmed-X.mp4, "
                f"got {file}"
            )
        row = rows.get((name["view"], name["event"]))
        if row is None:
            raise UserError(
                f"expected a description of {name['event']}, {name['view']} view, got none ({file})"
            )
        if take not in ("both", name["take"]) or (solid and row.category.lower() != _SOLID):
            continue
        source = {
            "importer": "physics-iq", "file": str(file), **name.groupdict(), "part": part,
            "category": row.category, "licence": _LICENCE,
            "switch_frame": _beside(path / "switch-frames", name, ".jpg"),
            "mask": _beside(path / "video-masks" / "real" / f"{fps}FPS", name, ".mp4"),
        }  # fmt: skip
        yield Untracked(open_video(file), row.text, file.stem, source)


def _descriptions_file(path: Path) -> Path:
    places = [path / "descriptions.csv", path / "descriptions" / "descriptions.csv"]
    for place in places:
        if place.is_file():
            return place
    raise UserError(f"expected {places[0]}, got none; Physics-IQ's folder holds it")


def _videos(path: Path, part: str, fps: str) -> list[Path]:
    folders = [path / folder / f"{fps}FPS" for folder in _PARTS[part]]
    files = sorted(file for folder in folders for file in folder.glob("*.mp4"))
    if not files:
        raise UserError(f"expected videos in {' or '.join(map(str, folders))}, got none")
    return files


def _beside(folder: Path, name: re.Match[str], suffix: str) -> str | None:
    """The file of the same event, view and, where it has one, take; None if it is not there."""
    pattern = re.compile(
        rf"\d{{4}}_(?:.*_)?perspective-{name['view']}(?:_take-{name['take']})?_"
        rf"trimmed-{re.escape(name['event'])}{re.escape(suffix)}"
    )
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((str(file) for file in files if pattern.fullmatch(file.name)), None)


IMPORTER = Importer(
    name="physics-iq",
    about=(
        "Physics-IQ: 66 physical events, three views, two takes, 3840x2160. Licence: "
        f"{_LICENCE}. From the bucket physics-iq-benchmark."
    ),
    convention="videos and texts only: there are no tracks",
    options=(
        f"part={'|'.join(_PARTS)}",
        f"fps={'|'.join(_RATES)}",
        "take=1|2|both",
        "events=all|solid-mechanics",
    ),
    read=_read,
)
