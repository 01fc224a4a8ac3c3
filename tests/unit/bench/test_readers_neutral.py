"""Outputs of methods that document no files: the neutral layout, with all of it stated."""

import pickle

import numpy as np
import pytest
import torch
from other_cases import HORIZON, SAMPLES, SIZE, gridded, moving, now, read, samples_from_now

from kinecast.bench.contestant import contestant
from kinecast.core.errors import UserError

W, H = SIZE


def write(folder, case, suffix=".npz", **arrays):
    place = folder / f"{case.id}{suffix}"
    place.parent.mkdir(parents=True, exist_ok=True)
    np.savez(place, **arrays)
    return folder


def test_myriad_is_x_y_in_0_to_1_and_its_axes_are_stated(tmp_path):
    case = moving()
    wanted = samples_from_now(case)
    unit = (wanted / SIZE).astype(np.float32)
    write(tmp_path, case, tracks=unit.transpose(0, 2, 1, 3))
    got = read(f"outputs:myriad:{tmp_path}?axes=kntd&first=now", case)
    np.testing.assert_allclose(got, wanted[:, 1:], atol=1e-4)


def test_without_axes_the_error_names_the_option(tmp_path):
    case = moving()
    write(tmp_path, case, tracks=(samples_from_now(case) / SIZE).astype(np.float32))
    with pytest.raises(UserError, match=r"axes=.*letters k t n"):
        read(f"outputs:myriad:{tmp_path}?first=now", case)
    with pytest.raises(UserError, match=r"first=now\|next"):
        read(f"outputs:myriad:{tmp_path}?axes=ktnd", case)


def test_swapped_axes_are_refused_by_count_and_by_place(tmp_path):
    case = moving()
    unit = (samples_from_now(case) / SIZE).astype(np.float32)
    write(tmp_path, case, tracks=unit)
    with pytest.raises(UserError, match=r"expected the 5 points of case one/0003, got 7.*points="):
        read(f"outputs:myriad:{tmp_path}?axes=kntd&first=now", case)
    with pytest.raises(UserError, match=r"expected axes ktdn \(d has length 2"):
        read(f"outputs:myriad:{tmp_path}?axes=ktdn&first=now", case)
    with pytest.raises(UserError, match=r"x and y exchanged they would fit: is order="):
        read(f"outputs:myriad:{tmp_path}?axes=ktnd&first=now&order=yx", case)


def test_as_many_steps_as_points_in_swapped_axes_start_in_the_wrong_place(tmp_path):
    case = moving(horizon=4)
    unit = (samples_from_now(case) / SIZE).astype(np.float32)
    assert unit.shape[1] == unit.shape[2]
    write(tmp_path, case, tracks=unit)
    with pytest.raises(UserError, match="to start where they were laid"):
        read(f"outputs:myriad:{tmp_path}?axes=kntd&first=now", case)


