"""`videos:FOLDER?key=value&...`: generated videos as forecasts.

A folder a case with one video a sample, `ID/0.mp4`, `ID/1.mp4`, ... (or folders of images `ID/0/`),
each starting from the case's last seen moment. The case's points are followed through each by the
tracker, then taken to the case's frame (`fit`) and onto its frames in time (`times`): WHN (arXiv
2509.21592, D.3) and ZipMo (arXiv 2604.11737, appendix A) score video generators so.

A grid of points all over the video is followed beside them: trackers tell by the company of others
what moves together, and some cases have few points.

Points that are hidden or outside the video at its start are not followed: they stay where they are.
What the tracker says of points that are hidden later is taken as it is; points that it loses stay
where they were last.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.contestants.outputs import FEW, digest, plain_name
from kinecast.bench.readers.base import RefusalError
from kinecast.bench.readers.files import check_folder, natural, place_of
from kinecast.bench.readers.fit import Fit
from kinecast.bench.readers.futures import FIT_OPTION, TIME_OPTIONS, timed
from kinecast.bench.readers.options import Options, parse
from kinecast.bench.readers.points import points_now
from kinecast.bench.readers.times import places
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.trackers import NETWORKS, Tracker, get_tracker
from kinecast.io.image import IMAGE_SUFFIXES
from kinecast.io.video import open_video

SUFFIXES = (".mp4", ".webm", ".mov", ".mkv", ".avi", ".gif")
OPTIONS = (
    "start=N: the frame of the videos at which the forecast begins (0)",
    "first=now|next: that frame is the last seen moment itself (as published), or the one after it",
    FIT_OPTION,
    *TIME_OPTIONS,
    "hidden=guess|hold: where the tracker says a hidden point is, or where it was last seen",
    "tracker=NAME, of docs/tracking.md (flow)",
    "weights=FILE of a published tracker",
    "code=FOLDER with a clone of a published tracker",
    "samples=N that every case shall have (default: as many as the case with the most)",
    "name=NAME in the tables",
)
HISTORY = "history.mp4"  # of `bench export`: videos may be put beside a case's inputs
NO_VIDEOS = "no videos of this case are there"
FEWER = "it has fewer videos than other cases"
BROKEN = "a video of it does not open"
NO_FRAME = "the case has no picture to put before the videos"


class Shot(NamedTuple):
    """One video of a case.

    Attributes:
        video: from the last seen moment on.
        fit: the case's frame in it.
        place: the case's frames among its frames.
    """

    video: Video
    fit: Fit
    place: np.ndarray


class Videos:
    """A folder of generated videos as a contestant.

    Args:
        folder: with a folder a case.
        options: as stated.
        follow: the tracker.
    """

    def __init__(self, folder: Path, options: Options, follow: Tracker) -> None:
        self._folder, self._options, self._follow = check_folder(folder), options, follow
        self.name = plain_name(options.text("name", f"videos@{folder.resolve().name}"))
        self._start = options.whole("start", 0) or 0
        self._next = options.choice("first", ("now", "next"), "now") == "next"
        self._hold = options.choice("hidden", ("guess", "hold"), "guess") == "hold"
        self._stated = options.whole("samples", None, least=1)
        self._most = self._stated or _most(folder)

    def facts(self) -> dict[str, Any]:
        """Tracker, options and a hash of all videos."""
        return {
            "kind": "videos",
            "recorded": True,
            "tracker": self._follow.name,
            "folder": self._folder.name,
            "options": self._options.to_json(),
            "files_sha256": self._digest,
        }

    @cached_property
    def _digest(self) -> str:
        return digest(self._folder)

    def refuses(self, case: Case) -> str | None:
        """No videos, fewer than other cases have, one that does not open or is too short."""
        try:
            self._shots(case, None)
        except RefusalError as reason:
            return str(reason)
        return None

    def forecast(self, case: Case, k: int, seed: int) -> Sequence[Tracks]:
        """The tracks of the first k videos, or of as many as there are.

        Raises:
            UserError: `refuses` says why not, or `fit` has to be stated.
        """
        return [self._tracked(shot, case) for shot in self._shots(case, k)]

    def _shots(self, case: Case, k: int | None) -> list[Shot]:
        files = samples_of(place_of(self._folder, case.id))
        if not files:
            raise RefusalError(NO_VIDEOS)
        if len(files) < self._most:
            raise RefusalError(FEWER if self._stated is None else FEW)
        return [self._shot(file, case) for file in files[:k]]

    def _shot(self, file: Path, case: Case) -> Shot:
        try:
            video = open_video(file)
        except UserError as error:
            raise RefusalError(BROKEN) from error
        if video.fps is None and "fps" not in self._options and "time" not in self._options:
            raise UserError(
                f"expected {self._options.what} with fps=NUMBER or time=...: {file} has no frame "
                "rate"
            )
        steps = len(video) - self._start + self._next
        if self._next and case.frame is None:
            raise RefusalError(NO_FRAME)
        place = places(steps, case.horizon, case.history.fps, self._options, video.fps)
        fit = Fit.of(case.size, video.size, self._options)
        first = None if not self._next or case.frame is None else fit.image(case.frame.image)
        return Shot(Video(_From(video, self._start, first), video.name), fit, place)

    def _tracked(self, shot: Shot, case: Case) -> Tracks:
        now = points_now(case)
        laid = shot.fit.to_method(now.astype(np.float64)).astype(np.float32)
        known = case.history.visible[-1] & coords.inside(laid, shot.video.size)
        T = int(np.ceil(shot.place[-1])) + 1
        xy = np.full((1, T, case.history.count, 2), np.nan, np.float32)
        seen = np.zeros((1, T, case.history.count), bool)
        if known.any():
            company = Grid.over(shot.video.size).points().reshape(-1, 2)
            points = np.concatenate([laid[known], company])
            found = self._follow.track(shot.video, points=points, stop=T)
            asked = int(known.sum())
            xy[0][:, known] = shot.fit.to_case(found.xy[:, :asked])
            seen[0][:, known] = found.visible[:, :asked]
            if self._hold:
                xy[~seen] = np.nan
        return timed(xy, seen, shot.place, case)[0]


class _From:
    """The frames of a video from one on, perhaps after a picture."""

    def __init__(self, video: Video, start: int, first: np.ndarray | None) -> None:
        self._video, self._start, self._first = video, start, first
        self._before = 0 if first is None else 1
        self.size, self.fps = video.size, video.fps

    def __len__(self) -> int:
        return len(self._video) - self._start + self._before

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames [start, stop)."""
        shift = self._start - self._before
        frames = self._video[max(start + shift, self._start) : max(stop + shift, self._start)]
        if self._first is None or start > 0 or stop < 1:
            return frames
        return np.concatenate([self._first[None], frames])


