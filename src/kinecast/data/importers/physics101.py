"""Physics 101: folders of videos, scenario/object/.../trial/, seen by cameras and a Kinect.

Videos only: no tracks. Source: Wu et al., BMVC 2016, and its published files.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.data.importers.base import Importer, Options, Untracked, choice
from kinecast.io.video import open_video

SCENARIOS = ("fall", "liquid", "multi", "ramp", "spring")
SUFFIXES = (".mp4", ".avi", ".mov", ".mkv")
_VIEWS = {"camera": r"camera", "kinect": r"kinect(?!.*depth)"}  # at the start of a file's name
_LICENCE = "research use (check phys101.csail.mit.edu)"


def trial_videos(path: Path, view: str) -> Iterator[tuple[Path, tuple[str, ...], str]]:
    """Colour videos in order: the file, the folders from the scenario on, and its view.

    Args:
        path: the data set, a part of it below it, or one video.
        view: "camera", "kinect" or "both".

    Raises:
        UserError: there is none, or a video is of no known scenario or view.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    found = False
    for file in files:
        if file.suffix.lower() not in SUFFIXES or re.search("depth", file.stem, re.IGNORECASE):
            continue
        folders = file.resolve().parts[:-1]
        at = [i for i, folder in enumerate(folders) if folder.lower() in SCENARIOS]
        if not at:
            raise UserError(
                f"expected {file} below a folder of a scenario ({', '.join(SCENARIOS)}), got none; "
                "is it Physics 101?"
            )
        kind = next((v for v, start in _VIEWS.items() if re.match(start, file.stem.lower())), None)
        if kind is None:
            raise UserError(f"expected a video named camera or kinect ..., got {file}; rename it")
        found = True
        if view in ("both", kind):
            yield file, folders[at[-1] :], kind
    if not found:
        raise UserError(f"expected videos ({', '.join(SUFFIXES)}) in {path}, got none")


def _read(path: Path, options: Options) -> Iterator[Untracked]:
    view = choice(options, "view", ("camera", "kinect", "both"), "both")
    scenario = choice(options, "scenario", (*SCENARIOS, "all"), "all")
    for file, folders, kind in trial_videos(path, view):
        if scenario not in ("all", folders[0].lower()):
            continue
        id = "/".join((*folders, file.stem))
        source = {
            "importer": "physics101", "file": str(file), "scenario": folders[0].lower(),
            "object": folders[1] if len(folders) > 1 else "", "view": kind, "licence": _LICENCE,
        }  # fmt: skip
        yield Untracked(open_video(file), "", id, source)


IMPORTER = Importer(
    name="physics101",
    about=(
        "Physics 101: 101 objects that fall, float, collide, slide down ramps and hang on springs; "
        f"1080p videos. Licence: {_LICENCE}. From phys101.csail.mit.edu."
    ),
    convention="videos only: there are no tracks",
    options=("view=camera|kinect|both", f"scenario={'|'.join(SCENARIOS)}|all"),
    read=_read,
)