def test_flow_poke_is_a_displacement_that_is_reached_in_the_last_frame(tmp_path):
    case = moving()
    flow = np.array([[8.0, -4.0], [4.0, 2.0]])[:, None] / SIZE  # two samples
    flow = np.broadcast_to(flow, (2, case.history.count, 2)).astype(np.float32)
    queries = (now(case) / SIZE).astype(np.float32)
    write(tmp_path, case, flow=flow, queries=queries)
    got = read(f"outputs:flow-poke:{tmp_path}?axes=knd&time=ends", case)
    np.testing.assert_allclose(got[0, -1], now(case) + np.array([8, -4]), atol=1e-4)
    np.testing.assert_allclose(got[1, HORIZON // 2 - 1], now(case) + np.array([2, 1]), atol=1e-4)


def test_one_step_ends_before_the_case_does(tmp_path):
    case = moving()
    flow = np.zeros((case.history.count, 2), np.float32)
    write(tmp_path, case, flow=flow, queries=(now(case) / SIZE).astype(np.float32))
    (one,) = contestant(f"outputs:flow-poke:{tmp_path}?axes=nd")
    assert one.refuses(case) == (
        "the outputs end before the case does; time=ends stretches them to its duration"
    )


def test_track2act_states_everything_and_may_bring_its_own_points(tmp_path):
    case = moving()
    xs, ys = np.meshgrid(np.arange(0, 256, 8.0), np.arange(0, 256, 8.0))
    queries = np.stack([xs, ys], -1).reshape(-1, 2)
    steps = np.arange(1, 9)[:, None, None] / 8 * np.array([12.0, 6.0])  # of 256x256, by the end
    tracks = (queries + steps)[..., ::-1].astype(np.float32)
    write(tmp_path, case, tracks=tracks, queries=queries[:, ::-1])
    stated = "axes=tnd&units=pixels&order=yx&first=next&size=256x256&fit=stretch&time=ends"
    for rule in ("nearest", "bilinear"):
        got = read(f"outputs:track2act:{tmp_path}?{stated}&points={rule}", case)
        np.testing.assert_allclose(got[0, -1] - now(case), [[12 * W / 256, 6 * H / 256]] * 5, 1e-4)
    with pytest.raises(UserError, match=r"expected the 5 points .* got 1024"):
        read(f"outputs:track2act:{tmp_path}?{stated}", case)
    with pytest.raises(UserError, match=r"track2act with units=pixels\|unit\|signed"):
        read(f"outputs:track2act:{tmp_path}?axes=tnd", case)
    with pytest.raises(UserError, match="size=WxH"):
        read(f"outputs:track2act:{tmp_path}?axes=tnd&units=pixels&order=yx&first=next", case)
    spec = stated.replace("&fit=stretch", "&points=nearest")
    with pytest.raises(UserError, match=r"fit=stretch\|crop\|letterbox.*different shapes"):
        read(f"outputs:track2act:{tmp_path}?{spec}", case)


@pytest.mark.parametrize("name", ["atm", "tra-moe"])
def test_atm_is_read_in_the_layout_of_its_data(tmp_path, name):
    h5py = pytest.importorskip("h5py", reason="needs the extra data")
    case = moving()
    wanted = samples_from_now(case, 1)
    place = tmp_path / f"{case.id}.hdf5"
    place.parent.mkdir(parents=True)
    with h5py.File(place, "w") as file:
        file["root/agentview/tracks"] = (wanted / SIZE).astype(np.float32)
        seen = np.ones(wanted.shape[:3], np.float32)
        seen[0, 2, 1] = 0
        file["root/agentview/vis"] = seen
    spec = f"outputs:{name}:{tmp_path}?tracks=root/agentview/tracks&visible=root/agentview/vis"
    got = read(spec, case)
    np.testing.assert_allclose(got, wanted[:, 1:], atol=1e-4)
    (future,) = contestant(spec)[0].forecast(case, 1, 0)
    assert not future.visible[1, 1]
    assert future.visible.sum() == future.visible.size - 1


def test_motion_maps_are_read_at_the_case_s_points(tmp_path):
    case = moving()
    w, h = 40, 24
    x, y = np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5)
    slope = np.stack([0.1 * x, 0.05 * y], -1)  # of the map's pixels, after all steps
    maps = (np.arange(1, HORIZON + 1)[:, None, None, None] / HORIZON * slope).astype(np.float32)
    write(tmp_path, case, flow=maps)
    stated = "units=pixels&order=xy&first=next&points=bilinear"
    got = read(f"outputs:motionmodes:{tmp_path}?{stated}", case)
    np.testing.assert_allclose(got[0, -1], now(case) * (1.1, 1.05), atol=1e-3)
    got = read(f"outputs:motion-i2v:{tmp_path}?axes=thwd&{stated}", case)
    np.testing.assert_allclose(got[0, -1], now(case) * (1.1, 1.05), atol=1e-3)
    with pytest.raises(UserError, match="motion-i2v with axes="):
        read(f"outputs:motion-i2v:{tmp_path}?{stated}", case)
    with pytest.raises(UserError, match="motionmodes with units="):
        read(f"outputs:motionmodes:{tmp_path}?order=xy&first=next&points=bilinear", case)


def test_a_file_a_sample_and_torch_files(tmp_path):
    case = gridded()
    wanted = samples_from_now(case)
    place = tmp_path / case.id
    place.mkdir(parents=True)
    for k in range(SAMPLES):
        signed = torch.from_numpy(2 * wanted[k, 1:] / SIZE - 1).float()
        torch.save({"tracks": signed}, place / f"{k}.pt")
    stated = "axes=tnd&values=positions&units=signed&order=xy&first=next"
    np.testing.assert_allclose(
        read(f"outputs:arrays:{tmp_path}?{stated}", case), wanted[:, 1:], atol=1e-4
    )


@pytest.mark.parametrize("suffix", [".pkl", ".pt"])
def test_hostile_files_are_refused_and_not_run(tmp_path, suffix):
    ran = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    case = moving()
    place = tmp_path / f"{case.id}{suffix}"
    place.parent.mkdir(parents=True)
    if suffix == ".pt":
        torch.save({"tracks": Bomb()}, place)
    else:
        place.write_bytes(pickle.dumps({"tracks": Bomb()}))
    with pytest.raises(UserError):
        read(f"outputs:myriad:{tmp_path}?axes=tnd&first=now", case)
    assert not ran.exists()


def test_missing_outputs_are_a_reason_and_a_bad_array_is_an_error(tmp_path):
    case = moving()
    (one,) = contestant(f"outputs:myriad:{tmp_path}?axes=tnd&first=now")
    assert one.refuses(case) == "no outputs of this case are there"
    write(tmp_path, case, other=np.zeros(3))
    with pytest.raises(UserError, match=r"expected an array 'tracks' in .*got 'other'"):
        read(f"outputs:myriad:{tmp_path}?axes=tnd&first=now", case)
    with pytest.raises(UserError, match="expected an option of outputs:myriad, got 'axis'"):
        contestant(f"outputs:myriad:{tmp_path}?axis=tnd")
    with pytest.raises(UserError, match=r"got 'miriad'; did you mean myriad\?"):
        contestant(f"outputs:miriad:{tmp_path}")
    with pytest.raises(UserError, match="no such file or folder"):
        contestant(f"outputs:myriad:{tmp_path}/none")


def test_fewer_samples_than_stated_are_a_reason(tmp_path):
    case = moving()
    write(tmp_path, case, tracks=(samples_from_now(case) / SIZE).astype(np.float32))
    spec = f"outputs:myriad:{tmp_path}?axes=ktnd&first=now"
    assert contestant(f"{spec}&samples=2")[0].refuses(case) is None
    reason = contestant(f"{spec}&samples=3")[0].refuses(case)
    assert reason == "fewer samples are there than samples= states"
    assert len(contestant(spec)[0].forecast(case, 1, 0)) == 1


def test_lost_points_stay_where_they_were_and_are_not_seen(tmp_path):
    case = moving()
    tracks = samples_from_now(case, 1)
    tracks[0, 3:, 1] = np.nan
    write(tmp_path, case, tracks=(tracks / SIZE).astype(np.float32))
    (one,) = contestant(f"outputs:myriad:{tmp_path}?axes=ktnd&first=now")
    (future,) = one.forecast(case, 1, 0)
    np.testing.assert_allclose(future.xy[2:, 1], np.tile(tracks[0, 2, 1], (4, 1)), atol=1e-4)
    assert future.visible[:, 1].tolist() == [True, True, False, False, False, False]


def test_facts_change_with_the_files(tmp_path):
    case = moving()
    write(tmp_path, case, tracks=np.zeros((2, 2)))
    spec = f"outputs:myriad:{tmp_path}?axes=tnd&name=mine"
    before = contestant(spec)[0].facts()
    assert (before["kind"], before["options"]) == ("outputs", {"axes": "tnd", "name": "mine"})
    assert contestant(spec)[0].name == "mine"
    write(tmp_path, case, tracks=np.ones((2, 2)))
    assert contestant(spec)[0].facts()["files_sha256"] != before["files_sha256"]
