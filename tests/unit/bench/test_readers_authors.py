"""The folders that the authors' own scripts write, and Kinecast's own files."""

import json

import numpy as np
import pytest
import torch
from other_cases import (
    HISTORY,
    HORIZON,
    SIZE,
    case_of,
    laid,
    moving,
    now,
    paths,
    read,
    samples_from_now,
)

from kinecast.bench.contestant import contestant
from kinecast.core import coords
from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.io.forecast_file import save_forecast
from kinecast.io.tracks_file import save_tracks

CELL = 16


def trajloom_case():
    """Points at the top-left pixel of each cell of the history's first frame."""
    grid = Grid(3, 5, float(CELL), (0.5, 0.5))
    points = grid.points().reshape(-1, 2)
    return case_of(paths(HISTORY + HORIZON, points), grid=grid, id="kinetics/clip")


def write_trajloom(place, case, shift=0.0):
    query = np.round(case.history.xy[0] - 0.5).astype(np.int64)
    tracks = case.truth.xy - 0.5 + np.float32(shift)  # integers are pixel centres there
    place.mkdir(parents=True)
    np.save(place / "query_xy.npy", query)
    np.save(place / "pred_tracks.npy", tracks)
    flags = np.ones(tracks.shape[:2], np.uint8)
    flags[2, 3] = 0
    np.save(place / "pred_visibility.npy", flags)
    (place / "meta.json").write_text(json.dumps({"W": SIZE[0], "H": SIZE[1]}))
    return query


def test_trajloom_s_folder_is_a_future_and_its_runs_are_samples(tmp_path):
    case = trajloom_case()
    write_trajloom(tmp_path / "one" / case.id, case)
    np.testing.assert_allclose(read(f"outputs:trajloom:{tmp_path}/one", case)[0], case.truth.xy)
    (future,) = contestant(f"outputs:trajloom:{tmp_path}/one")[0].forecast(case, 4, 0)
    assert np.argwhere(~future.visible).tolist() == [[2, 3]]
    for run, shift in (("seed_10", 2.0), ("seed_2", 1.0)):
        write_trajloom(tmp_path / "runs" / run / case.id, case, shift)
    got = read(f"outputs:trajloom:{tmp_path}/runs", case)
    np.testing.assert_allclose(got - case.truth.xy, np.ones_like(got) * [[[[1.0]]], [[[2.0]]]])


def test_trajloom_s_points_are_those_of_the_history_s_first_frame(tmp_path):
    case = trajloom_case()
    place = tmp_path / case.id
    query = write_trajloom(place, case)
    np.save(place / "query_xy.npy", query[:, ::-1])
    with pytest.raises(UserError, match="expected queries at the points of case"):
        read(f"outputs:trajloom:{tmp_path}", case)
    np.save(place / "query_xy.npy", query[:-1])
    with pytest.raises(UserError, match=r"expected \(any, 14, 2\) in .*pred_tracks"):
        read(f"outputs:trajloom:{tmp_path}", case)
    other = case_of(paths(HISTORY + HORIZON, laid()), id=case.id)
    np.save(place / "query_xy.npy", query)
    got = read(f"outputs:trajloom:{tmp_path}?points=nearest", other)
    np.testing.assert_allclose(got[0], other.truth.xy, atol=1e-4)


def whn_case():
    grid = Grid(32, 32, 8.0, (0.5, 0.5))
    points = grid.points().reshape(-1, 2)
    xy = paths(1 + HORIZON, points, (0.5, 1.5))
    return case_of(xy, size=(256, 256), grid=grid, id="rval-000003", fps=24.0)


def test_whn_s_rollout_folders_are_samples(tmp_path):
    case = whn_case()
    for k in range(3):
        place = tmp_path / f"{case.id}-{k:06d}"
        place.mkdir()
        xy = paths(1 + HORIZON, now(case), (k, 1.0)).reshape(-1, 32, 32, 2)
        np.save(place / "trajectories.npy", xy.astype(np.float32))
    got = read(f"outputs:whn:{tmp_path}?set=kubric&time=frames", case)
    for k in range(3):
        np.testing.assert_allclose(got[k, 3], now(case) + np.array([4 * k, 4]))
    assert len(contestant(f"outputs:whn:{tmp_path}?set=kubric")[0].forecast(case, 2, 0)) == 2
    with pytest.raises(UserError, match=r"set=kubric\|libero"):
        read(f"outputs:whn:{tmp_path}", case)
    with pytest.raises(UserError, match="expected 32 x 58 points"):
        read(f"outputs:whn:{tmp_path}?set=physics101", case)


