from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.rng import generator
from kinecast.systems.trajloom.visibility import (
    VisibilityConfig,
    VisibilityPredictor,
    expand,
    pool,
)

CONFIG = VisibilityConfig(latent_channels=4, width=8)


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_tokens_are_judged_apart(last, delta, kernel):
    config = replace(CONFIG, history_last=last, history_delta=delta, kernel=kernel)
    net, z, history = VisibilityPredictor(config), normal(2, 5, 6, 4), normal(2, 6, 4, key=1)
    logits = net(z, history)
    assert logits.shape == (2, 5, 6)
    torch.testing.assert_close(net(z[:, :, 2:3], history[:, 2:3]), logits[:, :, 2:3])
    moved = not torch.allclose(net(z, history + 1), logits)
    assert moved == (last or delta)


def test_the_history_is_asked_for_where_it_is_used():
    with pytest.raises(ValueError, match="last history latent"):
        VisibilityPredictor(replace(CONFIG, history_delta=True))(normal(1, 5, 6, 4))


def test_pooling_is_any_of_the_frames_of_a_step():
    visible = torch.zeros(1, 9, 2, dtype=torch.bool)
    visible[0, 3, 0] = visible[0, 8, 1] = True
    assert pool(visible, 4)[0].T.tolist() == [[True, False, False], [False, False, True]]


@settings(deadline=None, max_examples=20)
@given(stride=st.integers(1, 5), steps=st.integers(1, 5))
def test_pooling_undoes_expanding(stride, steps):
    visible = normal(2, steps, 3) > 0
    frames = expand(visible.float(), stride, steps * stride) > 0
    assert torch.equal(pool(frames, stride), visible)


def test_expanding_crops_and_fills_with_nothing():
    values = torch.tensor([[1.0, 2.0]])
    assert expand(values, 2, 3).tolist() == [[1.0, 1.0, 2.0]]
    assert expand(values, 2, 6).tolist() == [[1.0, 1.0, 2.0, 2.0, 0.0, 0.0]]
