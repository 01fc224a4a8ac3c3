import pytest
import torch
from torch import nn

from kinecast.nn.ema import EMA


def module(value):
    linear = nn.Linear(2, 1)
    linear.register_buffer("count", torch.tensor(int(value)))
    for parameter in linear.parameters():
        parameter.data.fill_(value)
    return linear


def test_it_follows_the_weights_and_soon_forgets_the_start():
    net = module(0.0)
    ema = EMA(net, decay=0.9)
    expected = 0.0
    for step in range(1, 101):
        net.weight.data.fill_(step)
        net.count.fill_(step)
        ema.update(net)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    ema.copy_to(net)
    assert net.weight[0, 0].item() == pytest.approx(expected, rel=1e-5)
    assert net.count.item() == 100  # what is not a float is copied


def test_weights_that_stay_are_their_average():
    net = module(0.3)
    ema = EMA(net, decay=0.99)
    for _ in range(20):
        ema.update(net)
    assert torch.equal(ema.weights["weight"], net.weight.detach())


def test_a_resumed_average_goes_on_the_same():
    net = module(1.0)
    ema, resumed = EMA(net, 0.9), EMA(module(5.0), 0.9)
    for value in (2.0, 3.0):
        net.weight.data.fill_(value)
        ema.update(net)
    resumed.load_state_dict({k: v.clone() for k, v in ema.state_dict().items()})
    for average in (ema, resumed):
        average.update(net)
    assert torch.equal(ema.weights["weight"], resumed.weights["weight"])
    assert ema.updates == resumed.updates == 3


def test_what_it_refuses():
    with pytest.raises(ValueError, match="0 <= decay < 1, got 1"):
        EMA(module(0.0), 1.0)
    with pytest.raises(ValueError, match="same module"):
        EMA(module(0.0), 0.9).load_state_dict({"updates": torch.tensor(1)})
