"""Precision and compilation of a model: same futures, within a stated tolerance."""

import image_models
import numpy as np
import pytest
import torch
from tiny_systems import KINDS, tiny_system

import kinecast
from kinecast.bench.example import example
from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.forecast.prepare import prepare

CPU = torch.device("cpu")
IMAGE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return image_models.zipmo(tmp_path_factory.mktemp("models") / "zipmo")


def test_an_unknown_precision_names_the_nearest():
    with pytest.raises(UserError, match=r"fp32, bf16, fp16, got 'bf1'.*mean bf16"):
        prepare(tiny_system("whn-points"), CPU, "bf1")


def test_a_model_in_half_precision_forecasts_nearly_the_same_and_says_so(model):
    exact = kinecast.load(model).forecast(image=IMAGE, k=2, steps=4)
    half = kinecast.load(model, precision="bf16").forecast(image=IMAGE, k=2, steps=4)
    assert half[0].source["precision"] == "bf16"
    assert "precision" not in exact[0].source
    deviation = np.abs(half[0].xy - exact[0].xy).max() / np.abs(exact[0].xy).max()
    assert half[0].xy.dtype == np.float32
    assert 0 < deviation < 2e-2


@pytest.mark.slow  # a compiler runs for a minute or more
@pytest.mark.parametrize("name", ["trajloom-paper", "whn", "zipmo"])
@torch.inference_mode()
def test_compiling_changes_no_velocity(name):
    assert name in KINDS
    eager, compiled = tiny_system(name), prepare(tiny_system(name), CPU, compiled=True)
    cond = eager.condition(example(eager.needs, CPU).given)
    z, t = rng.sample_noise(0, range(2), eager.latent_shape(cond)), torch.tensor([0.3, 0.6])
    expected = eager.velocity(z, t, cond)
    for _ in range(2):
        got = compiled.velocity(z, t, cond)
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