def test_whn_s_tensors_are_normalised_and_go_at_12_frames_a_second(tmp_path):
    case = whn_case()
    tracks = paths(1 + HORIZON, now(case), (2.0, -1.0)).reshape(-1, 32, 32, 2)
    signed = torch.from_numpy(2 * tracks / 256 - 1).float().permute(0, 3, 1, 2)[None]
    torch.save(signed, tmp_path / f"{case.id}.pt")
    got = read(f"outputs:whn:{tmp_path}?set=kubric&units=signed", case)  # the case has 24 a second
    np.testing.assert_allclose(got[0, -1], now(case) + HORIZON / 2 * np.array([2, -1]), atol=1e-3)
    with pytest.raises(UserError, match="expected axes kthwd"):
        read(f"outputs:whn:{tmp_path}?set=kubric&units=signed&axes=kthwd", case)


def zipmo_case(**fields):
    return moving(id="dog/1 poke", scene="dog", **fields)


def write_zipmo(folder, case, methods):
    yx = (2 * samples_from_now(case) / SIZE - 1)[..., ::-1].swapaxes(1, 2)  # (K, N, T, 2)
    tracks = [torch.from_numpy(part.copy()).float() for part in yx]
    gt = {"tracks": tracks[0], "queries": tracks[0][:, 0]}
    held = {name: {"tracks": tracks} for name in methods}
    torch.save({"dog": {"gt": gt, **held}}, folder / "results.pt")


def test_zipmo_s_results_are_y_x_and_the_method_is_that_of_the_case_s_pokes(tmp_path):
    case = zipmo_case(pokes=Pokes.of((30, 20, 40, 20)))
    write_zipmo(tmp_path, case, ["zipmo-1_pokes", "zipmo-2_pokes"])
    wanted = samples_from_now(case)[:, 1:]
    np.testing.assert_allclose(read(f"outputs:zipmo:{tmp_path}", case), wanted, atol=1e-4)
    at = f"outputs:zipmo:{tmp_path}/results.pt"
    np.testing.assert_allclose(read(at, case), wanted, atol=1e-4)
    four = zipmo_case(pokes=Pokes.of(*[(30, 20, 40, 20)] * 4))
    assert contestant(at)[0].refuses(four) == "no outputs of this case are there"
    with pytest.raises(UserError, match=r"method=zipmo-1_pokes\|zipmo-2_pokes"):
        read(at, zipmo_case())
    np.testing.assert_allclose(read(f"{at}?method=zipmo-2_pokes", zipmo_case()), wanted, atol=1e-4)
    cat = moving(id="cat")
    assert contestant(at)[0].refuses(cat) == "no outputs of this case are there"


def test_zipmo_s_x_y_would_start_elsewhere(tmp_path):
    case = zipmo_case()
    write_zipmo(tmp_path, case, ["zipmo-1_pokes"])
    results = torch.load(tmp_path / "results.pt")
    held = results["dog"]["zipmo-1_pokes"]
    held["tracks"] = [part.flip(-1) for part in held["tracks"]]
    torch.save(results, tmp_path / "results.pt")
    with pytest.raises(UserError, match="to start where they were laid"):
        read(f"outputs:zipmo:{tmp_path}", case)


def test_kinecast_s_forecast_files_come_back_as_they_are(tmp_path):
    case = moving()
    futures = [
        Tracks(xy.astype(np.float32), coords.inside(xy, SIZE), SIZE)
        for xy in samples_from_now(case)[:, 1:]
    ]
    futures[1].visible[2, 2] = False
    prob = np.stack([future.visible for future in futures]).astype(np.float16)
    save_forecast(tmp_path / "a" / f"{case.id}.npz", futures, prob, case.history, {})
    save_forecast(tmp_path / "b" / case.id / "forecast.npz", futures, prob, case.history, {})
    for k, future in enumerate(futures):
        save_tracks(tmp_path / "c" / case.id / f"{k}.npz", future)
    for folder in "abc":
        got = contestant(f"outputs:kinecast:{tmp_path}/{folder}")[0].forecast(case, 8, 0)
        assert len(got) == 2
        for mine, theirs in zip(futures, got, strict=True):
            np.testing.assert_array_equal(mine.xy, theirs.xy)
            np.testing.assert_array_equal(mine.visible, theirs.visible)


def test_kinecast_s_files_of_another_frame_are_resized(tmp_path):
    case = moving()
    future = case.truth.resized((160, 96))
    save_tracks(tmp_path / f"{case.id}.npz", future)
    np.testing.assert_allclose(read(f"outputs:kinecast:{tmp_path}", case)[0], case.truth.xy, 1e-5)
    save_tracks(tmp_path / f"{case.id}.npz", future.window(0, 3))
    reason = contestant(f"outputs:kinecast:{tmp_path}")[0].refuses(case)
    assert (
        reason == "the outputs end before the case does; time=ends stretches them to its duration"
    )
