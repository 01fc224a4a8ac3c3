"""The track file, `.npz` (docs/formats.md)."""

from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.io.npz import NpzReader, frame_arrays, json_array, take_frame, write_npz

KIND = "kinecast-tracks"
VERSION = 1


def save_tracks(path: str | Path, tracks: Tracks) -> None:
    """Write tracks; the same tracks give the same bytes.

    Raises:
        UserError: the name does not end in .npz, or the file cannot be written.
    """
    arrays = {"xy": tracks.xy, "visible": tracks.visible, "query_frame": tracks.query_frame}
    if tracks.confidence is not None:
        arrays["confidence"] = tracks.confidence
    arrays |= frame_arrays(tracks.size, tracks.fps, tracks.grid)
    write_npz(path, KIND, VERSION, arrays | {"source": json_array(tracks.source)})


def load_tracks(path: str | Path) -> Tracks:
    """Read tracks.

    Raises:
        UserError: no such file, not a track file, a newer version, a missing key, a wrong dtype or
            shape, a visible point that is not finite.
    """
    file = NpzReader(path, KIND, VERSION)
    xy = file.take("xy", "float32", (None, None, 2))
    T, N = xy.shape[:2]
    try:
        return Tracks(
            xy=xy,
            visible=file.take("visible", "bool", (T, N)),
            query_frame=file.take("query_frame", "int64", (N,)),
            confidence=(
                file.take("confidence", "float32", (T, N)) if "confidence" in file else None
            ),
            source=file.take_json("source"),
            **take_frame(file),
        )
    except UserError as error:
        if str(file.path) in str(error):
            raise
        raise UserError(f"{file.path}: {error}") from error
