import torch

from kinecast.core.rng import generator
from kinecast.flow.path import path


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def test_it_runs_from_noise_to_data():
    noise, data = normal(2, 3, 4), normal(2, 3, 4, key=1)
    torch.testing.assert_close(path(noise, data, torch.zeros(2))[0], noise)
    torch.testing.assert_close(path(noise, data, torch.ones(2))[0], data)


def test_its_velocity_is_its_derivative():
    noise, data = normal(1, 5), normal(1, 5, key=1)
    (early, velocity), (late, _) = (path(noise, data, torch.tensor([t])) for t in (0.25, 0.75))
    torch.testing.assert_close(velocity, (late - early) / 0.5)


def test_each_sample_has_its_own_time_and_the_tube_moves_the_state_alone():
    noise, data, tube = torch.zeros(2, 3), torch.ones(2, 3), normal(2, 3)
    z_t, velocity = path(noise, data, torch.tensor([0.25, 0.5]), tube)
    torch.testing.assert_close(z_t - tube, torch.tensor([[0.25] * 3, [0.5] * 3]))
    assert (velocity == 1).all()
