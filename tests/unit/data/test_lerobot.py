import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shard_clips import assert_same, coloured_clip, random_clip

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.video import ArraySource, Video
from kinecast.data.exporters import exporter
from kinecast.data.importers import Untracked, importer
from kinecast.io.video import write_video


def smooth_video(frames=12, size=(81, 48), fps=12.0):
    y, x = np.mgrid[: size[1], : size[0]]
    shown = [np.stack([x * 2, y * 4, 0 * x + 9 * t], -1) for t in range(frames)]
    return Video(ArraySource(np.stack(shown).astype(np.uint8), fps), "smooth")


def odd_clip(seed, **changes):
    """A clip of odd width (H.264 pads it) with a smooth video."""
    clip = random_clip(seed, **changes)
    tracks = replace(clip.tracks, size=(81, 48))
    return replace(clip, tracks=tracks, video=smooth_video(len(tracks)))


def back(folder, **options):
    return list(importer("lerobot").items(folder, options))


def exported(folder, clips):
    folder.mkdir()
    exporter("lerobot").write(iter(clips), folder, "test")
    return folder


@pytest.fixture(scope="module")
def made():
    first = odd_clip(0, caption="push the cube", frames=5)
    others = [odd_clip(1, points=4, caption="lift it"), odd_clip(2, caption="push the cube")]
    return [first, *others]


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    return exported(tmp_path_factory.mktemp("lerobot") / "set", made)


def test_clips_come_back(made, folder):
    found = back(folder)
    assert len(found) == 3
    for clip, other in zip(made, found, strict=True):
        source = {**other.tracks.source}
        assert source.pop("importer") == "lerobot"
        source.pop("episode")
        assert_same(clip, replace(other, tracks=replace(other.tracks, source=source)), exact=False)
        np.testing.assert_allclose(other.tracks.xy, clip.tracks.xy, rtol=0, atol=1 / 1024)
        np.testing.assert_allclose(other.tracks.confidence, clip.tracks.confidence, atol=1 / 500)
        assert (len(other.video), other.video.size) == (len(clip.tracks), (81, 48))
        near = np.abs(other.video[:].astype(int) - clip.video[:])
        assert near.mean() < 4
    assert importer("lerobot").items(folder)  # the ids are checked there


def test_a_grid_and_clips_without_videos_or_confidence_come_back(tmp_path):
    clip = replace(coloured_clip(), video=None)
    found = back(exported(tmp_path / "set", [clip]))[0]
    assert found.tracks.grid == clip.tracks.grid
    assert found.tracks.confidence is None
    assert found.video is None
    np.testing.assert_array_equal(found.tracks.xy, clip.tracks.xy)
    info = json.loads((tmp_path / "set/meta/info.json").read_text())
    assert info["video_path"] is None


def test_the_layout_is_that_of_version_3(made, folder):
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    video = "videos/observation.images.view/chunk-000/file-00{}.mp4"
    assert files == {
        "meta/info.json", "meta/stats.json", "meta/tasks.parquet",
        "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet",
        *(video.format(i) for i in range(3)),
    }  # fmt: skip
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    totals = [info[f"total_{what}"] for what in ("episodes", "frames", "tasks")]
    assert totals == [3, 29, 2]
    assert (info["fps"], info["splits"]) == (12, {"train": "0:3"})
    assert info["features"]["observation.tracks"]["shape"] == [7, 2]
    assert info["features"]["observation.images.view"]["shape"] == [48, 82, 3]
    data = pq.read_table(folder / "data/chunk-000/file-000.parquet").to_pydict()
    assert data["index"] == list(range(29))
    assert data["episode_index"] == [0] * 5 + [1] * 12 + [2] * 12
    assert data["frame_index"] == [*range(5), *range(12), *range(12)]
    assert data["task_index"] == [0] * 5 + [1] * 12 + [0] * 12
    np.testing.assert_allclose(data["timestamp"][5:17], np.arange(12) / 12, atol=1e-6)
    assert set(info["features"]) == set(data) | {"observation.images.view"}
    assert np.shape(data["observation.tracks"]) == (29, 7, 2)
    assert data["observation.points"] == [7] * 5 + [4] * 12 + [7] * 12
    assert not np.any(np.array(data["observation.visible"])[5:17, 4:])
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(e["dataset_from_index"], e["dataset_to_index"]) for e in episodes] == [
        (0, 5), (5, 17), (17, 29),
    ]  # fmt: skip
    view = "videos/observation.images.view"
    assert [e[f"{view}/file_index"] for e in episodes] == [0, 1, 2]
    assert episodes[1][f"{view}/to_timestamp"] == 1.0
    assert episodes[1]["tasks"] == ["lift it"]


