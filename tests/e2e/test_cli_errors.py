"""What bad input gets: one line on stderr that says what to do, and exit status 2."""

import re
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small_clip import write_clip

from kinecast.cli.main import VERBS, main
from kinecast.core.tracks import Tracks
from kinecast.io.forecast_file import save_forecast
from kinecast.io.image import write_image
from kinecast.io.tracks_file import save_tracks


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 12)


def refused(capsys, *words):
    """The one line that a refused command prints."""
    assert main(list(words)) == 2
    streams = capsys.readouterr()
    (line,) = streams.err.strip().splitlines()
    assert streams.out == ""
    assert line.startswith("kinecast: ")
    return line


def kinecast(*words, **options):
    command = [sys.executable, "-c", "from kinecast.cli.main import main; raise SystemExit(main())"]
    return subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_video_that_is_none(capsys, tmp_path):
    out = ["--out", str(tmp_path / "out")]
    assert "no such file" in refused(capsys, "forecast", str(tmp_path / "no.mp4"), *out)
    (tmp_path / "text.mp4").write_text("not a video")
    assert "expected a video" in refused(capsys, "forecast", str(tmp_path / "text.mp4"), *out)
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in refused(capsys, "forecast", str(tmp_path / "empty.mp4"), *out)
    assert not (tmp_path / "out").exists()


def test_one_frame_shows_no_motion(capsys, tmp_path):
    write_image(tmp_path / "one.png", np.zeros((48, 80, 3), np.uint8))
    line = refused(capsys, "forecast", str(tmp_path / "one.png"), "--out", str(tmp_path / "out"))
    assert "at least 2 frames" in line
    assert "got 1" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "13"], "--at from 2 .* to 12 .* got 13"),
        (["--at", "1"], "--at from 2"),
        (["--score"], "--score compares with frames from --at on, got none"),
        (["--at", "12", "--score"], "use an earlier --at"),
        (["--samples", "0"], "--samples of at least 1"),
        (["--history", "1"], "--history of at least 2"),
        (["--horizon", "0"], "--horizon of at least 1"),
        (["--seed", "-1"], "--seed >= 0"),
        (["--stride", "0"], "stride from 1 "),
        (["--stride", "1000"], "stride from 1 "),
        (["--tracker", "magic"], "expected a tracker of"),
        (["--model", "trajloom-smal"], r"did you mean trajloom-small\?"),
        (["--device", "gpu"], "device"),
    ],
)
def test_an_option_out_of_range(capsys, clip, tmp_path, options, message):
    line = refused(capsys, "forecast", clip, "--out", str(tmp_path / "out"), *options)
    assert re.search(message, line)
    assert not (tmp_path / "out").exists()


def test_files_that_do_not_belong_together(capsys, clip, tmp_path):
    rng = np.random.default_rng(0)
    shape = (4, 6, 2)
    tracks = Tracks(rng.uniform(0, 9, shape).astype(np.float32), np.ones(shape[:2], bool), (9, 9))
    few = Tracks(tracks.xy[:, :5], tracks.visible[:, :5], (9, 9))
    save_forecast(tmp_path / "f.npz", [tracks], np.ones((1, 4, 6), np.float16), tracks, {})
    save_tracks(tmp_path / "few.npz", few)
    save_tracks(tmp_path / "all.npz", tracks)
    f, few, everything = (str(tmp_path / f"{name}.npz") for name in ("f", "few", "all"))
    line = refused(capsys, "eval", f, "--truth", few)
    assert "6 points on" in line
    assert "5 on" in line
    line = refused(capsys, "eval", everything, "--truth", few)
    assert "expected tracks and truth of the same points, got (4, 6, 2)" in line
    line = refused(capsys, "eval", f, "--truth", f)
    assert "expected format 'kinecast-tracks'" in line
    line = refused(capsys, "eval", f, "--truth", everything, "--at", "9")
    assert "expected --at from 0 to 3" in line


def test_a_place_that_cannot_be_written_is_found_before_the_work(capsys, clip, tmp_path):
    (tmp_path / "file").touch()
    line = refused(capsys, "forecast", clip, "--out", str(tmp_path / "file"))
    assert "expected --out to be a folder" in line
    line = refused(capsys, "forecast", clip, "--out", str(tmp_path / "file" / "below"))
    assert "expected --out to be a folder" in line


def test_unknown_verbs_and_options_name_the_nearest(capsys):
    assert "did you mean forecast?" in refused(capsys, "forcast")
    assert main(["forecast", "x.mp4", "--out", "o", "--sampels", "3"]) == 2
    assert "--samples" in capsys.readouterr().err


def test_help_lists_every_verb_and_each_has_its_own(capsys):
    assert main([]) == main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb}" in text for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_explains_itself(verb, capsys):
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: kinecast {verb}" in text


def test_debug_shows_the_traceback(capsys):
    assert main(["forecast", "no.mp4", "--out", "o", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.strip().splitlines()[-1].startswith("kinecast: no such file")


def test_an_unexpected_error_is_one_line_and_status_1(capsys, monkeypatch, clip, tmp_path):
    monkeypatch.setattr("kinecast.cli.forecast.Grid.over", lambda *_: 1 / 0)
    assert main(["forecast", clip, "--out", str(tmp_path)]) == 1
    assert "internal error, ZeroDivisionError" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing_that_looks_finished(tmp_path):
    long = write_clip(tmp_path / "long.mp4", 300, size=(640, 400))
    out = tmp_path / "out"

    def listen():  # a suite in the background of a shell is started with Ctrl-C ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    words = ["forecast", long, "--out", str(out), "--stride", "6"]  # minutes of work
    process = kinecast(*words, preexec_fn=listen)
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "kinecast: interrupted" in err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*forecast*"))


def test_a_full_disk_is_one_line_and_no_file(clip, tmp_path):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    out = tmp_path / "out"
    options = ["--stride", "8", "--samples", "2"]
    process = kinecast("forecast", clip, "--out", str(out), *options, preexec_fn=small_disk)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2, err
    assert "cannot write" in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert not list(out.iterdir())


def test_a_reader_that_leaves_is_no_error():
    process = kinecast("--help")
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr.read() == ""
    assert process.returncode in (0, 141)


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kinecast 0.")
