"""Neighbours by picture: the clip that looks alike hands over what its points did."""

import numpy as np
import pytest

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.forecast.nearest_image import ImageIndex

SIZE = (64, 48)


def scene(i, frames=5, size=SIZE, noise=0):
    """A flat picture of its own grey with a bright half, whose points go with it."""
    draw = np.random.default_rng(i + 1000 * noise)
    picture = np.full((size[1], size[0], 3), 20 * i, np.uint8)
    picture[:, : size[0] // 2] += 30
    picture = np.clip(picture + draw.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
    grid = Grid.over(size, 8.0)
    step = np.float32([i / 4, -0.5]) * size[0] / SIZE[0]
    left = grid.points().reshape(-1, 2)[:, :1] < size[0] / 2
    time = np.arange(frames, dtype=np.float32)[:, None, None]
    xy = grid.points().reshape(1, -1, 2) + time * np.where(left, step, 0)
    return picture, Clip(
        Tracks(xy.astype(np.float32), np.ones(xy.shape[:2], bool), size), id=str(i)
    )


@pytest.fixture(scope="module")
def index():
    return ImageIndex.build(map(scene, range(8)), 4)


@pytest.mark.parametrize("i", range(8))
def test_a_picture_of_another_size_and_with_noise_finds_its_scene(index, i):
    picture, clip = scene(i, size=(128, 96), noise=2)
    first, second = index.forecast(picture, clip.tracks.xy[0], 4, k=2)
    assert first.source == {"neighbour": str(i)}
    assert abs(int(second.source["neighbour"]) - i) == 1
    inner = np.abs(clip.tracks.xy[0, :, 0] - 64) > 8  # nearest of the other grid on the same side
    np.testing.assert_allclose(first.xy[:, inner], clip.tracks.xy[1:, inner], atol=0.02)
    assert np.array_equal(first.visible, first.inside())


def test_any_points_and_shorter_horizons(index):
    picture, _ = scene(4)
    points = np.array([[3.0, 3.0], [60.0, 40.0]], np.float32)
    future = index.forecast(picture, points, 3, k=1)[0]
    np.testing.assert_allclose(future.xy[-1], points + np.float32([[3.0, -1.5], [0, 0]]), atol=0.01)


def test_a_saved_index_is_the_same(index, tmp_path):
    index.save(tmp_path / "index.safetensors")
    again = ImageIndex.load(tmp_path / "index.safetensors")
    picture, clip = scene(3, noise=3)
    for one, other in zip(
        index.forecast(picture, clip.tracks.xy[0], 4, 3),
        again.forecast(picture, clip.tracks.xy[0], 4, 3),
        strict=True,
    ):
        assert np.array_equal(one.xy, other.xy)
    assert again.about == {"encoder": "pixels"}


def test_what_is_wrong_is_said(index, tmp_path):
    picture, clip = scene(0)
    with pytest.raises(
        UserError, match=r"a horizon of 1 to 4 frames and 1 to 8 samples .* 5 and 1"
    ):
        index.forecast(picture, clip.tracks.xy[0], 5, 1)
    with pytest.raises(UserError, match=r"clips of at least 6 frames .* got none"):
        ImageIndex.build([scene(0)], 5)
    with pytest.raises(UserError, match="expected an encoder of"):
        ImageIndex.build([scene(0)], 4, "pixel")
