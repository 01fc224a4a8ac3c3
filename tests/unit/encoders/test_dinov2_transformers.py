import pytest
import torch
from tiny_models import filled, needs

from kinecast.core.rng import generator
from kinecast.encoders.dinov2 import DinoV2
from kinecast.nn.vit import imagenet

KINDS = {"plain": "Dinov2", "registers": "Dinov2WithRegisters"}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def theirs(request):
    transformers = needs("transformers")
    config = getattr(transformers, f"{request.param}Config")(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=70, patch_size=14
    )
    return filled(getattr(transformers, f"{request.param}Model")(config))


@pytest.fixture
def ours(theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    return DinoV2(tmp_path)


@pytest.mark.parametrize("size", [(70, 70), (45, 128), (224, 224)], ids=str)
def test_tokens_agree_with_transformers(theirs, ours, size):
    H, W = size
    pixels = torch.randint(256, (2, H, W, 3), dtype=torch.uint8, generator=generator(1))
    image = imagenet(pixels.permute(0, 3, 1, 2) / 255.0)
    expected = theirs(pixel_values=image).last_hidden_state
    tokens = ours.vit(image)
    assert ours.width == 24
    torch.testing.assert_close(tokens.cls, expected[:, 0], rtol=0, atol=2e-5)
    count = expected.shape[1] - tokens.patches.shape[1]
    torch.testing.assert_close(ours.encode(pixels), expected[:, count:], rtol=0, atol=2e-5)


def test_masked_patches_agree_with_transformers(theirs, ours):
    image = torch.randn(1, 3, 28, 42, generator=generator(2))
    masked = torch.tensor([[True, False, False, True, False, True]])
    expected = theirs(pixel_values=image, bool_masked_pos=masked).last_hidden_state
    tokens = ours.vit(image, masked).patches
    torch.testing.assert_close(tokens, expected[:, -6:], rtol=0, atol=2e-5)
