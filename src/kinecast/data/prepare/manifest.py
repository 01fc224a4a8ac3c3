"""The record of a complete folder: deterministic, and written last."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from kinecast.data.prepare.plan import Unit, clip_id
from kinecast.data.prepare.work_folder import (
    CLIPS,
    MANIFEST,
    VIDEOS,
    WorkFolder,
    json_lines,
    read_json,
    read_lines,
)

_SHARD = ("name", "sha256", "bytes", "clips", "frames", "points")  # of a record, in the manifest
_FACTS = ("id", "outcome", "reason", "verdict")  # of a unit


def clip_rows(
    videos: Sequence[Mapping[str, Any]],
    shards: Mapping[str, Sequence[Unit]],
    records: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Lines of clips.jsonl: every candidate clip by video and time, kept in a shard or not and why.

    `position` is the clip's place in its shard.
    """
    made: dict[str, dict[str, Any]] = {}
    for name, units in shards.items():
        position = 0
        for unit, facts in zip(units, records[name]["units"], strict=True):
            row = {key: value for key, value in facts.items() if key != "id" and value is not None}
            if facts["outcome"] == "kept":
                row |= {"shard": records[name]["name"], "position": position}
                position += 1
            made[unit.id] = row
    rows = []
    for video in videos:
        for clip in video.get("clips", ()):
            key = clip_id(video["sha256"], clip["start"])
            row = {"id": key, "video": video["video"], "start": clip["start"]}
            if clip["verdict"] is not None:
                row |= {"outcome": "rejected", "verdict": clip["verdict"]}
            rows.append(row | made.get(key, {}))
    return rows


def manifest(
    settings: Mapping[str, Any],
    videos: Sequence[Mapping[str, Any]],
    clips: Sequence[Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Settings, versions, counts, licences, shards with their hashes, and what was quarantined."""
    quarantined = [
        {"video": row["video"], "sha256": row["sha256"], "reason": row["bad"]}
        for row in videos
        if row["bad"] is not None
    ] + [
        {"video": row["video"], "clip": row["id"], "reason": row["reason"]}
        for row in clips
        if row["outcome"] == "quarantined"
    ]
    rejected_videos = Counter(
        "duplicate" if "duplicate_of" in row else row["verdict"]["reason"]
        for row in videos
        if row["bad"] is None and (row["verdict"] is not None or "duplicate_of" in row)
    )
    rejected = Counter(row["verdict"]["reason"] for row in clips if row["outcome"] == "rejected")
    licence = {row["video"]: row["licence"] or "unknown" for row in videos}
    licences = Counter(licence[row["video"]] for row in clips if row["outcome"] == "kept")
    kept = [record for _, record in sorted(records.items()) if record["clips"]]
    return {
        **settings,
        "counts": {
            "videos": len(videos),
            "videos_quarantined": sum(row["bad"] is not None for row in videos),
            "videos_rejected": dict(sorted(rejected_videos.items())),
            "clips": len(clips),
            "clips_kept": sum(record["clips"] for record in kept),
            "clips_rejected": dict(sorted(rejected.items())),
            "clips_quarantined": sum(row["outcome"] == "quarantined" for row in clips),
            "frames": sum(record["frames"] for record in kept),
            "points": sum(record["points"] for record in kept),
            "bytes": sum(record["bytes"] for record in kept),
        },
        "licences": dict(sorted(licences.items())),
        "files": {
            name: sha256(json_lines(rows).encode()).hexdigest()
            for name, rows in ((VIDEOS, videos), (CLIPS, clips))
        },
        "shards": [{key: record[key] for key in _SHARD} for record in kept],
        "quarantined": quarantined,
    }


def restore_records(folder: WorkFolder, shards: Mapping[str, Sequence[Unit]]) -> None:
    """Write the shards' records again from a complete folder, so that it can be checked."""
    if not all((folder.out / name).is_file() for name in (MANIFEST, CLIPS)):
        return
    stated = {entry["name"]: entry for entry in read_json(folder.out / MANIFEST)["shards"]}
    made = {row["id"]: row for row in read_lines(folder.out / CLIPS)}
    for name, units in shards.items():
        record = stated.get(f"{name}.parquet", {"name": f"{name}.parquet", "clips": 0})
        facts = [{key: made[unit.id].get(key) for key in _FACTS} for unit in units]
        folder.write_json(folder.shard_record(name), {**record, "units": facts})
