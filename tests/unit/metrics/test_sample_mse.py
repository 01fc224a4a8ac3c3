"""The open-set evaluation on cases that can be worked out by hand."""

import pytest
import torch
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.metrics.diversity import deviation, pairwise_distance
from kinecast.metrics.lost import filled
from kinecast.metrics.poke_epe import poke_epe
from kinecast.metrics.resample import resampled
from kinecast.metrics.sample_mse import sample_errors

PIXEL = 2 / 128


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def shifted(truth: Tensor, *pixels: float) -> Tensor:
    """Samples that are off by so many pixels in the first coordinate, everywhere."""
    off = torch.tensor(pixels)[:, None, None, None] * torch.tensor([PIXEL, 0.0])
    return truth + off


def test_errors_of_the_mean_the_best_and_on_average():
    truth = uniform(3, 5, 2)
    e = sample_errors(shifted(truth, -4.0, 2.0, 8.0), truth)
    assert [e.mean_track.item(), e.mean.item(), e.best.error.item()] == pytest.approx(
        [2, 14, 2], rel=1e-4
    )
    assert e.best.sample == 1
    e = sample_errors(shifted(truth, -4.0, 2.0, 8.0), truth, power=1)
    assert [e.mean_track.item(), e.mean.item(), e.best.error.item()] == pytest.approx(
        [1, 7 / 3, 1], rel=1e-4
    )


def test_each_coordinate_has_its_own_side_of_the_frame():
    truth = uniform(3, 5, 2)
    off = torch.tensor([0.5, 0.0])
    e = sample_errors(truth[None] + off, truth, frame=(40, 100))
    assert e.mean.item() == pytest.approx(10**2 / 2, rel=1e-4)
    assert poke_epe(truth[None] + off.flip(0), truth, 1, (40, 100)).item() == pytest.approx(25)


def test_relative_errors_are_in_lengths_of_the_true_path():
    steps = torch.arange(5.0)[None, :, None] * torch.tensor([3.0, 4.0]) * PIXEL
    e = sample_errors(shifted(steps, 42.0), steps, power=1, relative=True)
    assert e.mean.item() == pytest.approx(42 / 2 / (1 + 4 * 5), rel=1e-5)


def test_the_longer_one_is_resampled_to_the_shorter_one():
    line = torch.linspace(-0.75, 0.75, 4)[None, :, None].expand(2, -1, 2)
    half = resampled(line[None], 2)[0]
    torch.testing.assert_close(half[:, :, 0], torch.tensor([[-0.5, 0.5]]).expand(2, -1))
    assert sample_errors(line[None], half).mean.item() == pytest.approx(0, abs=1e-8)
    assert sample_errors(half[None], line).mean.item() == pytest.approx(0, abs=1e-8)
    assert poke_epe(line[None], half, 2).item() == pytest.approx(0, abs=1e-6)


def test_the_endpoint_error_is_of_poked_tracks_in_the_last_frame():
    truth = uniform(3, 5, 2)
    forecast = shifted(truth, 0.0, 0.0)
    forecast[:, :2, -1] += torch.tensor([3.0, 4.0]) * PIXEL
    assert poke_epe(forecast, truth, 1).item() == pytest.approx(5, rel=1e-4)
    assert poke_epe(forecast, truth, 3).item() == pytest.approx(10 / 3, rel=1e-4)


def test_diversity_of_two_samples():
    forecast = shifted(uniform(2, 3, 2), -1.0, 1.0)
    assert deviation(forecast).item() == pytest.approx(2**0.5 / 2, rel=1e-4)
    assert pairwise_distance(forecast).item() == pytest.approx((4 * 6) ** 0.5 / 2, rel=1e-4)
    assert pairwise_distance(forecast[:1]).item() == 0


def test_lost_points_stay_where_they_were():
    nan = float("nan")
    tracks = torch.tensor([[[nan, nan], [1.0, 2.0], [nan, 5.0], [nan, nan], [3.0, 4.0]]])
    truth = torch.tensor([[[7.0, 8.0]] + [[0.0, 0.0]] * 4])
    assert filled(tracks[None], truth)[0, 0].tolist() == [[7, 8], [1, 2], [1, 2], [1, 2], [3, 4]]
    seen = uniform(2, 3, 5, 2)
    assert torch.equal(filled(seen, uniform(3, 5, 2, seed=1)), seen)


def test_what_cannot_be_scored_is_refused():
    truth = uniform(3, 5, 2)
    lost = shifted(truth, 1.0)
    lost[0, 1, 4] = torch.nan
    for score in (
        lambda: sample_errors(lost, truth),
        lambda: poke_epe(lost, truth, 3),
        lambda: pairwise_distance(lost),
    ):
        with pytest.raises(UserError, match="finite"):
            score()
    assert poke_epe(lost, truth, 1).item() == pytest.approx(1, rel=1e-4)
    with pytest.raises(UserError, match="truth's points"):
        sample_errors(lost[:, :2], truth)
    with pytest.raises(UserError, match="1 to 3 pokes, samples and frames, got 4"):
        poke_epe(lost, truth, 4)
    with pytest.raises(UserError, match="at least 2 samples"):
        deviation(truth[None])
