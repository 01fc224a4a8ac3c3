"""From scanned videos to units of work and shards: a pure function, made before any tracking."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kinecast.data.prepare.scan import Scanned


@dataclass(frozen=True)
class Unit:
    """One candidate clip.

    Attributes:
        id: from the video's content and the first frame: neither names nor machines count.
        video: name of the video.
        sha256: of the video.
        start: first frame.
    """

    id: str
    video: str
    sha256: str
    start: int


def video_rows(scanned: Sequence[Scanned]) -> list[dict[str, Any]]:
    """Lines of videos.jsonl, by name: inputs, what stands beside them, what the scan found.

    A video with the content of an earlier one is a duplicate: it gives no clips.
    """
    rows: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    for item in sorted(scanned, key=lambda item: item.video.name):
        row = input_row(item) | (item.found or {})
        name = first.setdefault(item.sha256, item.video.name)
        if name != item.video.name and row["bad"] is None:
            row |= {"duplicate_of": name, "clips": []}
        rows.append(row)
    return rows


def input_row(item: Scanned) -> dict[str, Any]:
    """What must stay the same between runs."""
    return {
        "video": item.video.name,
        "sha256": item.sha256,
        "bytes": item.stamp[0],
        "caption": item.video.caption,
        "licence": item.video.licence,
    }


def units(rows: Sequence[dict[str, Any]]) -> list[Unit]:
    """Clips that are to be tracked, in the order of the videos and of time."""
    return [
        Unit(clip_id(row["sha256"], clip["start"]), row["video"], row["sha256"], clip["start"])
        for row in rows
        for clip in row.get("clips", ())
        if clip["verdict"] is None
    ]


def clip_id(sha256: str, start: int) -> str:
    """Of the clip of a video that begins at a frame."""
    return f"{sha256[:16]}-{start:07d}"


def shards(all_units: Sequence[Unit], size: int) -> dict[str, list[Unit]]:
    """Fixed groups of `size` units: name of the shard -> its units, in order."""
    groups = [all_units[i : i + size] for i in range(0, len(all_units), size)]
    return {f"shard-{k:05d}": list(group) for k, group in enumerate(groups)}
