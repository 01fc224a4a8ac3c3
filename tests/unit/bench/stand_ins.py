"""Forecasters whose score is known, and a tiny network, for the tests of the benchmarks."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import torch

from kinecast.core import rng
from kinecast.core.forecast import Forecast
from kinecast.forecast.baselines import OPPONENTS, forecast
from kinecast.forecast.forecaster import Forecaster
from kinecast.systems.registry import FORMAT, build
from kinecast.systems.trajloom.config import preset

FRAMES = 24


class Copycat:
    """Forecasts as the opponent of a kind of data does: every ratio is 1."""

    def __init__(self, kind="synthetic", frames=FRAMES):
        self.kind = kind
        self.system = SimpleNamespace(needs=SimpleNamespace(frames=frames))
        self.asked = []

    def forecast(self, history, *, k, seed, horizon=None, **options):
        self.asked.append((len(history), history.query_frame[0], options))
        future = forecast(OPPONENTS[self.kind], history, horizon or self.system.needs.frames)
        visible = np.ones((k, len(future), future.count), np.float16)
        return Forecast((future,) * k, visible, history)


def tiny_config():
    """config.json of the smallest network, with a short window."""
    model = replace(preset("tiny"), frames=FRAMES, channels=16)
    return {"format": FORMAT, "system": "trajloom", "model": asdict(model)}


def tiny_system():
    """That network, untrained, with directions that its codec can decode."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = build(tiny_config())
    basis = torch.linalg.qr(torch.randn(system.codec.basis.T.shape, generator=rng.generator(1))).Q
    with torch.no_grad():
        system.codec.basis.copy_(basis.T)
    return system


def tiny_forecaster():
    """It, ready to forecast."""
    return Forecaster(tiny_system(), "tiny")
