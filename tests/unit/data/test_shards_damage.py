import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shard_clips import assert_same, random_clip

from kinecast.core.errors import UserError
from kinecast.data.leakage import find_leaks
from kinecast.data.shards import DamageError, open_shard, schema, write_shard
from kinecast.data.shards.row import to_row
from kinecast.data.shards.seal import write_seal
from kinecast.data.shards.write import footer, parquet_options

CLIPS = 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("shard") / "whole.parquet"
    latents = {"z": np.arange(8, dtype=np.float16)}
    made = [random_clip(i, frames=6) for i in range(CLIPS)]
    write_shard(path, made, about={"licence": "CC0"}, pictures="all", latents=lambda _: latents)
    return path


def everything(shard):
    """All that a shard holds, clip by clip; what is damaged, by number."""
    found, damaged = {}, set()
    for i in range(len(shard)):
        try:
            clip, signature = shard[i], shard.signature(i)
            found[i] = (clip, clip.video[:], shard.latents(i)["z"], signature.content)
        except DamageError as error:
            named = (error.clip, str(shard.path) in str(error))
            damaged.add(i if named == (i, True) else str(error))
    return found, damaged


@pytest.fixture(scope="module")
def truth(whole):
    return everything(open_shard(whole))[0]


def place_of(path, clip, column):
    group = pq.ParquetFile(path).metadata.row_group(clip)
    for c in range(group.num_columns):
        if group.column(c).path_in_schema.startswith(column):
            start = group.column(c).data_page_offset
            return start, start + group.column(c).total_compressed_size
    raise KeyError(column)


def test_a_torn_file_is_named_wherever_it_ends(whole, tmp_path):
    data = whole.read_bytes()
    torn = tmp_path / "torn.parquet"
    for end in [*range(0, 12), *np.linspace(12, len(data) - 1, 60).astype(int)]:
        torn.write_bytes(data[:end])
        with pytest.raises(DamageError, match=r"torn\.parquet") as caught:
            open_shard(torn)
        assert caught.value.clip is None
        assert isinstance(caught.value, UserError)


def test_a_flipped_bit_anywhere_is_found_or_harmless_and_costs_one_clip(whole, truth, tmp_path):
    data = whole.read_bytes()
    body = pq.ParquetFile(whole).metadata.row_group(CLIPS - 1)
    ends = [body.column(c).data_page_offset + body.column(c).total_compressed_size
            for c in range(body.num_columns)]  # fmt: skip
    flipped = tmp_path / "flipped.parquet"
    draw = np.random.default_rng(0)
    caught = 0
    for at in draw.integers(0, len(data), 250):
        changed = bytearray(data)
        changed[at] ^= 1 << int(draw.integers(8))
        flipped.write_bytes(changed)
        try:
            shard = open_shard(flipped)
        except DamageError:
            assert at < 4 or at >= max(ends), "a bit in one clip cost the whole shard"
            caught += 1
            continue
        found, damaged = everything(shard)
        caught += bool(damaged)
        if at < max(ends):
            assert len(damaged) <= 1
        assert shard.about == {"licence": "CC0"}
        for i, (clip, pictures, latents, content) in found.items():
            assert_same(clip, truth[i][0])
            np.testing.assert_array_equal(pictures, truth[i][1])
            np.testing.assert_array_equal(latents, truth[i][2])
            assert content == truth[i][3]
    assert caught > 220  # the rest is padding and what no reader uses


def test_every_bit_of_the_seal_and_the_footer_counts(whole, tmp_path):
    data = whole.read_bytes()
    start = max(place_of(whole, CLIPS - 1, column)[1] for column in ("pictures.", "latents."))
    flipped = tmp_path / "flipped.parquet"
    draw = np.random.default_rng(0)
    for at in [*np.linspace(start + 500, len(data) - 1, 150).astype(int), 0, 3]:
        changed = bytearray(data)
        changed[at] ^= 1 << int(draw.integers(8))
        flipped.write_bytes(changed)
        with pytest.raises(DamageError):
            open_shard(flipped)


@pytest.mark.parametrize("column", ["id", "xy", "visible", "source", "grid", "caption"])
def test_one_corrupt_clip_is_skipped_with_a_report_or_fatal(whole, truth, tmp_path, column):
    data = bytearray(whole.read_bytes())
    first, last = place_of(whole, 1, column)
    data[first:last] = bytes(last - first)
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(data)
    with pytest.raises(DamageError, match=r"bad\.parquet:1: "):
        list(open_shard(bad))
    shard = open_shard(bad, on_damage="skip")
    left = list(shard)
    assert [clip.id for clip in left] == ["clip-0", "clip-2", "clip-3"]
    assert [error.clip for error in shard.damage] == [1]
    assert [error.clip for error in shard.verify()] == [1]
    for clip, i in zip(left, (0, 2, 3), strict=True):
        assert_same(clip, truth[i][0])
    again = pickle.loads(pickle.dumps(shard.damage[0]))
    assert (str(again), again.clip) == (str(shard.damage[0]), 1)