def test_tasks_are_indexed_by_their_text_as_pandas_reads_them(folder):
    pandas = pytest.importorskip("pandas", reason="checks with pandas what LeRobot reads with it")
    tasks = pandas.read_parquet(folder / "meta/tasks.parquet")
    assert tasks.index.tolist() == ["push the cube", "lift it"]
    assert tasks.loc["lift it"].task_index == 1


def test_statistics_are_of_visible_points(made, folder):
    stats = json.loads((folder / "meta/stats.json").read_text())
    xy = np.concatenate([clip.tracks.xy for clip in made if clip.tracks.count == 7])
    seen = np.concatenate([clip.tracks.visible for clip in made if clip.tracks.count == 7])
    points = xy[:, 6][seen[:, 6]]
    found = stats["observation.tracks"]
    np.testing.assert_allclose(found["mean"][6], points.mean(0), atol=1e-2)
    np.testing.assert_allclose(found["std"][6], points.std(0), atol=1e-2)
    np.testing.assert_allclose(found["min"][6], points.min(0), atol=1e-2)
    assert found["count"] == [29]
    assert np.shape(stats["observation.images.view"]["mean"]) == (3, 1, 1)
    assert stats["observation.visible"]["mean"][0] == pytest.approx(
        np.concatenate([clip.tracks.visible[:, 0] for clip in made]).mean()
    )
    assert stats["frame_index"]["max"] == [11]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda clip: replace(clip, video=None), "one size and frame rate"),
        (lambda clip: random_clip(9), "one size and frame rate"),
        (
            lambda clip: replace(clip, video=None, tracks=replace(clip.tracks, fps=None)),
            "with a frame rate",
        ),
    ],
)
def test_what_lerobot_has_no_place_for_is_named(made, tmp_path, changed, message):
    with pytest.raises(UserError, match=message):
        exported(tmp_path / "set", [made[0], changed(odd_clip(9))])
    with pytest.raises(UserError, match="got none"):
        exported(tmp_path / "none", [])


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def foreign(root, version, **changes):
    """Two episodes of 4 and 6 frames with two cameras, as other tools write them."""
    lengths, fps = (4, 6), 10
    three = version == "v3.0"
    feature = {"dtype": "video", "shape": [48, 80, 3], "names": None}
    views = {f"observation.images.{name}": feature for name in ("left", "right")}
    tracks = {
        "observation.tracks": {"dtype": "float32", "shape": [3, 2], "names": None},
        "observation.visible": {"dtype": "bool", "shape": [3], "names": None},
    }
    info = {
        "codebase_version": version, "fps": fps, "chunks_size": 1000,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/"
        "episode_{episode_index:06d}.mp4",
        "features": views | tracks,
    }  # fmt: skip
    if three:
        info["video_path"] = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    write_json(root / "meta/info.json", info | changes)
    episodes, start = [], 0
    points = np.random.default_rng(0).uniform(0, 40, (10, 3, 2)).astype(np.float32)
    frames = np.stack([np.full((48, 80, 3), 25 * i, np.uint8) for i in range(10)])
    for episode, length in enumerate(lengths):
        row = {"episode_index": episode, "tasks": [f"task {episode}"], "length": length}
        for view in views if three else ():
            of = f"videos/{view}"
            row |= {f"{of}/chunk_index": 0, f"{of}/file_index": 0}
            row |= {
                f"{of}/from_timestamp": start / fps,
                f"{of}/to_timestamp": (start + length) / fps,
            }
        episodes.append(row)
        part = slice(start, start + length)
        table = pa.table(
            {
                "episode_index": [episode] * length,
                "observation.tracks": points[part].tolist(),
                "observation.visible": [[True, False, True]] * length,
            }
        )
        path = root / f"data/chunk-000/episode_{episode:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        for view in () if three else views:
            path = root / f"videos/chunk-000/{view}/episode_{episode:06d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, iter(frames[part]), fps, (80, 48))
        start += length
    if three:
        (root / "meta/episodes/chunk-000").mkdir(parents=True)
        pq.write_table(
            pa.Table.from_pylist(episodes), root / "meta/episodes/chunk-000/file-000.parquet"
        )
        for view in views:
            path = root / f"videos/{view}/chunk-000/file-000.mp4"
            path.parent.mkdir(parents=True)
            write_video(path, iter(frames), fps, (80, 48))
    else:
        lines = "\n".join(json.dumps(row) for row in episodes)
        (root / "meta/episodes.jsonl").write_text(lines + "\n")
    return points


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_data_sets_of_others_are_read(tmp_path, version):
    points = foreign(tmp_path, version)
    view = "observation.images.right"
    with pytest.raises(UserError, match=r"--assume view=observation\.images\.left"):
        back(tmp_path)
    with pytest.raises(UserError, match=r"--assume points=edge\|centre\|unit"):
        back(tmp_path, view=view)
    found = back(tmp_path, view=view, points="centre")
    assert [clip.id for clip in found] == ["episode_000000", "episode_000001"]
    assert [clip.caption for clip in found] == ["task 0", "task 1"]
    np.testing.assert_allclose(found[1].tracks.xy, points[4:] + 0.5, atol=1e-4)
    assert found[1].tracks.visible[0].tolist() == [True, False, True]
    assert (found[1].tracks.size, found[1].tracks.fps) == ((80, 48), 10.0)
    grey = found[1].video[:].mean((1, 2, 3)).tolist()
    assert grey == pytest.approx([100, 125, 150, 175, 200, 225], abs=4)
    unit = back(tmp_path, view=view, points="unit")[0].tracks.xy
    np.testing.assert_allclose(unit, points[:4] * (80, 48), rtol=1e-6)


