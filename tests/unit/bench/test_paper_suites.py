"""The papers' suites on data in miniature: cases, numbers that are known, and what is refused."""

import json

import numpy as np
import paper_data
import pytest

from kinecast.bench.results import read
from kinecast.bench.suite import protocol_hash
from kinecast.bench.suites import suite
from kinecast.bench.suites.physics101 import outliers
from kinecast.cli.main import main
from kinecast.core.errors import UserError

OWN_DATA = (
    "trajloom-bench", "whn-kubric", "whn-libero", "zipmo-libero", "physics101", "physion-to-real",
    "zipmo-open-set", "davis", "physics-iq",
)  # fmt: skip
STILL = "constant_position"


def run(capsys, name, data, out, models=f"{STILL},truth", size="mini", *more):
    words = ["bench", "run", name, "--models", models, "--data", data, "--out", out, *more]
    assert main([*map(str, words), "--size", size, "--json"]) == 0, capsys.readouterr().err
    capsys.readouterr()
    return read(out)


def scalars(results, model):
    assert not any(row.skipped for row in results.of(model))
    return {row.case: row.result.scalars for row in results.of(model)}


@pytest.mark.parametrize("name", OWN_DATA)
def test_without_data_it_says_what_to_fetch(name, tmp_path, capsys):
    found = suite(name)
    assert found.name == name
    assert "kinecast" in found.fetch
    words = ["bench", "run", name, "--models", STILL, "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert found.fetch in " ".join(capsys.readouterr().err.split())
    (tmp_path / "empty").mkdir()
    for size in found.sizes:
        with pytest.raises(UserError):
            found.lots(size, tmp_path / "empty")


def test_trajloom_bench(tmp_path, capsys):
    data = tmp_path / "data"
    paper_data.trajloom_set(data / "robotap")
    paper_data.trajloom_set(data / "magicdata", clips=3)
    results = run(capsys, "trajloom-bench", data, tmp_path / "run")
    groups = [case.group for case in results.cases.values()]
    assert groups == ["RoboTAP"] * 2 + ["MagicData (E)"] * 2  # the third is not drawn
    case = results.cases["robotap/clip0"]
    assert (case.history_frames, case.horizon, case.size) == (81, 81, (832, 480))
    assert len(case.about["data_sha256"]) == 64
    assert case.features["fvmd"].shape == (66, 960)  # windows of 16 frames, one starts at each
    assert case.features["fvmd_long"].shape == (1, 4800)
    still = scalars(results, STILL)["robotap/clip0"]
    step, seen = np.hypot(0.5, 0.25), np.ones((15, 26, 81))
    seen[:, 0, 19:] = 0  # hidden from frame 100 on
    want = (seen * step * np.arange(1, 82)).sum() / seen.sum()
    assert still["mean_ade"] == pytest.approx(want, rel=1e-4)
    assert still["flow_tv"] == 0
    assert "vepe_81" not in still
    assert scalars(results, "truth")["robotap/clip0"]["mean_ade"] == 0
    texts = [case.text for case in suite("trajloom-bench").cases("mini", data)]
    assert texts[:2] == ["a pan", None]


def test_trajloom_bench_refuses(tmp_path):
    data = tmp_path / "data"
    paper_data.trajloom_set(data / "robotap", clips=1)
    found = suite("trajloom-bench")
    (data / "robo-tap").mkdir()
    with pytest.raises(UserError, match="got robo-tap; did you mean robotap"):
        found.lots("full", data)
    (data / "robo-tap").rmdir()
    (data / "robotap" / "videos" / "clip0.mp4").unlink()
    with pytest.raises(UserError, match=r"expected the video clip0\.mp4"):
        list(found.cases("full", data))
    (data / "robotap" / "tracks" / "clip0.npz").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="clip0"):
        list(found.cases("full", data))


