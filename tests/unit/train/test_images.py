from dataclasses import replace

import numpy as np
import pytest
import torch
import tracked_shards
from installed import why_no_pictures

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.encoders.pixels import Pixels
from kinecast.encoders.words import Words
from kinecast.train.image_sources import _episode, make
from kinecast.train.images import ImageClips, grid_of
from kinecast.train.recipe import ImageData

DATA = ImageData(
    families=("layers", "layers-told"),
    frames=6,
    size=(96, 64),
    stride=8.0,
    encoder="pixels",
    text_encoder="words",
    clips=16,
    chunk=8,
    reuse=2,
    validation=4,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def assert_same(one, other):
    assert one.texts == other.texts
    for name, value in one.tensors().items():
        assert torch.equal(value, other.tensors()[name]), name


def test_a_step_is_the_same_in_any_order_from_any_pool(folder, tmp_path):
    with ImageClips(DATA, 4, folder) as pool:
        forward = {step: pool.batch(step, 4, 1) for step in (0, 1, 5)}
        assert not torch.equal(forward[0].xy, pool.batch(0, 4, 2).xy)
    with ImageClips(DATA, 4, tmp_path) as fresh:
        for step in (5, 0):
            assert_same(fresh.batch(step, 4, 1), forward[step])


def test_what_an_item_holds(folder):
    with ImageClips(DATA, 4, folder) as pool:
        item = pool.batch(0, 4)
    grid = grid_of(DATA)
    assert grid == Grid.over((96, 64), 8.0) == item.grid
    assert item.xy.shape == (4, 1, 6, 96, 2)
    assert torch.equal(
        item.xy[:, 0, 0], torch.from_numpy(grid.points()).view(1, -1, 2).expand(4, -1, -1)
    )
    assert item.visible[:, :, 0].all()
    assert not item.visible.all()
    assert item.pixels.shape == (4, 1, 64, 96, 3)
    assert all("goes" in text for text in item.texts)
    field = item.field()
    assert field.xy.shape == (4, 6, 8, 12, 2)
    back = coords.denormalise(field.xy, item.size).flatten(2, 3)
    torch.testing.assert_close(back, item.xy[:, 0])
    images = item.images()
    assert images.pixels is item.pixels
    assert images.features is item.features
    assert images.text is item.text


def test_tokens_are_those_of_the_encoders_and_made_once(folder):
    with ImageClips(DATA, 4, folder) as pool:
        item = pool.batch(0, 4)
        made = {path: path.stat().st_mtime_ns for path in folder.rglob("*pixels*")}
        assert made
        pool.held(1)
        assert_same(pool.batch(0, 4), item)
    assert all(path.stat().st_mtime_ns == time for path, time in made.items())
    wanted = Pixels().encode(item.pixels[:, 0])
    torch.testing.assert_close(item.features[:, 0], wanted, atol=1e-3, rtol=0)
    torch.testing.assert_close(item.text, Words().encode(item.texts), atol=1e-3, rtol=1e-3)
    with ImageClips(replace(DATA, encoder="", text_encoder=""), 4, folder) as pool:
        bare = pool.batch(0, 4)
    assert bare.features is None
    assert bare.text is None
    assert torch.equal(bare.pixels, item.pixels)  # the same chunk, whatever reads it


def test_scattered_points_of_two_views(folder):
    data = replace(DATA, points=50, views=2, clips=2, chunk=2)
    with ImageClips(data, 4, folder) as pool:
        item = pool.batch(0, 2)
    assert item.grid is None
    assert item.xy.shape == (2, 2, 6, 50, 2)
    assert item.pixels.shape == (2, 2, 64, 96, 3)
    laid = item.xy[:, :, 0]
    assert coords.inside(laid, item.size).all()
    assert len(torch.unique(laid[..., 0])) == 200  # each clip and view has its own
    assert item.field(1).xy.shape == (2, 6, 1, 50, 2)


def test_validation_is_fixed_and_apart(folder):
    with ImageClips(DATA, 4, folder) as pool, ImageClips(DATA, 9, folder) as other:
        one, again = pool.validation(batch=3), other.validation(batch=3)
        assert [len(item) for item in one] == [3, 1]
        for a, b in zip(one, again, strict=True):
            assert_same(a, b)
        trained = pool.take(0, torch.arange(8))
    assert not any(torch.equal(a, b) for a in one[0].pixels for b in trained.pixels)


def test_items_are_cut_and_moved_whole(folder):
    with ImageClips(DATA, 4, folder) as pool:
        item = pool.batch(0, 4)
    part = item.rows(slice(1, None, 2))
    assert part.texts == item.texts[1::2]
    assert torch.equal(part.features, item.features[1::2])
    assert_same(item.to(torch.device("cpu")), item)


def test_grids_of_the_published_layouts():
    kubric = replace(DATA, size=(256, 256), stride=8.0, origin=(0.5, 0.5))
    assert grid_of(kubric) == Grid(32, 32, 8.0, (0.5, 0.5))
    physics = replace(DATA, size=(464, 256), stride=8.0, origin=(2.5, 2.5))
    assert grid_of(physics) == Grid(32, 58, 8.0, (2.5, 2.5))


def test_clips_of_shards_are_resized_with_their_points(tmp_path, folder):
    shards = tracked_shards.write(tmp_path / "shards", range(6), frames=8)
    data = replace(DATA, shards=str(shards), size=(48, 32), text_encoder="words")
    with ImageClips(data, 1, folder) as pool:
        item = pool.batch(0, 4)
        held = pool.validation()
    assert item.xy.shape == (4, 1, 6, 24, 2)
    assert torch.equal(
        item.xy[0, 0, 0], torch.from_numpy(Grid.over((48, 32), 8.0).points()).view(-1, 2)
    )
    assert torch.isfinite(item.xy).all()
    (number,) = {int(text.split()[1]) for text in item.texts[:1]}
    wanted = tracked_shards.tracked(number, frames=8).tracks.resized((48, 32))
    seen = wanted.visible[:6]
    assert np.abs(item.xy[0, 0].numpy() - wanted.xy[:6])[seen].max() < 0.06
    assert not set(item.texts) & set(held[0].texts)
    with ImageClips(replace(data, points=9), 1, folder) as pool:
        few = pool.batch(0, 4)
    assert few.grid is None
    assert few.visible[:, :, 0].all()
    assert few.xy.shape == (4, 1, 6, 9, 2)


def test_what_is_held_out_is_not_in_the_chunks_that_runs_share(tmp_path):
    shards = tracked_shards.write(tmp_path / "shards", range(24), frames=8)
    data = replace(DATA, shards=str(shards), size=(48, 32), text_encoder="", chunk=32)
    for validation in (1, 2):
        with ImageClips(replace(data, validation=validation), 1, tmp_path / "clips") as pool:
            trained = pool.take(0, torch.arange(pool.clips_of_one_size)).texts
            held = pool.validation()[0].texts
        assert len(set(trained) | set(held)) == 24
        assert len(held) == validation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"families": ("layer",)}, "did you mean layers"),
        ({"families": ()}, "one or more data.families"),
        ({"chunk": 1}, "data.clips >= data.chunk >= 2"),
        ({"encoder": "pixel"}, "did you mean pixels"),
        ({"origin": (200.0, 1.0)}, "data.origin inside the 96x64 frame"),
        ({"shards": "nowhere"}, "expected data.shards as a folder"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        ImageClips(replace(DATA, **changes), 0, tmp_path)


def test_shards_that_do_not_fit_are_told(tmp_path):
    shards = tracked_shards.write(tmp_path / "shards", range(4), frames=8)
    for changes, message in (
        ({}, "without 96 of 96; prepare the videos with --size 96x64 --stride 8"),
        ({"points": 30}, "at least 30 points .* got 24; lower data.points"),
        ({"frames": 9}, "at least 9 frames .* has 8"),
        ({"views": 2, "points": 5}, "data.views=1"),
    ):
        data = replace(DATA, shards=str(shards), **changes)
        with pytest.raises(UserError, match=message), ImageClips(data, 0, tmp_path) as pool:
            pool.validation()


@pytest.mark.skipif(bool(why_no_pictures()), reason=why_no_pictures())
def test_clips_of_the_robot_begin_anywhere_in_its_episode():
    data = ImageData(families=("robot",), frames=16, size=(64, 48), points=12, views=2, encoder="")
    clips = [make(data, 0, index) for index in range(2)]
    begun = [int(clip.steps) for clip in clips]
    assert len(set(begun)) == 2
    for clip in clips:
        assert clip.xy.shape == (2, 16, 12, 2)
        assert clip.states.shape == (16, 9)
        assert clip.actions.shape == (16, 7)
        assert clip.visible[:, 0].any()
        moved = np.abs(np.diff(clip.states[:, :7], axis=0)).max(1)
        acted = np.abs(clip.actions[:-1, :6]).max(1)
        assert np.corrcoef(moved, acted)[0, 1] > 0.5  # the window's own actions
    whole = _episode(data, 0, 0)
    assert whole == (48, (begun[0], begun[0] + 17))