def test_videos_without_tracks_are_to_be_tracked(tmp_path):
    feature = {"dtype": "video", "shape": [48, 80, 3], "names": None}
    foreign(tmp_path, "v2.1", features={"observation.images.left": feature})
    found = back(tmp_path)
    assert all(isinstance(item, Untracked) for item in found)
    assert [len(item.video) for item in found] == [4, 6]
    assert found[1].source == {"importer": "lerobot", "episode": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codebase_version": "v1.6"}, "version 2.0, 2.1 or 3.0"),
        ({"video_path": "../../{video_key}.mp4"}, "a path inside"),
        ({"video_path": "videos/{video_key.__class__}.mp4"}, "no such file"),
        ({"video_path": "videos/{secret}.mp4"}, "expected a path of"),
        ({"features": {}}, "among the features"),
        (
            {"features": {"observation.tracks": {"dtype": "float32", "shape": [3, 2]}}},
            "points=edge",
        ),
    ],
)
def test_hostile_or_other_descriptions_are_refused(tmp_path, changes, message):
    foreign(tmp_path, "v2.1", **changes)
    options = {} if "features" in changes else {"view": "observation.images.left", "points": "edge"}
    with pytest.raises(UserError, match=message):
        [item.video and item.video[:] for item in back(tmp_path, **options)]


def test_a_row_count_that_disagrees_is_named(folder, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "data/chunk-000/file-000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 20), path)
    with pytest.raises(UserError, match="expected 12 frames of episode 2"):
        back(copy)
    path.write_bytes(b"PAR1 is not enough")
    with pytest.raises(UserError, match="expected a Parquet file"):
        back(copy)


def test_shards_are_read_like_any_data_set(tmp_path):
    from kinecast.data.shards import write_shard

    for number in range(2):
        write_shard(tmp_path / f"{number}.parquet", [random_clip(number)])
    found = list(importer("shards").items(tmp_path))
    assert [clip.id for clip in found] == ["clip-0", "clip-1"]
    assert all(isinstance(clip, Clip) and clip.video is not None for clip in found)
    dropped = list(importer("shards").items(tmp_path / "1.parquet", {"pictures": "drop"}))
    assert [(clip.id, clip.video) for clip in dropped] == [("clip-1", None)]
