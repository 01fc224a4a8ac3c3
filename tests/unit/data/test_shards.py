import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from shard_clips import SIZE, assert_same, coloured_clip, random_clip

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.shards import open_shard, write_shard
from kinecast.data.shards.join import join_shards

SHAPES = st.tuples(st.integers(1, 9), st.integers(0, 6))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@st.composite
def clip_parts(draw):
    frames, points = draw(SHAPES)
    anywhere = st.floats(-(2**21), 2**21, width=32) | st.just(float("nan")) | st.just(float("inf"))
    xy = draw(hnp.arrays(np.float32, (frames, points, 2), elements=anywhere))
    visible = draw(hnp.arrays(bool, (frames, points))) & np.isfinite(xy).all(-1)
    query = np.where(visible.any(0), visible.argmax(0), -1)
    level = hnp.arrays(np.float32, (frames, points), elements=st.floats(0, 1, width=32))
    tracks = {
        "xy": xy,
        "visible": visible,
        "size": draw(st.tuples(st.integers(1, 999), st.integers(1, 999))),
        "query_frame": query,
        "confidence": draw(st.none() | level),
        "fps": draw(st.none() | st.floats(0.1, 240)),
        "source": draw(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans(), max_size=3)),
    }
    return tracks, draw(TEXT)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=clip_parts())
def test_a_clip_comes_back_within_half_a_step(tmp_path, parts):
    clip = Clip(Tracks(**parts[0]), None, parts[1], "a/b c")
    path = tmp_path / "a.parquet"
    write_shard(path, [clip])
    back = open_shard(path)[0]
    assert_same(clip, back, exact=False)
    finite = np.isfinite(clip.tracks.xy)
    np.testing.assert_array_equal(np.isfinite(back.tracks.xy), finite)
    error = np.abs(back.tracks.xy.astype(np.float64) - clip.tracks.xy.astype(np.float64))
    assert error[finite].max(initial=0) <= 1 / 1024
    if clip.tracks.confidence is not None:
        assert np.abs(back.tracks.confidence - clip.tracks.confidence).max(initial=0) <= 1 / 509
    # what has been through a shard goes through unchanged
    again = tmp_path / "b.parquet"
    write_shard(again, [back])
    assert_same(back, open_shard(again)[0])


def test_hidden_points_far_away_are_nowhere_and_visible_ones_are_refused(tmp_path):
    clip = random_clip(0)
    xy, visible = clip.tracks.xy.copy(), clip.tracks.visible.copy()
    xy[3, 2], visible[3, 2] = (-3e6, 5.0), False
    far = replace(clip, tracks=replace(clip.tracks, xy=xy, visible=visible))
    write_shard(tmp_path / "a.parquet", [far])
    back = open_shard(tmp_path / "a.parquet")[0].tracks.xy[3, 2]
    assert np.isnan(back[0])
    assert back[1] == 5.0
    visible[3, 2] = True
    far = replace(clip, tracks=replace(clip.tracks, xy=xy, visible=visible))
    with pytest.raises(UserError, match="within 2097152 pixels"):
        write_shard(tmp_path / "b.parquet", [far])
    assert not (tmp_path / "b.parquet").exists()


def test_the_same_clips_give_the_same_bytes_and_what_is_written_is_reported(tmp_path):
    made = [random_clip(i, frames=4 + i) for i in range(3)]
    about = {"licence": "CC0", "n": 1}
    info = write_shard(tmp_path / "a.parquet", made, about=about)
    write_shard(tmp_path / "b.parquet", iter(made), about={"n": 1, "licence": "CC0"})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (info.clips, info.frames, info.points) == (3, 15, 21)
    assert info.bytes == (tmp_path / "a.parquet").stat().st_size
    assert info.sha256 == write_shard(tmp_path / "c.parquet", made, about=about).sha256
    shard = open_shard(tmp_path / "a.parquet")
    assert shard.about == about
    assert shard.frames == (4, 5, 6)


def test_seeking_gives_what_streaming_gives_in_any_order_and_process(tmp_path):
    made = [random_clip(i, frames=3 + i) for i in range(5)]
    write_shard(tmp_path / "a.parquet", made)
    shard = open_shard(tmp_path / "a.parquet")
    streamed = list(shard)
    for i in (4, 0, 3, 1, 2, 2):
        assert_same(shard[i], streamed[i])
        np.testing.assert_array_equal(shard[i].video[:1], made[i].video[:1])
    assert_same(pickle.loads(pickle.dumps(shard))[2], streamed[2])
    with pytest.raises(IndexError):
        shard[5]
    with pytest.raises(IndexError):
        shard[-1]


def test_a_grid_is_kept(tmp_path):
    clip = coloured_clip()
    write_shard(tmp_path / "a.parquet", [clip])
    assert_same(clip, open_shard(tmp_path / "a.parquet")[0])


