"""The coordinate rule, on frames that are not square."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kinecast.core import coords
from kinecast.core.errors import UserError

sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000)).filter(lambda s: s[0] != s[1])
points = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.just(2)), elements=st.floats(-5e3, 5e3, width=32)
)


def test_corners_and_centres_of_a_wide_frame():
    size = (80, 48)
    xy = np.array([[0, 0], [80, 48], [40, 24], [0.5, 0.5], [80, 0]], np.float32)
    expected = [[-1, -1], [1, 1], [0, 0], [1 / 80 - 1, 1 / 48 - 1], [1, -1]]
    np.testing.assert_allclose(coords.normalise(xy, size), expected, atol=1e-6)


def test_the_rule_is_that_of_grid_sample_without_aligned_corners():
    W, H = 5, 3
    image = torch.arange(W * H, dtype=torch.float32).reshape(1, 1, H, W)
    centres = torch.stack(
        torch.meshgrid(torch.arange(W) + 0.5, torch.arange(H) + 0.5, indexing="xy"), dim=-1
    )
    where = coords.normalise(centres, (W, H))[None]
    sampled = torch.nn.functional.grid_sample(image, where, align_corners=False)
    torch.testing.assert_close(sampled, image)


@given(xy=points, size=sizes)
def test_normalising_and_back_is_the_identity(xy, size):
    back = coords.denormalise(coords.normalise(xy, size), size)
    np.testing.assert_allclose(back, xy, atol=2e-3)
    assert back.dtype == np.float32


@given(xy=points, a=sizes, b=sizes)
def test_resizing_there_and_back_is_the_identity(xy, a, b):
    np.testing.assert_allclose(
        coords.resize(coords.resize(xy, a, b), b, a), xy, rtol=1e-5, atol=1e-5
    )


@given(xy=points, a=sizes, b=sizes)
def test_normalised_coordinates_do_not_know_the_resolution(xy, a, b):
    xy = xy.clip(-2 * min(a), 2 * min(a))
    np.testing.assert_allclose(
        coords.normalise(coords.resize(xy, a, b), b), coords.normalise(xy, a), rtol=1e-4, atol=1e-4
    )


@given(xy=points, move=points, size=sizes)
def test_displacements_are_differences_of_positions(xy, move, size):
    n = min(len(xy), len(move))
    xy, move = torch.from_numpy(xy[:n]).double(), torch.from_numpy(move[:n]).double()
    by_rule = coords.displacement_to_normalised(move, size)
    moved = coords.normalise(xy + move, size) - coords.normalise(xy, size)
    torch.testing.assert_close(by_rule, moved, rtol=0, atol=1e-9)
    torch.testing.assert_close(coords.displacement_to_pixels(by_rule, size), move)


@given(move=points, size=sizes)
def test_reference_pixels_are_isotropic_and_invertible(move, size):
    move = torch.from_numpy(move).double()
    normalised = coords.displacement_to_normalised(move, size)
    reference = coords.displacement_to_reference(normalised, size)
    scale = (832 * 480 / (size[0] * size[1])) ** 0.5
    torch.testing.assert_close(reference, scale * move)
    torch.testing.assert_close(coords.displacement_from_reference(reference, size), normalised)


@given(xy=points, size=sizes)
def test_arrays_and_tensors_agree(xy, size):
    tensor = torch.from_numpy(xy)
    for function in (
        coords.normalise, coords.denormalise, coords.displacement_to_normalised,
        coords.displacement_to_pixels, coords.displacement_to_reference, coords.inside,
    ):  # fmt: skip
        np.testing.assert_allclose(function(tensor, size).numpy(), function(xy, size), rtol=1e-6)


def test_pixel_centres():
    xy = np.array([[0, 3]], np.float32)
    assert coords.from_pixel_centres(xy).tolist() == [[0.5, 3.5]]
    assert coords.to_pixel_centres(coords.from_pixel_centres(xy)).tolist() == xy.tolist()


def test_inside_is_half_open_and_false_for_nan():
    xy = np.array(
        [[0, 0], [79.9, 47.9], [80, 1], [1, 48], [-0.1, 1], [50, 60], [np.nan, 1]], np.float32
    )
    expected = [True, True, False, False, False, False, False]
    assert coords.inside(xy, (80, 48)).tolist() == expected
    assert coords.inside(torch.from_numpy(xy), (80, 48)).tolist() == expected


def test_diagonal():
    assert coords.diagonal((40, 30)) == 50.0


@pytest.mark.parametrize("size", [(0, 4), (4, -1), (4,), (4, 5, 6), (4.5, 3)])
def test_sizes_that_are_none(size):
    check = getattr(coords.check_size, "__wrapped__", coords.check_size)  # past the type checker
    with pytest.raises(UserError, match=r"expected size = \(W, H\), .* got \("):
        check(size)


def test_whole_floats_are_sizes():
    check = getattr(coords.check_size, "__wrapped__", coords.check_size)
    assert check((np.int64(4), 3.0)) == (4, 3)
