"""A plain folder of videos, or one video, with captions where there are any.

A caption is in a text file beside its video (clip.txt of clip.mp4) or in a table captions.csv or
captions.jsonl in the folder, with the columns `file` and `caption`. There are no tracks: the videos
are tracked.
"""

from collections.abc import Iterator
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.data.importers.base import Importer, Options, Untracked
from kinecast.data.importers.captions import caption_of, captions_of, sidecar
from kinecast.io.video import open_video

SUFFIXES = (
    ".mp4", ".webm", ".mkv", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".gif", ".ogv", ".wmv",
)  # fmt: skip
_TABLES = ("captions.csv", "captions.jsonl")


def read(path: Path, options: Options) -> Iterator[Untracked]:
    """The videos below a folder in the order of their names; an id is the path without suffix."""
    root = path if path.is_dir() else path.parent
    videos = video_files(path) if path.is_dir() else [path]
    tables = [root / name for name in _TABLES if (root / name).is_file()]
    captions = captions_of(tables, options)
    for file in videos:
        beside, listed = sidecar(file), caption_of(captions, file, root)
        if beside is not None and listed and beside != listed:
            raise UserError(
                f"expected one caption of {file}, got {file.with_suffix('.txt').name} and another "
                "in the table; remove one of them"
            )
        yield Untracked(
            open_video(file),
            caption=listed if beside is None else beside,
            id=file.relative_to(root).with_suffix("").as_posix(),
            source={"importer": "videos", "file": file.relative_to(root).as_posix()},
        )


def video_files(folder: Path) -> list[Path]:
    """The videos below a folder, by name.

    Raises:
        UserError: there are none.
    """
    files = sorted(
        file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    if not files:
        raise UserError(f"expected a folder with videos ({', '.join(SUFFIXES)}), got {folder}")
    return files


IMPORTER = Importer(
    name="videos",
    about=(
        "any folder of videos, with captions in clip.txt beside clip.mp4, captions.csv or "
        "captions.jsonl; the licence is yours to know"
    ),
    convention="no tracks stored; tracked with --tracker",
    options=("captions=FILE: a table with the columns file and caption",),
    read=read,
)
