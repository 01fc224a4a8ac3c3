from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.nn.vit import ViT, ViTConfig, fit_square, imagenet

CONFIG = ViTConfig(width=12, depth=2, heads=3, patch=4, registers=2, side=5)


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def filled(config):
    vit = ViT(config)
    for index, parameter in enumerate(vit.parameters()):
        parameter.data = 0.5 * normal(*parameter.shape, key=100 + index)
    return vit.eval().requires_grad_(False)


@given(
    b=st.integers(1, 3),
    h=st.integers(1, 4),
    w=st.integers(1, 4),
    spare=st.integers(0, 3),
    registers=st.integers(0, 2),
)
def test_a_token_for_each_whole_patch_whatever_is_left_over(b, h, w, spare, registers):
    vit = filled(replace(CONFIG, registers=registers))
    image = normal(b, 3, 4 * h, 4 * w + spare)
    tokens = vit(image)
    assert tokens.cls.shape == (b, 12)
    assert tokens.registers.shape == (b, registers, 12)
    assert tokens.patches.shape == (b, h * w, 12)
    torch.testing.assert_close(tokens.patches, vit(image[..., : 4 * w]).patches)


def test_an_image_does_not_see_its_batch():
    vit, images = filled(CONFIG), normal(3, 3, 12, 20)
    whole = vit(images)
    for index, image in enumerate(images):
        torch.testing.assert_close(vit(image[None]).patches[0], whole.patches[index])


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_a_table_of_one_value_stays_that_at_any_size(antialias, offset):
    vit = filled(replace(CONFIG, antialias=antialias, offset=offset))
    vit.position.data[:, 1:] = vit.position.data[:, 1:2]
    for h, w in ((5, 5), (2, 7), (16, 3)):
        positions = vit.positions(h, w)
        assert positions.shape == (1, 1 + h * w, 12)
        torch.testing.assert_close(positions[:, :1], vit.position[:, :1])
        torch.testing.assert_close(positions[:, 1:], vit.position[:, 1:2].expand(-1, h * w, -1))


def test_rows_and_columns_of_the_table_are_not_mixed_up():
    vit = filled(CONFIG)
    row = torch.arange(5.0)[:, None].expand(5, 5)
    vit.position.data[0, 1:] = row.reshape(25, 1).expand(-1, 12)
    table = vit.positions(5, 9)[0, 1:, 0].view(5, 9)
    assert (table.diff(dim=0) > 0).all()
    torch.testing.assert_close(table, table[:, :1].expand(5, 9))


def test_the_offset_moves_the_positions_that_are_read():
    size = (3, 4)
    tables = [filled(replace(CONFIG, offset=o)).positions(*size) for o in (0.0, 0.1)]
    assert (tables[0] - tables[1]).abs().max() > 1e-3


def test_a_masked_patch_is_not_seen():
    vit, image = filled(CONFIG), normal(1, 3, 8, 12)
    masked = torch.tensor([[False, True, False, False, False, False]])
    other = image.clone()
    other[..., :4, 4:8] = 7.0  # the pixels of that patch
    torch.testing.assert_close(vit(image, masked).patches, vit(other, masked).patches)
    assert (vit(image).patches - vit(other).patches).abs().max() > 1e-3


def test_too_small_an_image_says_so():
    with pytest.raises(UserError, match="at least 4x4 pixels, got"):
        ViT(CONFIG)(normal(1, 3, 3, 8))


def test_imagenet_statistics_become_zero_and_one():
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    torch.testing.assert_close(imagenet(mean), torch.zeros(1, 3, 1, 1))
    torch.testing.assert_close(imagenet(mean + deviation), torch.ones(1, 3, 1, 1))


def test_fitting_averages_whole_blocks_and_leaves_a_fitting_image_alone():
    image = normal(2, 3, 8, 8)
    assert torch.equal(fit_square(image, 8), image)
    doubled = image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(fit_square(doubled, 8), image)
    flat = torch.full((1, 3, 19, 33), 0.25)
    torch.testing.assert_close(fit_square(flat, 8), torch.full((1, 3, 8, 8), 0.25))
