"""`kinecast show` of a shard: the whole, one clip of it, and what it shares with others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.cli.progress import progress_bar
from kinecast.cli.show_facts import rate, tracks_summary
from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.data.leakage import find_leaks
from kinecast.data.shards import DamageError, Shard, open_shard
from kinecast.io.checkpoint import file_hash
from kinecast.io.image import write_image
from kinecast.io.selected import selected
from kinecast.viz.blank import blank_video
from kinecast.viz.render import render_tracks, track_pictures
from kinecast.viz.still import render_still

_NAMED = 20  # damaged clips that a summary lists


@dataclass(frozen=True, eq=False)
class ShardClip:
    """Clip `index` of a shard."""

    shard: Shard
    index: int
    clip: Clip


def open_place(place: Path) -> Shard | ShardClip:
    """FILE.parquet, or FILE.parquet:17.

    Raises:
        UserError: not a whole number after the colon, or no such clip; as `open_shard`.
    """
    text, colon, number = str(place).rpartition(":")
    if not colon or not text.lower().endswith(".parquet"):
        return open_shard(place)
    shard = open_shard(text)
    if not number.isdecimal() or int(number) >= len(shard):
        raise UserError(f"expected {text}:N with N from 0 to {len(shard) - 1}, got {number!r}")
    return ShardClip(shard, int(number), shard[int(number)])


def shard_summary(shard: Shard) -> dict[str, Any]:
    """Of a whole shard; every byte of it is verified."""
    with progress_bar("verifying") as advance:
        damage = shard.verify(lambda done, total: advance(done, total))
    frames = shard.frames
    summary: dict[str, Any] = {
        "kind": "shard",
        "clips": len(shard),
        "frames": f"{sum(frames)} ({_range(frames)} a clip)",
    }
    facts = _facts(shard, {error.clip for error in damage})
    summary |= {name: _range(values) for name, values in facts.items()}
    return summary | {
        "pictures": shard.pictures,
        "bytes": shard.path.stat().st_size,
        "sha256": file_hash(shard.path),
        "damage": _damage(damage, len(shard)),
        "about": shard.about,
    }


def clip_summary(place: ShardClip) -> dict[str, Any]:
    """Of one clip."""
    clip, shard = place.clip, place.shard
    signature = shard.signature(place.index)
    latents = {name: list(array.shape) for name, array in shard.latents(place.index).items()}
    return {
        **tracks_summary(clip.tracks),
        "kind": "clip",
        "id": clip.id,
        "caption": clip.caption,
        "pictures": "none" if clip.video is None else shard.pictures,
        "latents": latents,
        "content sha256": signature.content.hex(),
    }


def draw_clip(place: ShardClip, out: Path) -> None:
    """A PNG of the first picture with the path of every point, or an mp4 of the clip.

    Where only the first picture is stored it stands still; dark frames stand for none.
    """
    tracks, length = place.clip.tracks, len(place.clip.tracks)
    video = _pictures(place)
    if out.suffix.lower() == ".mp4":
        render_tracks(out, video, [tracks])
    elif length == 1:
        write_image(out, next(track_pictures(video, [tracks])))
    else:
        render_still(out, video, tracks.window(0, 1), [tracks.window(1, length)], 1)


def leaks(file: Path, against: Sequence[Path]) -> list[dict[str, str]]:
    """What a shard shares with others, a row a pair of clips."""
    return [
        {"clip": leak.clip, "other": leak.other, "why": leak.why}
        for leak in find_leaks([file], against)
    ]


def _pictures(place: ShardClip) -> Video:
    """What there is to draw on, as many frames as the tracks have."""
    tracks, video = place.clip.tracks, place.clip.video
    if video is None:
        return blank_video(tracks.size, len(tracks), tracks.fps)
    if place.shard.pictures == "first":
        return selected(video, [0] * len(tracks), video.fps)
    return video


def _facts(shard: Shard, damaged: set[int | None]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"points": [], "size": [], "fps": []}
    for i in range(len(shard)):
        if i not in damaged:
            tracks = shard[i].tracks
            found["points"].append(tracks.count)
            found["size"].append("x".join(map(str, tracks.size)))
            found["fps"].append(rate(tracks.fps))
    return found


def _range(values: Sequence[Any]) -> str:
    """Numbers as their range; words as those there are."""
    if values and all(isinstance(value, int) for value in values):
        low, high = int(np.min(values)), int(np.max(values))
        return str(low) if low == high else f"{low} to {high}"
    return ", ".join(sorted(set(values))) or "unknown"


def _damage(damage: Sequence[DamageError], clips: int) -> list[str] | str:
    if not damage:
        return f"none: all of {clips} clips verified"
    named = [f"clip {error.clip}: {error.reason}" for error in damage[:_NAMED]]
    more = len(damage) - len(named)
    return [*named, f"and {more} more"] if more else named