def test_whn_kubric(tmp_path, capsys):
    data = tmp_path / "data"
    paper_data.rollouts(data, "rval", scenes=3, futures=3)
    paper_data.rollouts(data, "rood", scenes=1, futures=9)
    results = run(capsys, "whn-kubric", data, tmp_path / "run")
    found = [(case.id, case.group, case.futures) for case in results.cases.values()]
    assert found == [
        ("rval-000000", "in distribution", 3),
        ("rval-000001", "in distribution", 3),
        ("rood-000000", "out of distribution", 8),
    ]
    case = results.cases["rval-000000"]
    assert (case.history_frames, case.horizon, case.size) == (1, 23, (256, 256))
    assert len(case.about["data_sha256"]) == 3
    paths = np.stack([
        np.load(data / f"movi_a_rval_movi_a_256x256_000000-{k:06d}" / "trajectories.npy")
        for k in range(3)
    ])  # fmt: skip
    moved = paths - paths[:, :1]
    still = scalars(results, STILL)["rval-000000"]
    errors = np.square(moved).mean((1, 2, 3, 4))  # over 24 frames, the first of error 0
    assert still["best_of_k_mse"] == pytest.approx(errors.min(), rel=1e-4)
    assert still["scene_variance"] == 0
    assert still["lrtl"] == pytest.approx(0, abs=1e-2)  # one object, left half, still
    off = moved - moved.mean(0)
    variance = np.square(off).sum(-1).mean()
    assert case.scalars["scene_variance"] == pytest.approx(variance, rel=1e-4)


def test_whn_kubric_refuses(tmp_path):
    data, found = tmp_path / "data", suite("whn-kubric")
    paper_data.rollouts(data, "rval", scenes=1, futures=2)
    with pytest.raises(UserError, match="expected 16 scenes of 64 rollouts of movi_a_rval"):
        found.lots("full", data)
    second = data / "movi_a_rval_movi_a_256x256_000000-000001" / "trajectories.npy"
    xy = np.load(second)
    np.save(second, xy + 0.25)
    with pytest.raises(UserError, match="expected the first frame of"):
        list(found.cases("mini", data))
    np.save(second, xy[:20])
    with pytest.raises(UserError, match="expected 24 frames"):
        list(found.cases("mini", data))


def libero(folder):
    for demo in range(10):
        paper_data.atm_demo(folder / "libero_10" / "SCENE3_lift_it_demo" / f"demo_{demo}.hdf5")
    return folder


@pytest.mark.parametrize("name", ["whn-libero", "zipmo-libero"])
def test_libero(name, tmp_path, capsys):
    results = run(capsys, name, libero(tmp_path / "data"), tmp_path / "run")
    ids = list(results.cases)
    demo = "libero_10/SCENE3_lift_it_demo/demo_9"  # the last tenth of the task
    want = [f"{demo}@{start}/{view}" for start in (0, 16) for view in ("side", "effector")]
    assert ids == want
    case = results.cases[ids[1]]
    assert (case.group, case.scene) == ("LIBERO-10, effector", f"{demo}@0")
    assert (case.size, case.history_frames, case.horizon) == ((128, 128), 1, 15)
    assert case.about["view"] == 1
    assert results.cases[ids[3]].about["episode_step"] == 16
    still = scalars(results, STILL)[ids[0]]
    want = (1 + 4) / 2 * np.square(np.arange(16)).mean()  # moves (1, -2) a frame, 16 frames
    for k in (1, 2, 4, 8):
        assert still[f"paper_min_mse_k{k}"] == pytest.approx(want, rel=1e-4)
    assert still["paper_single_mse"] == still["paper_mean_track_mse_k8"]
    assert scalars(results, "truth")[ids[0]]["paper_mean_mse_k4"] == 0


def test_libero_takes_points_that_move_and_views_of_one_moment(tmp_path):
    cases = list(suite("whn-libero").cases("full", libero(tmp_path)))
    assert all(case.history.count == 30 for case in cases[:2])  # half of 60
    assert all(case.history.count == 29 for case in cases[2:])  # one is hidden at frame 16
    side, effector = cases[:2]
    assert (side.frame.image == 90).all()
    assert (effector.frame.image == 91).all()
    assert (effector.views[0].image == 90).all()
    assert side.text == "lift it"
    moved = np.abs(side.truth.xy[-1] - side.history.xy[0])
    np.testing.assert_allclose(moved, np.broadcast_to([15, 30], moved.shape), atol=1e-3)


