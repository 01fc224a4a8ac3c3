import time
from dataclasses import replace

import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data import synth
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Augment, Data

DATA = Data(
    families=tuple(synth.TRAIN_MIX)[:2],
    history=6,
    horizon=5,
    sizes=((96, 64), (64, 96)),
    stride=16.0,
    clips=32,
    chunk=16,
    reuse=2,
    validation=8,
    augment=Augment(margin=4),
)
EXACT = replace(
    DATA,
    sizes=((96, 64),),
    augment=Augment(
        margin=0, warp=0, flip=0, jitter=0, wander=0, spells=0, lost=0, drift=0, edges=0
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def values(batch):
    return [batch.xy, batch.visible, batch.noisy_xy, batch.noisy_visible]


def assert_same(one, other):
    assert one.size == other.size
    for a, b in zip(values(one), values(other), strict=True):
        assert torch.equal(a, b)


def test_a_step_is_the_same_in_any_order_from_any_pool(folder, tmp_path):
    steps = [0, 1, 9, 17, 33]
    with WorldPool(DATA, 4, folder) as pool:
        forward = {step: pool.batch(step, 4, 1) for step in steps}
        again = {step: pool.batch(step, 4, 1) for step in reversed(steps)}
    with WorldPool(replace(DATA, workers=2), 4, tmp_path) as fresh:  # other files, other timing
        other = {step: fresh.batch(step, 4, 1) for step in steps[::-2]}
    for step in steps:
        assert_same(forward[step], again[step])
    for step, batch in other.items():
        assert_same(forward[step], batch)


def test_chunks_are_made_once_and_shared(folder):
    with WorldPool(DATA, 4, folder) as pool:
        for step in range(20):
            pool.batch(step, 4)
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("chunk-*")}
    assert len(made) == DATA.clips // DATA.chunk
    with WorldPool(DATA, 4, folder) as pool:
        for step in range(40):  # past the end of the pool: it starts again
            pool.batch(step, 4)
    assert made == {path: path.stat().st_mtime_ns for path in folder.rglob("chunk-*")}


def test_stages_and_seeds_see_other_batches(folder):
    with WorldPool(DATA, 4, folder) as pool, WorldPool(DATA, 5, folder) as seeded:
        one = pool.batch(0, 4, 1)
        assert not torch.equal(one.xy, pool.batch(0, 4, 2).xy)
        assert not torch.equal(one.xy, seeded.batch(0, 4, 1).xy)


def test_batches_have_one_size_in_turn_and_the_right_shapes(folder):
    with WorldPool(DATA, 4, folder) as pool:
        for step in range(4):
            batch = pool.batch(step, 4)
            W, H = batch.size
            assert DATA.sizes[step % 2] == (W, H)
            assert batch.xy.shape == (4, 11, H // 16, W // 16, 2)
            assert batch.noisy_xy.shape == (4, 6, H // 16, W // 16, 2)
            assert batch.history == 6
            assert len(batch) == 4
            assert torch.isfinite(batch.xy).all()
            assert torch.isfinite(batch.noisy_xy).all()
            assert not torch.equal(batch.noisy_xy, batch.xy[:, :6])


def test_a_pass_uses_every_clip_once(folder):
    with WorldPool(EXACT, 4, folder) as pool:
        whole, _ = pool.shards()[0].take(torch.arange(16))
        for turn in range(2):  # the second pass in another order
            seen = torch.cat([pool.batch(4 * turn + k, 4).xy for k in range(4)])
            sums = [sorted(xy.sum((1, 2, 3, 4)).tolist()) for xy in (seen, whole)]
            assert sums[0] == sums[1]
            assert not torch.equal(seen, whole)


def test_half_of_the_clips_are_laid_in_the_first_frame_and_half_now(folder):
    with WorldPool(DATA, 4, folder) as pool:
        for shard in pool.shards():
            xy, visible = shard.take(torch.arange(len(shard)))
            assert xy.shape[1] == 11 + 4
            assert (shard.anchor == 0).sum() == (shard.anchor == 5).sum() == 4
            for clip, anchor in enumerate(shard.anchor.tolist()):
                points = torch.from_numpy(shard.grid.points())
                torch.testing.assert_close(xy[clip, 2 + anchor], points, atol=0.04, rtol=0)
                assert visible[clip, 2 + anchor].all()


def test_every_so_many_th_clip_stands_for_all(folder):
    """The first ones have their points laid in the first frame."""
    with WorldPool(replace(DATA, chunk=32), 4, folder) as pool:
        few, all_of_them = pool.spread(4), pool.spread(100)
        anchors = pool.shards()[0].anchor
    assert few.tolist() == [0, 4, 8, 12]
    assert all_of_them.tolist() == list(range(16))
    assert len(anchors[: len(few)].unique()) == 1
    assert len(anchors[few].unique()) == 2


def test_stored_positions_are_exact_to_a_thirtieth_of_a_pixel(folder):
    size = EXACT.sizes[0]
    grid = Grid.over(size, EXACT.stride)
    with WorldPool(EXACT, 4, folder) as pool:
        xy, visible = pool.shards()[0].take(torch.arange(2))
    worlds = synth.generate(EXACT.families[0], seed=4, n=2, frames=11, size=size, grid=grid)
    assert torch.equal(visible, worlds.visible)
    near = (worlds.xy - torch.from_numpy(grid.points())).abs() < 2000
    torch.testing.assert_close(xy[near], worlds.xy[near], atol=0.032, rtol=1e-6)


def test_validation_is_fixed_and_never_trained_on(folder):
    with WorldPool(DATA, 4, folder) as pool, WorldPool(replace(DATA, chunk=32), 9, folder) as other:
        one, again = pool.validation(batch=4), other.validation(batch=4)
        assert sum(len(batch) for batch in one) == DATA.validation
        for a, b in zip(one, again, strict=True):
            assert_same(a, b)
        held_out = pool._read(pool._held_out(DATA.families))
        chunks = [pool.shards(number) for number in range(2)]
    for which, held in enumerate(held_out):
        trained = [clip for shards in chunks for clip in shards[which].offset]
        moving = [clip for clip in held.offset if clip.any()]  # where all rests, clips are alike
        assert len(moving) > 1
        assert not any(torch.equal(a, b) for a in moving for b in trained)


def test_validation_may_take_families_that_are_never_trained_on(folder):
    with WorldPool(DATA, 4, folder) as pool:
        usual, unseen = pool.validation(), pool.validation(synth.HELD_OUT[:2])
    assert sum(len(batch) for batch in unseen) == DATA.validation
    assert not torch.equal(usual[0].xy, unseen[0].xy)


def test_mistakes_say_what_is_needed(folder):
    with pytest.raises(UserError, match=r"data.clips >= data.chunk >= 8 .*got 32 and 4"):
        WorldPool(replace(DATA, chunk=4), 4, folder)
    with WorldPool(DATA, 4, folder) as pool, pytest.raises(UserError, match="at most 8 clips"):
        pool.batch(0, 9)


def test_a_dead_worker_is_told(tmp_path):
    data = replace(DATA, clips=40_000, chunk=20_000)  # takes minutes
    with WorldPool(data, 4, tmp_path) as pool:
        pool._request(0)
        for process in pool._executor._processes.values():
            process.kill()
        with pytest.raises(UserError, match="makes training clips died"):
            pool.shards(0)


def test_closing_ends_a_chunk_in_the_making_and_leaves_nothing_of_it(tmp_path):
    data = replace(DATA, clips=40_000, chunk=20_000)
    with WorldPool(data, 4, tmp_path) as pool:
        pool._request(0)
        started = time.monotonic()
        while not any(p.is_alive() for p in pool._executor._processes.values()):
            assert time.monotonic() - started < 60
        time.sleep(0.2)
        pending = pool._pending[0]
    assert time.monotonic() - started < 60  # 20,000 clips take minutes
    assert pending.done() or pending.cancelled()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(RuntimeError, match="closed"):
        pool.shards(1)
