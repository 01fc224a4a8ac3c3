"""A clip as a row of a shard, and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.shards import pictures as stored
from kinecast.data.shards import quantise, schema
from kinecast.data.shards.signature import content_hash, motion_sketch, thumbnail
from kinecast.io.npz import json_text

Latents = Mapping[str, np.ndarray]  # name -> float16, any shape
_NOWHERE = np.int32(-(2**31))  # stands for null in the hash of the content


def to_row(clip: Clip, pictures: schema.Pictures, latents: Latents | None) -> Any:
    """One row, as an Arrow table.

    Raises:
        UserError: an id that is no plain name, or values that a shard cannot hold.
    """
    pa, _ = schema.arrow()
    tracks = clip.tracks
    schema.check_id(clip.id)
    schema.check_shape(len(tracks), tracks.count, tracks.size)
    for name, text in (("id", clip.id), ("caption", clip.caption)):
        if text != text.encode("utf-8", "replace").decode("utf-8"):
            raise UserError(f"expected a {name} in Unicode, got {text!r}; it has lone surrogates")
    steps, nowhere = quantise.to_steps(tracks.xy, tracks.visible)
    visible = np.ascontiguousarray(tracks.visible.T)
    levels = None if tracks.confidence is None else quantise.to_bytes(tracks.confidence)
    frames = _encoded(clip, pictures)
    grid = tracks.grid
    row: dict[str, Any] = {
        "id": clip.id,
        "caption": clip.caption,
        "width": tracks.size[0],
        "height": tracks.size[1],
        "fps": tracks.fps,
        "frames": len(tracks),
        "points": tracks.count,
        "grid": grid and {
            "h": grid.h, "w": grid.w, "stride": grid.stride,
            "x": grid.origin[0], "y": grid.origin[1],
        },
        "source": json_text(tracks.source),
        "content": content_hash(np.where(nowhere, _NOWHERE, steps), visible, tracks.size),
        "thumbnail": thumbnail(clip.video[0:1][0]) if frames and clip.video else None,
        "stored": len(frames or ()),
        "pictures": frames,
        "latents": None if latents is None else _latents(latents),
    }  # fmt: skip
    packed = {
        "query_frame": pa.array(tracks.query_frame.astype(np.int32)),
        "xy": pa.array(steps.ravel(), mask=nowhere.ravel() if nowhere.any() else None),
        "visible": pa.array(visible.ravel()),
        "confidence": None if levels is None else pa.array(levels.ravel()),
        "sketch": pa.array(motion_sketch(steps, visible & ~nowhere.any(1))),
    }
    columns = []
    for field in schema.schema():
        if packed.get(field.name) is not None:
            offsets = pa.array([0, len(packed[field.name])], pa.int32())
            columns.append(pa.ListArray.from_arrays(offsets, packed[field.name], type=field.type))
        else:
            columns.append(pa.array([row.get(field.name)], field.type))
    return pa.table(columns, schema=schema.schema())


@dataclass(frozen=True)
class Facts:
    """A clip whose pictures have not been read: `stored` of them are there (0, 1 or T)."""

    id: str
    caption: str
    tracks: Tracks
    stored: int


def from_row(row: Any) -> Facts:
    """The clip of an Arrow table of one row with the groups "facts" and "motion".

    Raises:
        ValueError: values that disagree with each other, or beyond the limits.
    """
    facts = {name: row.column(name)[0].as_py() for name in schema.GROUPS["facts"]}
    size = (facts["width"], facts["height"])
    T, N = facts["frames"], facts["points"]
    schema.check_shape(T, N, size)
    schema.check_id(facts["id"])
    steps = _array(row, "xy", 2 * N * T)
    visible = _array(row, "visible", N * T).reshape(N, T)
    levels = None
    if row.column("confidence")[0].is_valid:
        levels = _array(row, "confidence", N * T)
    grid = facts["grid"]
    tracks = Tracks(
        xy=quantise.to_pixels(steps, T, N),
        visible=np.ascontiguousarray(visible.T),
        size=size,
        query_frame=_array(row, "query_frame", N).astype(np.int64),
        confidence=None if levels is None else quantise.to_confidence(levels, T, N),
        fps=facts["fps"],
        grid=grid and Grid(grid["h"], grid["w"], grid["stride"], (grid["x"], grid["y"])),
        source=json_object(facts["source"]),
    )
    return Facts(facts["id"], facts["caption"], tracks, facts["stored"])


def from_latents(row: Any) -> dict[str, np.ndarray]:
    """The latents of an Arrow table of one row with the group "latents", by name.

    Raises:
        ValueError: an array that does not fill its shape.
    """
    return {
        one["name"]: np.frombuffer(one["values"], "<f2").reshape(one["shape"]).astype(np.float16)
        for one in row.column("latents")[0].as_py() or []
    }


def _encoded(clip: Clip, pictures: schema.Pictures) -> list[bytes] | None:
    if pictures == "none" or clip.video is None:
        return None
    return (stored.encode_first if pictures == "first" else stored.encode_all)(clip.video)


def _latents(latents: Latents) -> list[dict[str, Any]]:
    rows = []
    for name, array in sorted(latents.items()):
        if array.dtype != np.float16:
            raise UserError(f"expected latents in float16, got {name} in {array.dtype}")
        values = np.ascontiguousarray(array, "<f2").tobytes()
        rows.append({"name": name, "shape": list(array.shape), "values": values})
    return rows


def _array(row: Any, name: str, count: int) -> np.ndarray:
    array = row.column(name)[0].values
    if array is None or len(array) != count:
        got = "none" if array is None else len(array)
        raise ValueError(f"expected {count} values of {name}, got {got}")
    return np.asarray(array.to_numpy(zero_copy_only=False))


def json_object(text: str) -> dict[str, Any]:
    """Provenance as it is stored.

    Raises:
        ValueError: not a JSON object.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object in source, got {text[:60]!r}")
    return value