def test_libero_windows_of_whns_shards(tmp_path):
    paper_data.libero_shard(tmp_path / "libero_goal" / "val.tar")
    side, effector = suite("whn-libero").cases("full", tmp_path)
    assert (side.id, side.group) == ("libero_goal/val/window/side", "goal, side")
    assert (effector.group, effector.scene) == ("goal, effector", side.scene)
    for case in (side, effector):
        start = case.history.xy[0]
        assert (case.history.count, case.horizon, case.text) == (32, 15, "open the drawer")
        assert (start % 2 == 1.5).all()  # points of the 64 x 64 grid
        assert (start[:, 1] < 64).all()  # that move
        np.testing.assert_allclose(case.truth.xy[-1] - start, [[15, 30]] * 32, atol=1e-3)
    assert not np.array_equal(side.history.xy, effector.history.xy)  # each its own draw
    again, _ = suite("zipmo-libero").cases("full", tmp_path)
    np.testing.assert_array_equal(again.history.xy, side.history.xy)


def test_libero_keeps_to_a_split_that_is_there(tmp_path):
    task = tmp_path / "libero_10" / "SCENE3_lift_it_demo"
    libero(tmp_path)
    (task / "val").mkdir()
    (task / "val" / "demo_2.hdf5").symlink_to(task / "demo_2.hdf5")
    ids = {case.scene for case in suite("zipmo-libero").cases("full", tmp_path)}
    assert ids == {f"libero_10/SCENE3_lift_it_demo/demo_2@{start}" for start in (0, 16)}


def test_libero_refuses(tmp_path):
    found = suite("whn-libero")
    (tmp_path / "libero_100").mkdir()
    with pytest.raises(UserError, match="got libero_100; did you mean"):
        found.lots("full", tmp_path)
    (tmp_path / "libero_100").rename(tmp_path / "libero_10")
    with pytest.raises(UserError, match=r"expected \.hdf5 files or \.tar shards"):
        found.lots("full", tmp_path)
    path = paper_data.atm_demo(tmp_path / "libero_10" / "a_demo" / "demo_0.hdf5", T=12)
    with pytest.raises(UserError, match="expected a window of 16 frames"):
        list(found.cases("full", tmp_path))
    path.write_bytes(b"no hdf5")
    with pytest.raises(UserError, match="demo_0"):
        list(found.cases("full", tmp_path))


def physics101(folder):
    for trial in ("ramp/block/01", "fall/ball/02"):
        paper_data.video(folder / "raw" / trial / "Camera_1.mp4", 30, (120, 64))
    return paper_data.built("physics101-crops", folder / "raw", folder / "crops")


def test_physics101(tmp_path, capsys):
    data = physics101(tmp_path)
    results = run(capsys, "physics101", data, tmp_path / "run", f"{STILL},truth,damped_8_0.9")
    groups = [case.group for case in results.cases.values()]
    assert sorted(groups) == ["fall", "ramp"]
    (case, *_) = results.cases.values()
    assert (case.size, case.horizon) == ((464, 256), 29)
    errors = scalars(results, STILL)
    want = 0.5 * (0.25 + 0.0625) / 2 * np.square(np.arange(30)).mean()  # half of the points move
    assert errors[case.id]["paper_mse"] == pytest.approx(want, rel=1e-3)
    scatter = outliers(results, STILL, "truth")
    assert {point["scenario"] for point in scatter["points"]} == {"fall", "ramp"}
    assert scatter["points"][0][STILL] == errors[scatter["points"][0]["case"]]["paper_mse"]
    assert (scatter["y_10_times_lower"], scatter["x_10_times_lower"]) == (2, 0)
    assert json.loads(json.dumps(scatter)) == scatter
    with pytest.raises(UserError, match="expected paper_mse of nobody"):
        outliers(results, STILL, "nobody")


def test_physion_to_real(tmp_path, capsys):
    paper_data.video(tmp_path / "raw" / "ball.mp4", 31)
    data = paper_data.built("physion-real", tmp_path / "raw", tmp_path / "real")
    results = run(capsys, "physion-to-real", data, tmp_path / "run")
    (case,) = results.cases.values()
    assert (case.size, case.history_frames, case.horizon) == ((256, 256), 1, 29)
    (made,) = suite("physion-to-real").cases("full", data)
    assert (made.history.grid.h, made.history.grid.origin) == (32, (2.5, 2.5))
    with pytest.raises(UserError, match="expected 30 frames of 464x256"):
        list(suite("physics101").cases("full", data))


def open_set(folder):
    paper_data.video(folder / "raw" / "walk.mp4", 127)
    return paper_data.built("zipmo-open-set", folder / "raw", folder / "set")


