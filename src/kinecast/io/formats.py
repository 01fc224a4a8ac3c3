"""Tracks in and out of files: the format is chosen by the file's extension."""

from collections.abc import Callable
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.io.csv_file import load_csv, save_csv
from kinecast.io.tracks_file import load_tracks, save_tracks

_FORMATS: dict[str, tuple[Callable[[Path], Tracks], Callable[[Path, Tracks], None]]] = {
    ".npz": (load_tracks, save_tracks),
    ".csv": (load_csv, save_csv),
}


def read(path: str | Path) -> Tracks:
    """Read tracks from a file.

    Raises:
        UserError: an unknown extension, no such file, or not a valid track file.
    """
    path = Path(path)
    return _format(path)[0](path)


def write(tracks: Tracks, path: str | Path) -> None:
    """Write tracks to a file.

    Raises:
        UserError: an unknown extension, or the file cannot be written.
    """
    path = Path(path)
    _format(path)[1](path, tracks)


def _format(
    path: Path,
) -> tuple[Callable[[Path], Tracks], Callable[[Path, Tracks], None]]:
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        raise UserError(
            f"expected a track file ending in {' or '.join(_FORMATS)}, got {path}"
        ) from None
