"""What a suite gives to methods that are run elsewhere: one folder a case, and a manifest.

    OUT/manifest.json       suite, version, protocol and every case
    OUT/ID/case.json        sizes, frame rate, horizon, points, coordinate convention
    OUT/ID/image.png        the last seen moment; views/0.png, ... are other views of it
    OUT/ID/history.npz      the observed tracks (docs/formats.md); history.mp4 their frames
    OUT/ID/queries.csv      where the points are at the last seen moment; queries.npz the same
    OUT/ID/pokes.json       where some points shall be
    OUT/ID/caption.txt      what shall happen

What a case does not have is not written. Nothing of its future is.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.readers.files import place_of
from kinecast.bench.readers.points import points_laid, points_now
from kinecast.bench.suite import Suite, protocol_hash
from kinecast.core import coords
from kinecast.io.atomic import atomic_folder
from kinecast.io.image import write_image
from kinecast.io.npz import write_npz
from kinecast.io.tracks_file import save_tracks
from kinecast.io.video import write_video

VERSION = 1
MANIFEST = "manifest.json"
CONVENTION = (
    "x right, y down, order xy, pixels of size (W, H), edge-aligned: (0, 0) is the top-left corner "
    "of the top-left pixel, pixel centres are at +0.5, (W, H) is the far corner"
)
CRF = 12  # of history.mp4: near lossless
NOMINAL_FPS = 24.0  # of history.mp4, where the case has no frame rate; case.json says null


def export(suite: Suite, size: str, data: Path | None, out: Path) -> Path:
    """Write the inputs of all cases of a suite.

    Args:
        suite, size, data: as for `bench run`.
        out: a folder; it appears whole or not at all.

    Returns:
        The manifest.

    Raises:
        UserError: a size that the suite does not have, data that are missing, or an id that is no
            plain name.
    """
    with atomic_folder(out) as folder:
        k = suite.protocol.get("k")
        cases = [_write(case, folder, k) for case in suite.cases(size, data)]
        manifest = {
            "format": "kinecast-bench-inputs",
            "version": VERSION,
            "suite": suite.name,
            "suite_version": suite.version,
            "size": size,
            "protocol": dict(suite.protocol),
            "protocol_hash": protocol_hash(suite.protocol),
            "convention": CONVENTION,
            "cases": cases,
        }
        _write_json(folder / MANIFEST, manifest)
    return out.resolve() / MANIFEST


def _write(case: Case, folder: Path, k: int | None) -> dict[str, Any]:
    """One case, of which k samples are asked unless it says otherwise; its part of the manifest."""
    place = place_of(folder, case.id)
    place.mkdir(parents=True)
    views = {f"views/{i}.png": view for i, view in enumerate(case.views)}
    for name, frame in {"image.png": case.frame, **views}.items():
        if frame is not None:
            write_image(place / name, frame.image)
    save_tracks(place / "history.npz", case.history)
    if case.video is not None:
        fps = case.history.fps or NOMINAL_FPS
        write_video(place / "history.mp4", _frames(case), fps, case.size, CRF)
    _write_queries(case, place)
    if case.pokes is not None:
        _write_json(place / "pokes.json", _pokes(case))
    if case.text is not None:
        (place / "caption.txt").write_text(case.text + "\n", "utf-8")
    facts = {
        "id": case.id,
        "group": case.group,
        "scene": case.scene,
        "kind": case.kind,
        "size": list(case.size),
        "fps": case.history.fps,
        "history_frames": len(case.history),
        "horizon": case.horizon,
        "points": case.history.count,
        "samples": case.about.get("k", k),
        "convention": CONVENTION,
        "files": sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()),
    }
    _write_json(place / "case.json", facts)
    return {key: value for key, value in facts.items() if key != "convention"}


def _frames(case: Case) -> Iterator[np.ndarray]:
    """Of the history alone, one at a time."""
    assert case.video is not None
    for t in range(len(case.history)):
        yield case.video[t : t + 1][0]


def _write_queries(case: Case, place: Path) -> None:
    """Points in their order: now (hidden ones where they were last seen), and where they were laid.

    The query frame counts from the history's first frame; -1: the point was laid before it.
    """
    history = case.history
    now, laid = points_now(case), points_laid(case, "query")
    lines = ["point,x,y,visible,query_frame,query_x,query_y"]
    for n in range(history.count):
        seen, frame = int(history.visible[-1, n]), int(history.query_frame[n])
        lines.append(f"{n},{now[n, 0]},{now[n, 1]},{seen},{frame},{laid[n, 0]},{laid[n, 1]}")
    (place / "queries.csv").write_text("\n".join(lines) + "\n", "utf-8")
    arrays = {
        "xy": now,
        "xy_normalised": coords.normalise(now.astype(np.float64), case.size),
        "visible": history.visible[-1],
        "query_frame": history.query_frame,
        "query_xy": laid,
        "size": np.array(case.size, np.int64),
    }
    write_npz(place / "queries.npz", "kinecast-queries", VERSION, arrays)


def _pokes(case: Case) -> dict[str, Any]:
    """Pixels; the time is a share of the forecast window."""
    assert case.pokes is not None
    pokes = case.pokes
    rows = zip(pokes.start.tolist(), pokes.end.tolist(), pokes.time.tolist(), strict=True)
    return {
        "convention": CONVENTION,
        "time": "share of the horizon: 0 is the last seen moment, 1 the last frame",
        "pokes": [{"start": start, "end": end, "time": time} for start, end, time in rows],
    }


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", "utf-8")
