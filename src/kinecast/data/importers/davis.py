"""DAVIS 2017: folders of frames, with masks where they were fetched.

Layout: `JPEGImages/480p/SEQUENCE/00000.jpg`, `Annotations/480p/SEQUENCE/00000.png` (a palette
image; 0 is the background), `ImageSets/2017/{train,val}.txt`. There are no tracks: the sequences
are tracked, on the whole frame or on the objects of the first mask. The frames say no rate.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.data.importers.base import Importer, Options, Untracked, choice, number
from kinecast.io.selected import selected
from kinecast.io.video import open_video


def read(path: Path, options: Options) -> Iterator[Untracked]:
    """The sequences of a DAVIS folder, by name or in the order of a split."""
    if not (path / "JPEGImages").is_dir():
        raise UserError(f"expected the folder JPEGImages in {path}, as DAVIS 2017 unpacks")
    resolution = _resolution(path / "JPEGImages", options)
    frames = path / "JPEGImages" / resolution
    on_objects = choice(options, "points", ("frame", "objects"), "frame") == "objects"
    fps = number(options, "fps")
    for sequence in _sequences(path, frames, options):
        video = open_video(frames / sequence)
        if fps is not None:
            video = selected(video, range(len(video)), fps)
        mask = _mask(path / "Annotations" / resolution / sequence, video.size)
        if on_objects and mask is None:
            raise UserError(
                f"expected masks in {path / 'Annotations' / resolution / sequence} for "
                "points=objects, got none; fetch them, or leave the option out"
            )
        yield Untracked(
            video,
            id=sequence,
            source={"importer": "davis", "file": f"JPEGImages/{resolution}/{sequence}"},
            mask=mask if on_objects else None,
        )


def _resolution(frames: Path, options: Options) -> str:
    found = sorted(folder.name for folder in frames.iterdir() if folder.is_dir())
    if not found:
        raise UserError(f"expected a folder such as 480p in {frames}, got none")
    return choice(options, "resolution", found, found[0] if len(found) == 1 else None)


def _sequences(path: Path, frames: Path, options: Options) -> list[str]:
    split = options.get("split")
    if split is None:
        return sorted(folder.name for folder in frames.iterdir() if folder.is_dir())
    names = choice(options, "split", ("train", "val", "trainval", "test-dev", "test-challenge"))
    table = path / "ImageSets" / "2017" / f"{names}.txt"
    if not table.is_file():
        raise UserError(f"expected the split {split} in {table}, got no such file")
    found = table.read_text("utf-8").split()
    for sequence in found:
        if not sequence.replace("-", "").replace("_", "").isalnum():
            raise UserError(f"expected names of sequences in {table}, got {sequence!r}")
        if not (frames / sequence).is_dir():
            raise UserError(f"expected the sequence {sequence} of {table} in {frames}, got none")
    return found


def _mask(folder: Path, size: Size) -> Bool[np.ndarray, "h w"] | None:
    """Where the first annotation has an object; None where there is no annotation."""
    files = sorted(folder.glob("*.png")) if folder.is_dir() else []
    if not files:
        return None
    data = np.frombuffer(files[0].read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if image is None or image.shape[1::-1] != size:
        got = "none" if image is None else f"{image.shape[1]}x{image.shape[0]}"
        raise UserError(f"expected a mask of {size[0]}x{size[1]} in {files[0]}, got {got}")
    objects = image if image.ndim == 2 else image[..., :3].any(-1)  # the palette's 0 is black
    return np.asarray(objects != 0)


IMPORTER = Importer(
    name="davis",
    about=(
        "DAVIS 2017 (non-commercial, and as each video's maker licenses it) from "
        "davischallenge.org: the unpacked folder with JPEGImages"
    ),
    convention="no tracks stored; tracked with --tracker",
    options=(
        "resolution=480p|...: a folder of JPEGImages, where there are several",
        "split=train|val|...: the sequences of ImageSets/2017/SPLIT.txt",
        "points=frame|objects: keep all points, or those on the objects of the first mask",
        "fps=NUMBER: frames a second, which the files do not say",
    ),
    read=read,
)
