"""Which videos to prepare, and what stands beside them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.data.importers.captions import caption_of, caption_table, sidecar
from kinecast.data.importers.videos import SUFFIXES


@dataclass(frozen=True)
class VideoFile:
    """One input.

    Attributes:
        name: relative to the folder it was found in, so that the machine does not count.
        path: where it is.
        caption: a text, or "".
        licence: as it stands beside the video, or the one stated for all, or "".
    """

    name: str
    path: Path
    caption: str
    licence: str


def find_videos(
    sources: Sequence[str | Path], captions: Path | None = None, licence: str = ""
) -> list[VideoFile]:
    """The videos of files and folders (at any depth), sorted by name.

    Beside `clip.mp4` may stand `clip.txt`, its caption, and `clip.json` with its "licence" (or
    "license").

    Args:
        sources: video files, and folders of them.
        captions: a table (`caption_table`); it wins over what stands beside a video.
        licence: of videos that have none beside them.

    Raises:
        UserError: no such file or folder, no video in it, two videos of one name, or a sidecar or
            table that cannot be read.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for source in map(Path, sources):
        for name, path in _files(source):
            other, _ = found.setdefault(name, (path, source))
            if other.resolve() != path.resolve():
                raise UserError(
                    f"expected videos of different names, got {other} and {path}; "
                    "give the folder that holds both"
                )
    if not found:
        given = ", ".join(str(source) for source in sources) or "nothing"
        raise UserError(f"expected videos ({', '.join(SUFFIXES)}), got {given} without one")
    table = {} if captions is None else caption_table(captions)
    videos = []
    for name, (path, source) in sorted(found.items()):
        root = source if source.is_dir() else source.parent
        caption = caption_of(table, path, root) or sidecar(path) or ""
        videos.append(VideoFile(name, path.absolute(), caption, _licence(path) or licence))
    return videos


def _files(source: Path) -> Iterable[tuple[str, Path]]:
    if not source.exists():
        raise UserError(f"no such file or folder: {source}; check the path")
    if not source.is_dir():
        yield _plain(source.name), source
        return
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield _plain(path.relative_to(source).as_posix()), path


def _plain(name: str) -> str:
    """A name that JSON can hold: bytes of it that are no UTF-8 are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _licence(video: Path) -> str:
    beside = video.with_suffix(".json")
    if not beside.is_file():
        return ""
    try:
        stated = json.loads(beside.read_text("utf-8-sig"))
    except ValueError as error:
        raise UserError(f"expected JSON in {beside}, got: {error}; fix or remove it") from error
    if not isinstance(stated, dict):
        raise UserError(f"expected a JSON object in {beside}; fix or remove it")
    return " ".join(str(stated.get("licence") or stated.get("license") or "").split())
