import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tracker_clones import CLONES, HIDDEN, SIZE, VELOCITY, numbered_video, write_clone

from kinecast.cli.main import main
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.trackers import NETWORKS, get_tracker
from kinecast.data.trackers.base import FollowingTracker
from kinecast.data.trackers.windows import OVERLAP, WINDOW, Answer, in_windows
from kinecast.io.forecast_file import load_forecast
from kinecast.io.tracks_file import load_tracks
from kinecast.io.video import write_video

GRID = Grid(2, 5, 16.0, (10.5, 24.5))  # on pixel centres
EVERY = sorted(CLONES)


def _pixels_a_frame(name: str, size=SIZE) -> np.ndarray:
    """VELOCITY in pixels of the video."""
    if name == "cotracker":
        return np.float32(VELOCITY)
    seen = {"alltracker": [8 * round(side / 8) for side in size]}.get(name, (256, 256))
    return np.float32(VELOCITY) * np.float32(size) / np.float32(seen)


@pytest.fixture
def clone(tmp_path):
    return lambda name, *swap: write_clone(tmp_path / name, name, *swap)


def _get(name, clone):
    code, weights = clone(name)
    return get_tracker(name, code=code, weights=weights, device="cpu")


@pytest.mark.parametrize(("reference", "at"), [("first", 0), ("last", 64), (24, 24)])
@pytest.mark.parametrize("name", EVERY)
def test_known_points_come_back_in_pixels_of_the_video(clone, name, reference, at):
    video = numbered_video(65)  # more than one window
    tracks = _get(name, clone).track(video, grid=GRID, reference=reference)
    time = (np.arange(len(video)) - at)[:, None, None]
    expected = GRID.points().reshape(-1, 2) + time * _pixels_a_frame(name)
    shown = ~np.isin(np.arange(len(video)), HIDDEN)[:, None] & coords.inside(expected, SIZE)
    np.testing.assert_allclose(tracks.xy[shown], expected[shown], atol=1e-3)
    assert (tracks.visible == shown).all()
    assert 500 < shown.sum() < shown.size - 20
    assert np.isfinite(tracks.xy).all()
    assert (tracks.query_frame == at).all()
    assert (tracks.xy[at] == GRID.points().reshape(-1, 2)).all()
    assert ((tracks.confidence > 0.5) == tracks.visible).all()


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("name", EVERY)
def test_clips_of_a_few_frames(clone, name, frames):
    tracks = _get(name, clone).track(numbered_video(frames), grid=GRID)
    expected = GRID.points().reshape(-1, 2) + np.arange(frames)[:, None, None] * _pixels_a_frame(
        name
    )
    np.testing.assert_allclose(tracks.xy, expected, atol=1e-3)


@pytest.mark.parametrize("size", [(100, 60), (900, 500)])
@pytest.mark.parametrize("name", EVERY)
def test_frames_are_resized_and_points_with_them(clone, name, size):
    grid = Grid(2, 5, 0.15 * size[0], (0.1 * size[0], 0.4 * size[1]))
    unasked = ("assert torch.allclose(laid", "torch.allclose(laid") if name == "cotracker" else ()
    code, weights = clone(name, *([unasked] if unasked else []))
    tracker = get_tracker(name, code=code, weights=weights, device="cpu")
    tracks = tracker.track(numbered_video(5, size), grid=grid)
    working = tracks.source["working_size"]
    moved = (tracks.xy[4] - tracks.xy[0]) * np.float32(working) / np.float32(size) / 4
    np.testing.assert_allclose(moved, np.tile(_pixels_a_frame(name, working), (10, 1)), atol=1e-3)