def test_zipmo_open_set(tmp_path, capsys):
    data = open_set(tmp_path)
    results = run(capsys, "zipmo-open-set", data, tmp_path / "run")
    groups = [case.group for case in results.cases.values()]
    assert groups == ["1 poke", "2 pokes", "4 pokes", "8 pokes", "dense"]
    still = scalars(results, STILL)
    yx = paper_data.poked_tracks(data).numpy().astype(np.float64)
    pixels = (yx + 1) / 2 * 128
    off = pixels - pixels[:, :1]
    want = np.square(off).mean()
    assert still["walk/8 pokes"]["paper_min_mse_k8"] == pytest.approx(want, rel=1e-4)
    assert still["walk/dense"]["paper_mean_mse_k128"] == pytest.approx(want, rel=1e-4)
    assert "paper_min_mse_k128" not in still["walk/1 poke"]
    ends = np.linalg.norm(off[:, -1], axis=-1)
    assert still["walk/2 pokes"]["poke_epe"] == pytest.approx(ends[:2].mean(), rel=1e-4)
    assert still["walk/dense"]["poke_epe"] == pytest.approx(ends.mean(), rel=1e-4)


def test_pokes_lead_from_first_to_last_position(tmp_path):
    cases = list(suite("zipmo-open-set").cases("mini", open_set(tmp_path)))
    assert [len(case.pokes) for case in cases] == [1, 2, 4, 8, 40]
    for case in cases:
        np.testing.assert_array_equal(case.pokes.start, case.history.xy[0, : len(case.pokes)])
        np.testing.assert_array_equal(case.pokes.end, case.truth.xy[-1, : len(case.pokes)])
        assert (case.pokes.time == 1).all()
        assert (case.horizon, case.scene) == (63, "walk")
    data = tmp_path / "set"
    (data / "pexels" / "original-walk.mp4").unlink()
    with pytest.raises(UserError, match="expected the video"):
        list(suite("zipmo-open-set").cases("mini", data))
    (data / "gt_tracks.pt").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="gt_tracks"):
        suite("zipmo-open-set").lots("mini", data)


@pytest.mark.parametrize(("name", "step"), [("davis", 1), ("physics-iq", 2)])
def test_dense_pokes_on_shards(name, step, tmp_path, capsys):
    paper_data.tracked_shard(tmp_path / "data" / "00000.parquet", (130, 41))
    results = run(capsys, name, tmp_path / "data", tmp_path / "run")
    assert len(results.cases) == 2
    long, short = suite(name).cases("full", tmp_path / "data")
    assert (len(long.pokes), long.horizon, short.horizon) == (40, 63, 63)
    moved = np.linalg.norm(long.truth.xy[-1] - long.history.xy[0], axis=-1)
    np.testing.assert_allclose(moved[:30], np.hypot(94.5, 47.25) * step, rtol=1e-3)
    np.testing.assert_allclose(moved[30:], 0, atol=1e-2)  # moving points come first
    # 41 frames become 64: the ends stay, and steps are equal
    steps = np.diff(np.concatenate([short.history.xy, short.truth.xy])[:, 0], axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=0.01)
    np.testing.assert_allclose(steps.sum(0), [60, 30], atol=0.05)
    still = scalars(results, STILL)
    assert set(still[long.id]) >= {"paper_min_mse_k8", "paper_min_mse_k128", "poke_epe"}
    paper_data.tracked_shard(tmp_path / "few" / "00000.parquet", (64,), points=39)
    with pytest.raises(UserError, match="expected 40 points that are seen"):
        list(suite(name).cases("full", tmp_path / "few"))


def test_a_changed_protocol_is_a_new_version():
    """The rules of selection, their seeds, K and windows are frozen with the version."""
    frozen = {name: (suite(name).version, protocol_hash(suite(name).protocol)) for name in OWN_DATA}
    assert frozen == FROZEN, "raise the version of the suite whose protocol changed"


FROZEN = {
    "trajloom-bench": (1, "82254fcce566bf3d"),
    "whn-kubric": (1, "adc20b370a1755dc"),
    "whn-libero": (1, "723a2deb0bdad8f3"),
    "zipmo-libero": (1, "c6025a83e61d4bd2"),
    "physics101": (1, "568f734cf38b24ed"),
    "physion-to-real": (1, "1c80d255157a2177"),
    "zipmo-open-set": (1, "a757e5c9c783dcb9"),
    "davis": (1, "489aa03fbcada94a"),
    "physics-iq": (1, "2a2403225c879399"),
}
