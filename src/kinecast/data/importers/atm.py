"""LIBERO as ATM prepares it: one hdf5 file a demonstration, tracks of two views.

Source: ATM (Wen et al., RSS 2024), its preprocessing of LIBERO. Frames are upright, tracks are
(x / W, y / H). On square frames, as published, a transposed division would not show; on others it
is an option, since ATM's code has had it (x / H, y / W).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.exporters.base import Exporter
from kinecast.data.importers.base import Importer, Options, choice, from_unit
from kinecast.data.importers.libero import CONTROL_FPS, VIEWS, hdf5_files, task_text
from kinecast.io.hdf5 import dataset, group, open_hdf5, rows, whole

_LICENCE = "derived from LIBERO's demonstrations: CC BY 4.0 (check the data's card)"


class _Frames:
    """Frames of one view, which the file stores as (1, T, 3, H, W)."""

    def __init__(self, path: Path, view: str) -> None:
        self._path, self._view = path, view
        with open_hdf5(path) as file:
            _, T, _, H, W = self._stored(file).shape
        self._length, self.size = T, (W, H)
        self.fps: float | None = CONTROL_FPS

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames [start, stop), uint8 RGB (T, H, W, 3)."""
        with open_hdf5(self._path) as file:
            frames = rows(self._stored(file), start, stop, axis=1)[0]
        return np.ascontiguousarray(frames.transpose(0, 2, 3, 1))

    def _stored(self, file: Any) -> Any:
        return dataset(file, f"root/{self._view}/video", "uint8", (1, None, 3, None, None))


def _read(path: Path, options: Options) -> Iterator[Clip]:
    stated = choice(options, "view", (*VIEWS, "both"), "both")
    divisor = choice(options, "divisor", ("width-height", "height-width"), "width-height")
    integers = choice(options, "integers", ("corners", "centres"), "corners")
    for file, place in hdf5_files(path):
        text = task_text(_task(file))
        for view in VIEWS if stated == "both" else (stated,):
            frames = _Frames(file, view)
            W, H = frames.size
            with open_hdf5(file) as opened:
                tracks, visible = _arrays(group(opened, f"root/{view}"), len(frames))
            xy = from_unit(tracks, (W, H) if divisor == "width-height" else (H, W))
            if integers == "centres":
                xy = coords.from_pixel_centres(xy)
            name = f"{place}/{view}"
            yield Clip(
                Tracks(
                    xy=xy.astype(np.float32),
                    visible=visible,
                    size=frames.size,
                    fps=frames.fps,
                    source={
                        "importer": "atm", "file": str(file), "view": view, "divisor": divisor,
                        "integers": integers, "licence": _LICENCE,
                    },
                ),
                Video(frames, name),
                text,
                name,
            )  # fmt: skip


def _task(file: Path) -> str:
    """The folder that names the task: links and folders of the splits lie below it."""
    folders = [folder.name for folder in file.resolve().parents]
    return next((name for name in folders if name.endswith("_demo")), folders[0])


def _arrays(view: Any, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored tracks (T, N, 2) and flags (T, N)."""
    tracks = whole(dataset(view, "tracks", "f", (1, T, None, 2)))[0]
    flags = whole(dataset(view, "vis", "biuf", (1, T, tracks.shape[1])))[0]
    if not np.isin(flags, (0, 1)).all():
        raise UserError(
            f"expected {view.name}/vis of {view.file.filename} to hold 0 and 1, "
            f"got values from {flags.min()} to {flags.max()}"
        )
    return tracks, flags.astype(bool)


IMPORTER = Importer(
    name="atm",
    about=(
        "LIBERO as ATM prepares it, <suite>/<task>_demo/demo_<i>.hdf5: CoTracker's tracks of two "
        f"views. Licence: {_LICENCE}. Written by ATM's preprocessing on your machine."
    ),
    convention=(
        "tracks are (x / W, y / H), 0 and 1 at the frame's edges; vis 1 is seen; frames upright"
    ),
    options=(
        "view=agentview|eye_in_hand|both",
        "divisor=width-height|height-width",
        "integers=corners|centres",
    ),
    read=_read,
)


_STATES = ("gripper_states", "joint_states", "ee_ori", "ee_pos", "ee_states")


def _write(clips: Iterator[Clip], folder: Path, source: str) -> None:
    """One file a demonstration, with its actions and robot states from the LIBERO file."""
    for demo, views in groupby(clips, key=lambda clip: clip.id.rpartition("/")[0]):
        _write_demo(folder / f"{demo}.hdf5", tuple(views))


def _write_demo(path: Path, clips: Sequence[Clip]) -> None:
    h5py = optional("h5py", "data")
    origins = [clip.tracks.source.get("data", {}) for clip in clips]
    if any(clip.video is None for clip in clips) or any(
        origin.get("importer") != "libero" for origin in origins
    ):
        raise UserError(
            f"expected demonstrations of LIBERO (--from libero), got {clips[0].id}; "
            "ATM's layout has their actions"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        with open_hdf5(origins[0]["file"]) as original:
            demo = group(original, f"data/{origins[0]['demo']}")
            file["root/actions"] = whole(dataset(demo, "actions", "f", (None, 7)))
            for name in _STATES:
                state = whole(dataset(demo, f"obs/{name}", "f", (None, None)))
                file[f"root/extra_states/{name}"] = state
        for clip, origin in zip(clips, origins, strict=True):
            _write_view(file.create_group(f"root/{origin['view']}"), clip)


def _write_view(view: Any, clip: Clip) -> None:
    assert clip.video is not None
    (W, H), tracks = clip.video.size, clip.tracks
    frames = clip.video[0 : len(tracks)].transpose(0, 3, 1, 2)
    view.create_dataset("video", data=frames[None], chunks=(1, 1, 3, H, W), compression="gzip")
    view["tracks"] = coords.resize(tracks.xy.astype(np.float64), (W, H), (1, 1))[None].astype("f4")
    view["vis"] = tracks.visible[None]


EXPORTER = Exporter(
    name="atm",
    about=(
        "LIBERO's demonstrations as ATM prepares them, without task_emb_bert, which is BERT's; "
        "only --from libero"
    ),
    convention="tracks are (x / W, y / H), 0 and 1 at the frame's edges; vis 1 is seen",
    write=_write,
)
