"""`nearest:POOL` and `nearest_poke` as contestants."""

import json

import numpy as np
import pytest
import shard_clips
from bench_cases import SIZE, case

from kinecast.bench.contestant import contestant, contestants
from kinecast.bench.pools import pool
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.data.shards import write_shard

PICTURE = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "mine"
    clips = [shard_clips.random_clip(i, frames=24) for i in range(6)]
    write_shard(folder / "a.parquet", clips[:4], pictures="first")
    write_shard(folder / "b.parquet", clips[4:], pictures="first")
    return folder


def kept(home):
    return sorted(home.glob("cache/nearest/*.safetensors"))


def test_worlds_are_looked_through_by_motion_and_the_index_is_kept(home):
    (one,) = contestant("nearest:worlds:mix?clips=8&seed=3", "cpu")
    assert one.name == "nearest@mix"
    facts = one.facts()
    assert (facts["kind"], facts["worlds"], facts["clips"], facts["seed"]) == (
        "nearest", ["mix"], 8, 3
    )  # fmt: skip
    assert one.refuses(case()) is None
    (path,) = kept(home)
    stamp = path.stat().st_mtime_ns
    futures = one.forecast(case(), 3, seed=0)
    assert [len(f) for f in futures] == [8, 8, 8]
    assert futures[0].source["neighbour"].endswith(tuple(f"/3/{i}" for i in range(8)))
    (again,) = contestant("nearest:worlds:mix?clips=8&seed=3", "cpu")
    for a, b in zip(futures, again.forecast(case(), 3, seed=5), strict=True):
        assert np.array_equal(a.xy, b.xy)
    assert kept(home) == [path]
    assert path.stat().st_mtime_ns == stamp
    assert len(one.forecast(case(), 64, seed=0)) == 8  # no more than there are clips


def test_pictures_are_looked_through_for_a_case_of_one_frame(home):
    (one,) = contestant("nearest:worlds:layers+reach?clips=6", "cpu")
    assert one.facts()["encoder"] == "pixels"
    image = case(history=1, frame=Frame(PICTURE))
    assert one.refuses(image) is None
    futures = one.forecast(image, 4, seed=0)
    assert [f.xy.shape for f in futures] == [(8, image.history.count, 2)] * 4
    assert {f.source["neighbour"].split("/")[0] for f in one.forecast(image, 6, 0)} == {
        "layers", "reach"
    }  # fmt: skip
    assert one.refuses(case(history=1)) == "takes an image"
    (moving,) = contestant("nearest:worlds:mix?clips=8", "cpu")
    assert moving.refuses(image) == "takes a history in which points are seen to move"


def test_shards_serve_both_and_a_run_stands_for_its_clips(home, shards, tmp_path):
    (one,) = contestant(f"nearest:{shards}", "cpu")
    assert one.name == "nearest@mine"
    assert len(one.facts()["shards"]) == 2
    assert one.refuses(case()) is None
    assert len(one.forecast(case(), 6, 0)) == 6
    assert one.refuses(case(history=1, frame=Frame(PICTURE))) is None
    assert one.forecast(case(history=1, frame=Frame(PICTURE)), 2, 0)[0].source["neighbour"]
    assert len(kept(home)) == 2
    (few,) = contestant(f"nearest:{shards}?clips=3", "cpu")
    assert len(few.forecast(case(), 6, 0)) == 3
    run = tmp_path / "run"
    run.mkdir()
    for data, name in (
        ({"shards": str(shards), "families": ["mix"]}, "mine"),
        ({"shards": "", "families": ["person", "hand"], "clips": 50}, "person+hand"),
    ):
        (run / "recipe.json").write_text(json.dumps({"seed": 4, "data": data}))
        assert pool(str(run), None).name == name
    assert pool(str(run), None).facts()["clips"] == 50
    assert pool(str(run), None).facts()["seed"] == 4


def test_clips_of_several_families_are_in_equal_parts():
    clips = list(pool("worlds:hand+person", 5).moving())
    assert [clip.id.split("/")[0] for clip in clips] == ["hand"] * 2 + ["person"] * 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nearest:worlds:mixx", r"expected families of mix, .* got 'mixx'; did you mean mix\?"),
        ("nearest:worlds:mix+layers", "families with pictures or families without"),
        ("nearest:nowhere", "a folder of shards .* or the folder of a run"),
        ("nearest:worlds:mix?clip=3", r"did you mean clips\?"),
        ("nearest:worlds:mix?clips=0", "clips=N, whole and at least 1"),
    ],
)
def test_what_is_no_pool_is_said(spec, message):
    with pytest.raises(UserError, match=message):
        contestant(spec, "cpu")


def test_points_move_as_the_nearest_poke():
    (one,) = contestant("nearest_poke", "cpu")
    assert one.refuses(case()) == "takes pokes"
    poked = case(history=1, pokes=Pokes.of((10, 10, 14, 18)))
    assert one.refuses(poked) is None
    (future,) = one.forecast(poked, 8, 0)
    np.testing.assert_allclose(
        future.xy[-1] - poked.points(), np.broadcast_to([4, 8], (poked.history.count, 2)), atol=1e-3
    )
    assert "nearest_poke" in {made.name for made in contestants("baselines", "cpu")}