def test_damaged_pictures_cost_no_tracks(whole, truth, tmp_path):
    data = bytearray(whole.read_bytes())
    first, last = place_of(whole, 2, "pictures.")
    data[(first + last) // 2] ^= 16
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(data)
    shard = open_shard(bad)
    clip = shard[2]
    assert_same(clip, truth[2][0])
    with pytest.raises(DamageError, match=r"bad\.parquet:2"):
        clip.video[0:1]
    assert [error.clip for error in shard.verify()] == [2]


def rewritten(path, clip, change, facts=None):
    """A shard with honest checksums of Parquet and a dishonest row."""
    table = to_row(clip, "first", None)
    for name, value in change.items():
        field = table.schema.field(name)
        at = table.schema.get_field_index(name)
        table = table.set_column(at, field, pa.array([value], field.type))
    text = footer([len(clip.tracks)], "first", {}) if facts is None else facts
    with pq.ParquetWriter(path, table.schema, **parquet_options()) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({schema.METADATA: text})
    write_seal(path)
    return path


def test_the_rewritten_row_is_read_when_it_is_honest(tmp_path):
    clip = random_clip(0)
    back = open_shard(rewritten(tmp_path / "a.parquet", clip, {}))[0]
    assert_same(clip, back, exact=False)


@pytest.mark.parametrize(
    "change",
    [
        {"frames": 2**31 - 1},
        {"points": 2**31 - 1},
        {"points": -1},
        {"frames": 0},
        {"width": 2**30},
        {"height": 0},
        {"id": "../../etc/passwd"},
        {"id": "/etc/passwd"},
        {"source": "[]"},
        {"source": "{"},
        {"fps": -1.0},
        {"visible": [True]},
        {"query_frame": [99] * 7},
        {"grid": {"h": -3, "w": 2, "stride": 1.0, "x": 0.0, "y": 0.0}},
        {"stored": 10**9},
    ],
    ids=str,
)
def test_a_hostile_row_is_refused(tmp_path, change):
    path = rewritten(tmp_path / "a.parquet", random_clip(0), change)
    with pytest.raises(DamageError, match=r"a\.parquet:0") as caught:
        open_shard(path)[0].video[0:1]
    assert "lie elsewhere" not in caught.value.reason


def test_a_hostile_provenance_breaks_no_guard(tmp_path):
    path = rewritten(tmp_path / "a.parquet", random_clip(0), {"source": "[1]"})
    with pytest.raises(DamageError, match="a JSON object in source"):
        open_shard(path).signature(0)
    path = rewritten(tmp_path / "b.parquet", random_clip(0), {"source": '{"data": "x"}'})
    assert len(find_leaks([path], [path])) == 1


def test_columns_that_point_elsewhere_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    table = to_row(random_clip(0), "none", None)
    with pq.ParquetWriter(path, table.schema) as writer:  # dictionaries: not one run of bytes
        writer.write_table(table)
        writer.add_key_value_metadata({schema.METADATA: footer([12], "none", {})})
    write_seal(path)
    with pytest.raises(DamageError, match="lie elsewhere"):
        open_shard(path)[0]


def test_a_row_of_gigabytes_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "MAX_COLUMN", 2000)
    clip = random_clip(0, frames=600)
    path = tmp_path / "a.parquet"
    write_shard(path, [clip], pictures="none")
    shard = open_shard(path)
    monkeypatch.setattr(shard._file, "read_row_group", None)  # not callable: it is not reached
    with pytest.raises(DamageError, match="asks for"):
        shard[0]


def test_a_picture_that_claims_another_size_is_not_decoded(tmp_path):
    clip = random_clip(0)
    png = to_row(clip, "first", None).column("pictures")[0].as_py()[0]
    huge = png[:16] + (60_000).to_bytes(4, "big") * 2 + png[24:]
    shard = open_shard(rewritten(tmp_path / "a.parquet", clip, {"pictures": [huge]}))
    with pytest.raises(DamageError, match=r"got \(60000, 60000\)"):
        shard[0].video[0:1]
    shard = open_shard(rewritten(tmp_path / "b.parquet", clip, {"pictures": [b"GIF89a"]}))
    with pytest.raises(DamageError, match="PNG or JPEG"):
        shard[0].video[0:1]


def test_other_files_are_not_shards(tmp_path):
    clip = random_clip(0)
    with pytest.raises(UserError, match="no such shard"):
        open_shard(tmp_path / "none.parquet")
    plain = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"a": [1]}), plain)
    with pytest.raises(DamageError, match="not a shard of kinecast"):
        open_shard(plain)
    table = to_row(clip, "none", None).drop_columns(["caption"])
    with pq.ParquetWriter(plain, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({schema.METADATA: footer([12], "none", {})})
    write_seal(plain)
    with pytest.raises(DamageError, match="the columns"):
        open_shard(plain)
    foreign = json.dumps(json.loads(footer([12], "first", {})) | {"format": "other"})
    with pytest.raises(DamageError, match="got 'other'"):
        open_shard(rewritten(tmp_path / "a.parquet", clip, {}, foreign))
    with pytest.raises(DamageError, match="expected 2 clips"):
        open_shard(rewritten(tmp_path / "a.parquet", clip, {}, footer([12, 12], "first", {})))


def test_a_newer_version_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    monkeypatch.setattr(schema, "VERSION", 2)
    write_shard(path, [random_clip(0)])
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"got version 2 .* update kinecast"):
        open_shard(path)


def test_a_clip_shorter_than_the_footer_says_is_damage(tmp_path):
    path = rewritten(tmp_path / "a.parquet", random_clip(0), {}, footer([11], "first", {}))
    with pytest.raises(DamageError, match="expected 11 frames, got 12"):
        open_shard(path)[0]


def test_choices_are_checked(whole):
    with pytest.raises(UserError, match='"raise" or "skip"'):
        open_shard(whole, on_damage="ignore")