def test_dense_flow_is_read_at_pixel_centres(clone):
    ramp = (
        "flow = 0.1 * torch.arange(W).float().expand(T, 2, H, W) * (frame > 0)[:, None, None, None]"
    )
    code, weights = clone("alltracker", ("        seen =", f"        {ramp}\n        seen ="))
    tracks = get_tracker("alltracker", code=code, weights=weights, device="cpu").track(
        numbered_video(2), grid=Grid(1, 3, 16.0, (10.25, 20.5))
    )
    x = tracks.xy[0, :, 0]
    np.testing.assert_allclose(tracks.xy[1, :, 0], x + 0.1 * (x - 0.5), atol=0.01)


@pytest.mark.parametrize("name", EVERY)
def test_provenance_names_licence_and_weights(clone, name):
    tracks = _get(name, clone).track(numbered_video(3), grid=GRID)
    assert tracks.source["tracker"] == name
    assert tracks.source["licence"] == NETWORKS[name].licence
    assert len(tracks.source["weights"]["sha256"]) == 64
    assert "visible" in tracks.source["thresholds"]
    json.dumps(tracks.source)


def test_clones_do_not_shadow_one_another(tmp_path):
    before, path = set(sys.modules), list(sys.path)
    for folder, shift in (("a", "0.0"), ("b", "0.5")):
        swap = ("+ self.bias", f"+ {shift}")
        code, weights = write_clone(tmp_path / folder, "alltracker", swap)
        tracker = get_tracker("alltracker", code=code, weights=weights, device="cpu")
        moved = tracker.track(numbered_video(1 + 1), grid=GRID).xy[1] - GRID.points().reshape(-1, 2)
        np.testing.assert_allclose(moved, np.tile(np.float32(VELOCITY), (10, 1)) + float(shift))
    assert sys.path == path
    assert not [m for m in set(sys.modules) - before if m.startswith("nets")]


@pytest.mark.parametrize("name", EVERY)
def test_what_is_missing_is_named(clone, tmp_path, name):
    code, weights = clone(name)
    (tmp_path / "empty").mkdir()
    for given, message in (
        ({}, "git clone https://github.com/"),
        ({"code": tmp_path / "empty"}, CLONES[name][0]),
        ({"code": code}, "https://huggingface.co/.* --weights FILE"),
        ({"code": code, "weights": tmp_path / "none.pth"}, "--weights FILE"),
    ):
        with pytest.raises(UserError, match=message):
            get_tracker(name, **given)
    with pytest.raises(UserError, match="expected device"):
        get_tracker(name, code=code, weights=weights, device="abacus")


class _Runs:
    def __reduce__(self):
        return print, ("this ran",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", EVERY)
def test_weights_that_are_none_are_refused_and_run_nothing(clone, capsys, name):
    code, weights = clone(name)
    for content in (pickle.dumps({"bias": _Runs()}), b"", b"\x80nonsense", b"PK\x03\x04"):
        weights.write_bytes(content)
        with pytest.raises(UserError, match="expected a PyTorch file of tensors"):
            get_tracker(name, code=code, weights=weights, device="cpu")
    torch.save([1], weights)
    with pytest.raises(UserError, match="named tensors"):
        get_tracker(name, code=code, weights=weights, device="cpu")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"cotracker"}))
def test_weights_of_another_network_are_refused(clone, name):
    code, weights = clone(name)
    torch.save({"other": torch.zeros(3)}, weights)
    with pytest.raises(UserError, match=r"weights.pth does not fit .*bias"):
        get_tracker(name, code=code, weights=weights, device="cpu")


@pytest.mark.parametrize(
    ("name", "swap"),
    [
        ("cotracker", ("tracks[None]", "tracks[None].flip(-1)")),
        ("tapir", ("yx.flip(-1)[:", "yx[:")),
        ("tapnext", ("tracks = yx +", "tracks = yx.flip(-1) +")),
    ],
)
def test_a_clone_with_another_axis_order_is_refused(clone, name, swap):
    code, weights = clone(name, swap)
    tracker = get_tracker(name, code=code, weights=weights, device="cpu")
    with pytest.raises(UserError, match="axis order"):
        tracker.track(numbered_video(20), grid=GRID)