def samples_of(place: Path) -> list[Path]:
    """Videos of a case, 2.mp4 before 10.mp4.

    Raises:
        UserError: there are videos, but none is named by a number.
    """
    entries = list(place.iterdir()) if place.is_dir() else []
    found = sorted((entry for entry in entries if _is_sample(entry)), key=natural)
    other = {entry.name for entry in entries if entry.suffix.lower() in SUFFIXES} - {HISTORY}
    if not found and other:
        raise UserError(f"expected videos 0.mp4, 1.mp4, ... in {place}, got {min(other)}")
    return found


def _is_sample(entry: Path) -> bool:
    if not entry.stem.isdecimal():
        return False
    if entry.is_dir():  # ids of cases may be numbers too: those hold other files
        return {file.suffix.lower() in IMAGE_SUFFIXES for file in entry.iterdir()} == {True}
    return entry.suffix.lower() in SUFFIXES


def _most(folder: Path) -> int:
    """Samples of the case with the most, wherever below."""
    samples = Counter(entry.parent for entry in folder.rglob("*") if _is_sample(entry))
    return max(samples.values(), default=1)


def videos(argument: str, device: str) -> Videos:
    """`FOLDER?key=value&...`.

    Raises:
        UserError: no such folder, an option that is not known, or a tracker that cannot be loaded.
    """
    place, given = parse(argument)
    options = Options(given, OPTIONS, "videos")
    name = options.text("tracker", "flow")
    weights, code = (Path(given[key]) if key in given else None for key in ("weights", "code"))
    where = device if name in NETWORKS else "auto"
    return Videos(
        check_folder(Path(place)),
        options,
        get_tracker(name, weights=weights, code=code, device=where),
    )
