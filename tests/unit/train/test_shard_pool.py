from dataclasses import replace

import numpy as np
import pytest
import torch
import tracked_shards
from tracked_shards import SIZE, STRIDE

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.shards import open_shard, write_shard
from kinecast.train.recipe import Augment, Data
from kinecast.train.shard_pool import ShardPool, check_grid
from kinecast.train.shard_split import chunked, find_shards, split

pytest.importorskip("pyarrow", reason="needs the extra data")

DATA = Data(history=8, horizon=6, chunk=5, reuse=2, validation=64)
STILL = replace(DATA, augment=Augment(warp=0, flip=0))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return tracked_shards.write(tmp_path_factory.mktemp("data") / "shards", range(12))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def pool_of(data, shards, folder, seed=1):
    return ShardPool(replace(data, shards=str(shards)), seed, folder)


def tracks_of(shards):
    return [clip.tracks for path in find_shards(shards) for clip in open_shard(path)]


def same_clip(batch, i, tracks):
    """Whether the future of a batch's clip is that of some tracks, where they are visible."""
    seen = tracks.visible[8:14].reshape(batch.visible[i, 8:].shape)
    if not np.array_equal(seen, batch.visible[i, 8:].numpy()):
        return False
    xy = tracks.xy[8:14].reshape(batch.xy[i, 8:].shape)
    return bool(np.abs(xy - batch.xy[i, 8:].numpy())[seen].max(initial=0.0) < 0.1)


def test_a_step_is_the_same_in_any_order_from_any_pool(shards, folder, tmp_path):
    with pool_of(DATA, shards, folder) as pool:
        forward = {step: pool.batch(step, 3, 7) for step in (0, 1, 5, 9)}
    with pool_of(DATA, shards, tmp_path) as fresh:
        for step in (9, 0):
            again = fresh.batch(step, 3, 7)
            for name, value in again.tensors().items():
                assert torch.equal(value, forward[step].tensors()[name]), name


def test_batches_hold_the_stored_tracks_and_are_finite(shards, folder):
    every = tracks_of(shards)
    with pool_of(STILL, shards, folder) as pool:
        assert pool.data.sizes == (SIZE,)
        assert pool.data.stride == STRIDE
        batch = pool.batch(3, 4)
        assert batch.grid == Grid.over(SIZE, STRIDE)
        assert batch.xy.shape == (4, 14, 4, 6, 2)
        assert torch.isfinite(batch.xy).all()
        assert torch.isfinite(batch.noisy_xy).all()
        for i in range(4):
            assert sum(same_clip(batch, i, tracks) for tracks in every) == 1
        exact = batch.xy[:, :8][batch.noisy_visible]
        assert torch.equal(exact, batch.noisy_xy[batch.noisy_visible])


def test_speed_and_mirrors_change_clips_and_a_trackers_errors_do_not(shards, folder):
    with pool_of(DATA, shards, folder) as pool, pool_of(STILL, shards, folder) as still:
        assert not torch.equal(pool.batch(0, 4).xy, still.batch(0, 4).xy)
        assert pool.data.augment == Augment(
            margin=0, jitter=0, wander=0, spells=0, lost=0, drift=0, edges=0
        )


def test_held_out_clips_are_the_same_for_every_seed_and_never_trained_on(shards, folder):
    every = tracks_of(shards)
    with pool_of(STILL, shards, folder, 1) as one, pool_of(STILL, shards, folder, 2) as other:
        held = one.validation()
        assert torch.equal(held[0].xy, other.validation()[0].xy)
        held_out = [
            t for t in every if any(same_clip(b, i, t) for b in held for i in range(len(b)))
        ]
        assert len(held_out) == 1 == sum(map(len, held))  # a tenth of twelve
        trained = [one.batch(step, 4) for step in range(12)]
        seen = {
            j
            for batch in trained
            for i in range(4)
            for j, tracks in enumerate(every)
            if same_clip(batch, i, tracks)
        }
        assert seen == {j for j, tracks in enumerate(every) if tracks is not held_out[0]}


def test_clips_of_one_recording_stay_on_one_side(tmp_path):
    clips = [tracked_shards.tracked(seed, recording=seed // 4) for seed in range(16)]
    write_shard(tmp_path / "a.parquet", clips)
    found = split(tmp_path, 14, 3)
    sides = [{place.index // 4 for place in side} for side in (found.train, found.held_out)]
    assert not sides[0] & sides[1]
    assert (len(found.train), len(found.held_out)) == (12, 4)
    renamed = tmp_path / "z"
    renamed.mkdir()
    write_shard(renamed / "b.parquet", [replace(clip, id=f"x{clip.id}") for clip in clips[::-1]])
    again = split(renamed, 14, 3)
    assert {15 - place.index for place in again.held_out} == {p.index for p in found.held_out}


def test_chunks_are_of_one_length_and_hold_every_clip():
    for count, most in ((11, 5), (4, 9), (10, 5), (7, 2)):
        parts = chunked(list(range(count)), most, 3)
        assert len({len(part) for part in parts}) == 1
        assert {clip for part in parts for clip in part} == set(range(count))


def test_few_clips_are_repeated_in_a_batch_up_to_four_times(tmp_path, folder):
    shards = tracked_shards.write(tmp_path / "few", range(4))
    with pool_of(DATA, shards, folder) as pool:
        assert pool.clips_of_one_size == 3
        assert len(pool.batch(0, 12)) == 12
        place = pool.place(5, 8)
        assert place.indices.bincount().tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])
        with pytest.raises(UserError, match=r"at least 4 clips of shards .* batch of 13 .* got 3"):
            pool.batch(0, 13)


def test_mistakes_say_what_to_do(tmp_path, folder):
    def fails(shards, message, data=DATA):
        with pytest.raises(UserError, match=message):
            pool_of(data, shards, folder)

    fails(tmp_path / "nowhere", "kinecast prepare VIDEOS --out DIR makes one")
    fails(tracked_shards.write(tmp_path / "one", [3]), "two recordings or more .* got 1 of one")
    short = tracked_shards.write(tmp_path / "short", range(4), frames=9)
    fails(short, "at least 14 frames .* the longest of 4 has 9; prepare .* --frames 14")
    mixed = tracked_shards.write(tmp_path / "mixed", range(4))
    clips = [tracked_shards.tracked(seed, stride=8.0) for seed in (8, 9)]
    write_shard(mixed / "shard-00002.parquet", clips)
    with pool_of(DATA, mixed, folder) as pool:

        def read():  # the odd clips are on either side
            return pool.validation(), pool.shards()

        with pytest.raises(UserError, match="one --size and --stride, got 96x64 at stride"):
            read()
    scattered = [tracked_shards.tracked(seed) for seed in (1, 2)]
    scattered = [replace(c, tracks=replace(c.tracks, grid=None)) for c in scattered]
    (tmp_path / "scattered").mkdir()
    write_shard(tmp_path / "scattered" / "a.parquet", scattered)
    fails(tmp_path / "scattered", "a grid of points in the middle of cells.* got scattered points")


def test_a_network_of_other_cells_is_told(shards, folder):
    with pool_of(DATA, shards, folder) as pool:
        check_grid(pool.data, 4, 6)
        with pytest.raises(
            UserError, match=r"shards with 15x26 points .* got 4x6 .stride 16 of 96x64"
        ):
            check_grid(pool.data, 15, 26)