def test_first_pictures_are_lossless_and_others_are_refused_in_words(tmp_path):
    clip = random_clip(0)
    write_shard(tmp_path / "a.parquet", [clip, random_clip(1, pictures=False)])
    shard = open_shard(tmp_path / "a.parquet")
    assert shard[1].video is None
    video = shard[0].video
    assert (len(video), video.size, video.fps) == (12, SIZE, 12.0)
    np.testing.assert_array_equal(video[0:1], clip.video[0:1])
    assert video[5:5].shape == (0, 48, 80, 3)
    with pytest.raises(UserError, match="only its first picture is"):
        video[0:2]


def test_all_pictures_are_close_and_none_are_none(tmp_path):
    ramp = np.linspace(0, 200, 80)[None, :, None] + np.arange(12)[:, None, None, None]
    frames = np.broadcast_to(ramp.astype(np.uint8), (12, 48, 80, 3)).copy()
    clip = replace(random_clip(0), video=Video(ArraySource(frames, 12.0)))
    write_shard(tmp_path / "a.parquet", [clip], pictures="all")
    back = open_shard(tmp_path / "a.parquet")[0].video
    assert np.abs(back[3:9].astype(int) - frames[3:9]).max() <= 3
    write_shard(tmp_path / "b.parquet", [clip], pictures="none")
    assert open_shard(tmp_path / "b.parquet")[0].video is None


def test_latents_are_kept_by_name(tmp_path):
    draw = np.random.default_rng(0)
    arrays = {"z": draw.normal(size=(3, 4)).astype(np.float16), "é": np.zeros((0, 2), np.float16)}
    write_shard(tmp_path / "a.parquet", [random_clip(0)], latents=lambda clip: arrays)
    back = open_shard(tmp_path / "a.parquet").latents(0)
    assert list(back) == ["z", "é"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == np.float16
    with pytest.raises(UserError, match="float16"):
        write_shard(
            tmp_path / "b.parquet", [random_clip(0)], latents=lambda clip: {"z": np.zeros(3)}
        )


@pytest.mark.parametrize(
    "name", ["", "../up", "a/../../b", "/abs", "a\\..\\b", "C:\\x", "a\nb", "."]
)
def test_an_id_that_could_leave_its_folder_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="plain relative name"):
        write_shard(tmp_path / "a.parquet", [random_clip(0, id=name)])


def test_mistakes_are_named_and_leave_no_file(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UserError, match="'clip-1' twice"):
        write_shard(path, [random_clip(1), random_clip(1)])
    with pytest.raises(UserError, match="got none"):
        write_shard(path, [])
    with pytest.raises(UserError, match="lone surrogates"):
        write_shard(path, [random_clip(1, caption="\ud800")])
    with pytest.raises(UserError, match=r"\.parquet"):
        write_shard(tmp_path / "a.tar", [random_clip(1)])
    clip = random_clip(1)
    odd = replace(clip.tracks, confidence=np.full_like(clip.tracks.confidence, 1.5))
    with pytest.raises(UserError, match="from 0 to 1"):
        write_shard(path, [replace(clip, tracks=odd)])
    assert list(tmp_path.iterdir()) == []


def test_any_reader_of_parquet_gets_pixels_as_a_512th(tmp_path):
    clip = random_clip(2)
    write_shard(tmp_path / "a.parquet", [random_clip(1), clip])
    row = pq.read_table(tmp_path / "a.parquet").to_pylist()[1]
    series = np.array([np.nan if x is None else x / 512 for x in row["xy"]])
    xy = series.reshape(row["points"], 2, row["frames"]).transpose(2, 0, 1)
    np.testing.assert_allclose(xy, clip.tracks.xy, rtol=0, atol=1 / 1024)
    assert np.reshape(row["visible"], (7, 12)).T.tolist() == clip.tracks.visible.tolist()


def test_memory_is_that_of_one_clip(tmp_path):
    def many():
        for i in range(40):
            yield random_clip(i, frames=50, points=400)

    def peak_of(work):
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    one = 50 * 400 * 8
    path = tmp_path / "a.parquet"
    assert peak_of(lambda: write_shard(path, many())) < 40 * one
    shard = open_shard(path)
    import pyarrow as pa

    before = pa.total_allocated_bytes()
    assert peak_of(lambda: [None for _ in shard]) < 20 * one
    assert pa.total_allocated_bytes() - before < 5 * one


def test_joining_copies_rows_as_they_are_stored(tmp_path):
    made = [random_clip(i, frames=3 + i) for i in range(3)]
    write_shard(tmp_path / "whole.parquet", made, about={"n": 3})
    parts = [tmp_path / f"{k}.parquet" for k in range(2)]
    write_shard(parts[0], made[:2])
    write_shard(parts[1], made[2:], about={"forgotten": True})
    info = join_shards(tmp_path / "joined.parquet", parts, about={"n": 3})
    assert (tmp_path / "joined.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert (info.clips, info.frames) == (3, 12)
    with pytest.raises(UserError, match="'clip-2' twice"):
        join_shards(tmp_path / "twice.parquet", [*parts, parts[1]])
    write_shard(parts[1], made[2:], pictures="none")
    with pytest.raises(UserError, match=r"\['first', 'none'\]"):
        join_shards(tmp_path / "mixed.parquet", parts)
    with pytest.raises(UserError, match="got none"):
        join_shards(tmp_path / "empty.parquet", [])
