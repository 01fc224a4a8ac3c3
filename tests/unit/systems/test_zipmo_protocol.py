"""The open-set evaluation on cases that can be worked out by hand."""

import pytest
import torch
from zipmo_networks import uniform

from kinecast.systems.zipmo import protocol

PIXEL = 2 / 128


def _shifted(truth: torch.Tensor, *pixels: float) -> torch.Tensor:
    """Samples that are off by so many pixels in y, everywhere."""
    off = torch.tensor(pixels)[:, None, None, None] * torch.tensor([PIXEL, 0.0])
    return truth + off


def test_errors_of_the_mean_the_best_and_on_average():
    truth = uniform(3, 5, 2)
    e = protocol.errors(_shifted(truth, -4.0, 2.0, 8.0), truth)
    got = [e.mean_track, e.mean, e.best.error]
    torch.testing.assert_close(
        torch.stack(got), torch.tensor([2.0, 14.0, 2.0]).double(), rtol=1e-4, atol=0
    )
    assert e.best.sample == 1
    e = protocol.errors(_shifted(truth, -4.0, 2.0, 8.0), truth, power=1)
    got = [e.mean_track, e.mean, e.best.error]
    torch.testing.assert_close(
        torch.stack(got), torch.tensor([1.0, 7 / 3, 1.0]).double(), rtol=1e-4, atol=0
    )


def test_relative_errors_are_in_lengths_of_the_true_path():
    steps = torch.arange(5.0)[None, :, None] * torch.tensor([3.0, 4.0]) * PIXEL
    e = protocol.errors(_shifted(steps, 42.0), steps, power=1, relative=True)
    assert e.mean.item() == pytest.approx(42 / 2 / (1 + 4 * 5), rel=1e-5)


def test_the_longer_one_is_resampled_to_the_shorter_one():
    line = torch.linspace(-0.75, 0.75, 4)[None, :, None].expand(2, -1, 2)
    half = protocol.resampled(line[None], 2)[0]
    torch.testing.assert_close(half[:, :, 0], torch.tensor([[-0.5, 0.5]]).expand(2, -1))
    assert protocol.errors(line[None], half).mean.item() == pytest.approx(0, abs=1e-8)
    assert protocol.errors(half[None], line).mean.item() == pytest.approx(0, abs=1e-8)


def test_the_endpoint_error_is_of_poked_tracks_in_the_last_frame():
    truth = uniform(3, 5, 2)
    forecast = _shifted(truth, 0.0, 0.0)
    forecast[:, :2, -1] += torch.tensor([3.0, 4.0]) * PIXEL
    assert protocol.endpoint_error(forecast, truth, 1).item() == pytest.approx(5, rel=1e-4)
    assert protocol.endpoint_error(forecast, truth, 3).item() == pytest.approx(10 / 3, rel=1e-4)


def test_diversity_of_two_samples():
    forecast = _shifted(uniform(2, 3, 2), -1.0, 1.0)
    assert protocol.deviation(forecast).item() == pytest.approx(2**0.5 / 2, rel=1e-4)
    distance = protocol.pairwise_distance(forecast).item()
    assert distance == pytest.approx((4 * 6) ** 0.5 / 2, rel=1e-4)


def test_lost_points_stay_where_they_were():
    nan = float("nan")
    tracks = torch.tensor([[[nan, nan], [1.0, 2.0], [nan, 5.0], [nan, nan], [3.0, 4.0]]])
    truth = torch.tensor([[[7.0, 8.0]] + [[0.0, 0.0]] * 4])
    filled = protocol.filled(tracks[None], truth)[0, 0]
    assert filled.tolist() == [[7, 8], [1, 2], [1, 2], [1, 2], [3, 4]]
    seen = uniform(2, 3, 5, 2)
    assert torch.equal(protocol.filled(seen, uniform(3, 5, 2, seed=1)), seen)