def test_shares_that_are_none_are_refused(clone):
    code, weights = clone("alltracker", ("seen = (~", "seen = 9 * (~"))
    tracker = get_tracker("alltracker", code=code, weights=weights, device="cpu")
    with pytest.raises(UserError, match=r"visibility from 0 to 1, got 0\.00 to 81\.00"):
        tracker.track(numbered_video(40), grid=GRID)


def test_a_package_that_the_clone_lacks_is_named(clone):
    code, weights = clone("tapir", ("class TAPIR", "import no_such_package\nclass TAPIR"))
    with pytest.raises(UserError, match=r"no_such_package.*install what its clone"):
        get_tracker("tapir", code=code, weights=weights)


def test_a_point_hidden_in_a_whole_overlap_is_lost_and_any_other_goes_on():
    lengths = []

    def ask(frames, xy, at):  # all stand still; the left one hides at the end of every window
        lengths.append(len(frames))
        hides = (xy[:, 0] < 20)[None] & (frames[:, 0, 0, 0] >= WINDOW - OVERLAP)[:, None]
        back = frames[:, 0, 0, 0] == WINDOW - OVERLAP + 1
        visible = ~hides | (back[:, None] & (xy[:, 1] > 20)[None])
        return Answer(np.repeat(xy[None], len(frames), 0), visible, visible.astype(np.float32))

    tracker = FollowingTracker("stub", in_windows(ask), {})
    tracks = tracker.track(numbered_video(200), grid=Grid(2, 2, 16.0, (10.5, 10.5)))
    left_top, _, left_bottom, _ = tracks.visible.T
    assert left_top[: WINDOW - OVERLAP].all()
    assert not left_top[WINDOW - OVERLAP :].any()
    assert left_bottom[WINDOW - OVERLAP + 1]
    assert tracks.visible[:, 1::2].all()
    assert max(lengths) == WINDOW  # memory is flat in the video's length
    assert len(lengths) == 4
    assert np.isfinite(tracks.xy).all()


def test_the_command_prints_the_licence(clone, tmp_path, capsys):
    clip, out = tmp_path / "clip.mp4", tmp_path / "tracks.npz"
    write_video(clip, iter(np.full((4, 64, 96, 3), 9, np.uint8)), 24.0, SIZE)
    code, weights = clone("tapir")
    words = [
        "track",
        str(clip),
        "--out",
        str(out),
        "--tracker",
        "tapir",
        "--code",
        str(code),
        "--stride",
        "32",
    ]
    assert main([*words, "--weights", str(weights), "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert said.err.splitlines() == ["BootsTAPIR: Apache 2.0, code and weights"]
    assert load_tracks(out).source["licence"] == "Apache 2.0, code and weights"
    assert main(words) == 2
    assert "--weights FILE" in capsys.readouterr().err


def test_a_forecast_is_made_of_such_tracks(clone, tmp_path, capsys):
    clip, out = tmp_path / "clip.mp4", tmp_path / "out"
    write_video(clip, iter(np.full((6, 64, 96, 3), 9, np.uint8)), 24.0, SIZE)
    code, weights = clone("tapir")
    words = ["forecast", str(clip), "--out", str(out), "--samples", "1", "--horizon", "2"]
    words += ["--stride", "32", "--device", "cpu", "--tracker", "tapir", "--code", str(code)]
    assert main(words) == 2
    assert "--weights FILE" in capsys.readouterr().err
    assert main([*words, "--weights", str(weights)]) == 0
    assert "BootsTAPIR: Apache 2.0" in capsys.readouterr().err
    history = load_forecast(out / "forecast.npz").history
    assert history.source["tracker"] == "tapir"
    assert (len(history), history.count) == (6, 6)


@pytest.mark.parametrize("given", [{"weights": Path("a.pth")}, {"code": Path()}, {"device": "cpu"}])
def test_built_in_trackers_take_no_weights(given):
    with pytest.raises(UserError, match="flow has no use for weights, a clone or a device"):
        get_tracker("flow", **given)
