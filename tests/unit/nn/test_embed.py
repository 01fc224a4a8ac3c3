import math

import torch

from kinecast.core.rng import generator
from kinecast.nn.embed import FourierFeatures, sincos_1d, sincos_2d, sinusoid


def test_the_lowest_index_turns_once_per_unit_and_zero_is_cos_one_sin_zero():
    at = sinusoid(torch.tensor([0.0, 1.0]), 8)
    assert at[0].tolist() == [1.0] * 4 + [0.0] * 4
    torch.testing.assert_close(at[1, [0, 4]], torch.tensor([math.cos(1.0), math.sin(1.0)]))


def test_tables_put_the_sine_first_and_the_column_before_the_row():
    table = sincos_2d(2, 3, 8).unflatten(0, (2, 3))
    column, row = sincos_1d(torch.arange(3.0), 4), sincos_1d(torch.arange(2.0), 4)
    torch.testing.assert_close(table[..., :4], column.expand(2, 3, 4))
    torch.testing.assert_close(table[..., 4:], row[:, None].expand(2, 3, 4))
    assert column[0].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_fourier_features_of_any_point_have_the_same_length():
    features = FourierFeatures(2, 12)
    points = torch.randn(5, 7, 2, generator=generator(0))
    squares = features(points).square().sum(-1)
    torch.testing.assert_close(squares, torch.full((5, 7), 0.5))
    assert not list(features.parameters())
    assert "frequency" in features.state_dict()
