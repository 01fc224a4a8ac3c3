import pickle

import numpy as np
import pytest
from shard_clips import assert_same, random_clip
from torch.utils.data import DataLoader

from kinecast.core.errors import UserError
from kinecast.data.dataset import ClipDataset, Position, Sampler, Windows, train_and_validation
from kinecast.data.shards import DamageError, write_shard


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Three shards of 3, 1 and 4 clips, of 10 to 17 frames."""
    folder = tmp_path_factory.mktemp("shards")
    paths, made = [], 0
    for number, clips in enumerate((3, 1, 4)):
        paths.append(folder / f"{number}.parquet")
        write_shard(paths[-1], [random_clip(made + i, frames=10 + made + i) for i in range(clips)])
        made += clips
    return paths


def taken(dataset, sampler):
    return [(clip.id, clip.tracks.xy.tobytes()) for clip in dataset.stream(sampler)]


@pytest.mark.parametrize(
    ("windows", "frames", "count"),
    [
        (Windows(), 10, 1),
        (Windows(10), 10, 1),
        (Windows(10), 9, 0),
        (Windows(10), 20, 2),
        (Windows(10), 29, 2),
        (Windows(10, hop=3), 19, 4),
        (Windows(4, hop=1, step=3), 10, 1),
        (Windows(4, hop=1, step=3), 12, 3),
        (Windows(4, step=3), 22, 2),
    ],
)
def test_windows_are_counted(windows, frames, count):
    assert windows.count(frames) == count
    clip = random_clip(0, frames=frames)
    for k in range(count):
        assert windows.length in (None, len(windows.cut(clip, k).tracks))
    if windows.length is not None:
        with pytest.raises(UserError):
            windows.cut(clip, count)


def test_windows_are_those_of_the_clips(shards):
    dataset = ClipDataset(shards, Windows(4, hop=3, step=2))
    made = []
    for i in range(8):
        tracks = random_clip(i, frames=10 + i).tracks
        made += [tracks.xy[k : k + 8 : 2] for k in range(0, 10 + i - 6, 3)]
    assert len(dataset) == len(made)
    for i, xy in enumerate(made):
        np.testing.assert_allclose(dataset[i].tracks.xy, xy, atol=1 / 1024)
        assert dataset[i].tracks.fps == 6.0
    with pytest.raises(IndexError):
        dataset[len(made)]


def test_the_first_picture_belongs_to_the_first_window_alone(shards):
    dataset = ClipDataset(shards[:1], Windows(5, hop=5))
    first = random_clip(0, frames=10).video[0:1]
    np.testing.assert_array_equal(dataset[0].video[0:1], first)
    assert dataset[1].video is None


def test_every_epoch_has_its_order_and_every_window_once(shards):
    dataset = ClipDataset(shards, Windows(5))
    orders = [list(Sampler(len(dataset), seed=7, position=Position(e))) for e in range(3)]
    assert all(sorted(order) == list(range(len(dataset))) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert list(Sampler(len(dataset), seed=7)) == orders[0]
    assert list(Sampler(len(dataset), seed=8)) != orders[0]
    assert list(Sampler(len(dataset), seed=None)) == list(range(len(dataset)))


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_ranks_neither_overlap_nor_lose_any(ranks):
    parts = [Sampler(20, seed=1, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert sorted(i for part in parts for i in part) == list(range(20))
    assert [len(list(part)) for part in parts] == [len(part) for part in parts]


@pytest.mark.parametrize("stop", [0, 1, 5, 6])
@pytest.mark.parametrize("then", [1, 2, 5])
def test_resuming_on_any_number_of_ranks_equals_an_uninterrupted_run(stop, then):
    count, ranks = 20, 3

    def run(position, ranks, rounds=None):
        parts = [
            Sampler(count, seed=4, position=position, rank=r, ranks=ranks) for r in range(ranks)
        ]
        return [i for part in parts for i in list(part)[:rounds]], parts[0]

    whole, _ = run(Position(2), ranks)
    before, sampler = run(Position(2), ranks, stop)
    after, _ = run(sampler.after(stop), then)
    assert sorted(before + after) == sorted(whole)
    alone, _ = run(Position(2), 1)
    assert after == run(sampler.after(stop), then)[0]
    assert sorted(before) == sorted(alone[: stop * ranks])


def test_resuming_gives_the_same_clips_in_the_same_order(shards):
    dataset = ClipDataset(shards, Windows(5, hop=2))
    first = Sampler(len(dataset), seed=3, position=Position(1))
    whole = taken(dataset, first)
    resumed = taken(dataset, Sampler(len(dataset), seed=3, position=first.after(4)))
    assert resumed == whole[4:]
    assert first.after(len(whole)) == Position(2, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_of_a_loader_change_nothing(shards, workers):
    dataset = ClipDataset(shards, Windows(5))
    sampler = Sampler(len(dataset), seed=3, rank=1, ranks=2)
    loader = DataLoader(dataset, 2, sampler=sampler, num_workers=workers, collate_fn=list)
    found = [(clip.id, clip.tracks.xy.tobytes()) for batch in loader for clip in batch]
    assert found == taken(dataset, sampler)


def test_a_data_set_goes_to_another_process(shards):
    dataset = ClipDataset(shards)
    dataset[3]
    assert_same(pickle.loads(pickle.dumps(dataset))[5], dataset[5])


def damaged(shards, folder):
    """The shards with clip 1 of the first corrupt and the second torn."""
    paths = [folder / path.name for path in shards]
    for path, source in zip(paths, shards, strict=True):
        path.write_bytes(source.read_bytes())
    data = bytearray(paths[0].read_bytes())
    import pyarrow.parquet as pq

    at = pq.ParquetFile(paths[0]).metadata.row_group(1).column(0).data_page_offset
    data[at + 30] ^= 1
    paths[0].write_bytes(data)
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    return paths


def test_damage_is_skipped_with_a_report_or_fatal(shards, tmp_path):
    paths = damaged(shards, tmp_path)
    with pytest.raises(DamageError, match=r"1\.parquet"):
        ClipDataset(paths)
    with pytest.warns(UserWarning, match=r"skipped: damaged: .*1\.parquet"):
        dataset = ClipDataset(paths, on_damage="skip")
    assert len(dataset) == 7
    assert [path.name for path in dataset.paths] == ["0.parquet", "2.parquet"]
    with pytest.warns(UserWarning, match=r"0\.parquet:1"):
        found = taken(dataset, Sampler(len(dataset), seed=None))
    assert [name for name, _ in found] == [f"clip-{i}" for i in (0, 2, 4, 5, 6, 7)]
    assert [error.clip for error in dataset.damage] == [None, 1]
    with pytest.raises(DamageError, match=r"0\.parquet:1"):
        list(ClipDataset([paths[0]]).stream(Sampler(3, seed=0)))


def test_splits_that_share_clips_are_refused(shards):
    train, validation = train_and_validation(shards[:2], shards[2:], Windows(5))
    assert (len(train), len(validation)) == (8, 11)
    with pytest.raises(UserError, match="no clip in common, got 4 pairs"):
        train_and_validation(shards, shards[2:])


def test_mistakes_are_named(shards):
    with pytest.raises(UserError, match="no window"):
        ClipDataset(shards, Windows(100))
    with pytest.raises(UserError, match="no window"):
        ClipDataset([])
    with pytest.raises(UserError, match="of 1 or more"):
        Windows(0)
    with pytest.raises(UserError, match="whole clips have no hop"):
        Windows(hop=2)
    with pytest.raises(UserError, match="rank in"):
        Sampler(3, seed=0, rank=2, ranks=2)
    with pytest.raises(UserError, match="inside 3 windows"):
        Sampler(3, seed=0, position=Position(0, 4))
