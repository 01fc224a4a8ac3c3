import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.encoders.dinov2 import DinoV2, resize, vit_config
from kinecast.encoders.dinov2_keys import ORIGINAL, OURS, TRANSFORMERS, find_vit, to_vit, vit_keys
from kinecast.encoders.load import image_encoder, text_encoder, video_encoder
from kinecast.nn.vit import ViT, ViTConfig, imagenet

LAYOUTS = {"original": ORIGINAL, "transformers": TRANSFORMERS, "ours": OURS}


def filled(config):
    vit = ViT(config).eval().requires_grad_(False)
    for index, parameter in enumerate(vit.parameters()):
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator(index))
    return vit


def published(vit, layout, prefix=""):
    """The state of a ViT under the keys of a layout."""
    state = vit.state_dict()
    return {
        prefix + theirs: value.contiguous()
        for ours, parts in vit_keys(vit.config, layout).items()
        for theirs, value in zip(parts, state[ours].chunk(len(parts)), strict=True)
    }


def pixels(count=2, H=30, W=45):
    return torch.randint(256, (count, H, W, 3), dtype=torch.uint8, generator=generator(7))


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_network_back(layout, registers):
    vit = filled(ViTConfig(width=64, depth=2, heads=1, registers=registers, side=3))
    tensors = published(vit, layout, prefix="vae.img_embedder.model.")
    found, prefix = find_vit(["other.weight", *tensors])
    inner = {key.removeprefix(prefix): value for key, value in tensors.items()}
    config = vit_config(inner, found, heads=None)
    assert found is layout
    assert (config.width, config.depth, config.heads, config.patch) == (64, 2, 1, 14)
    assert (config.registers, config.side) == (registers, 3)
    state = to_vit(vit_keys(config, found), inner)
    assert state.keys() == vit.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in vit.state_dict().items())


@pytest.mark.parametrize("layout", [ORIGINAL, OURS], ids=["original", "ours"])
def test_tokens_come_from_a_file_alone_without_any_package(tmp_path, layout):
    vit = filled(ViTConfig(width=64, depth=1, heads=1, registers=4, side=3, antialias=True))
    file = tmp_path / "zipmo_vae.safetensors"
    save_file({"decoder.x": torch.zeros(2), **published(vit, layout, "image.")}, file)
    encoder = DinoV2(file)
    image = pixels()
    expected = vit(imagenet(image.permute(0, 3, 1, 2) / 255.0)).patches
    torch.testing.assert_close(encoder.encode(image), expected)
    assert encoder.encode(image).shape == (2, 2 * 3, encoder.width)
    assert len(encoder.digest) == 64


def test_a_size_is_part_of_the_name_and_of_the_tokens(tmp_path):
    vit = filled(ViTConfig(width=64, depth=1, heads=1, side=3))
    file = tmp_path / "weights.safetensors"
    save_file(published(vit, ORIGINAL), file)
    native, fitted = DinoV2(file), DinoV2(file, size=(56, 28))
    assert native.name != fitted.name
    assert fitted.encode(pixels()).shape == (2, 4 * 2, 64)
    bigger = resize(pixels().permute(0, 3, 1, 2), (56, 28)).permute(0, 2, 3, 1)
    torch.testing.assert_close(fitted.encode(pixels()), native.encode(bigger))


def test_resizing_agrees_with_pillow_to_a_level():
    pillow = pytest.importorskip("PIL.Image", reason="pillow comes with the extra viz")
    image = pixels(1, 61, 90)
    ours = resize(image.permute(0, 3, 1, 2), (40, 28))[0].permute(1, 2, 0)
    theirs = pillow.fromarray(image[0].numpy()).resize((40, 28), pillow.Resampling.BICUBIC)
    assert abs(ours.int().numpy() - np.asarray(theirs, int)).max() <= 1


def transformers_folder(folder, vit, **changes):
    folder.mkdir(parents=True)
    config = {"num_attention_heads": vit.config.heads, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(published(vit, TRANSFORMERS), folder / "model.safetensors")
    return folder


def test_a_folder_tells_the_heads(tmp_path):
    vit = filled(ViTConfig(width=24, depth=2, heads=3, side=3))
    encoder = DinoV2(transformers_folder(tmp_path / "x", vit))
    assert encoder.vit.config == vit.config
    expected = vit(imagenet(pixels().permute(0, 3, 1, 2) / 255.0)).patches
    torch.testing.assert_close(encoder.encode(pixels()), expected)


def test_an_imported_zipmo_lends_its_own(tmp_path):
    vit = filled(ViTConfig(24, depth=1, heads=2, registers=4, side=3, antialias=True))
    about = {"system": "zipmo", "model": {"image": {"heads": 2}}}
    (tmp_path / "config.json").write_text(json.dumps(about))
    tensors = {"vae.mean.weight": torch.zeros(2), **published(vit, OURS, "image.")}
    save_file(tensors, tmp_path / "model.safetensors")
    assert DinoV2(tmp_path).vit.config == vit.config


def test_a_name_finds_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    vit = filled(ViTConfig(width=24, depth=1, heads=3, side=3))
    transformers_folder(tmp_path / "encoders" / "dinov2-large", vit)
    assert image_encoder("dinov2-large").width == 24


@pytest.mark.parametrize("load", [image_encoder, text_encoder, video_encoder])
def test_an_unknown_name_says_which_there_are(load):
    with pytest.raises(UserError, match=r"expected an encoder of .* got 'dino'"):
        load("dino")


def test_what_is_not_dinov2_says_so(tmp_path):
    vit = filled(ViTConfig(width=24, depth=1, heads=3, side=3))
    file = tmp_path / "a.safetensors"
    save_file({"weight": torch.zeros(2)}, file)
    with pytest.raises(UserError, match="expected the weights of DINOv2, got 1 other"):
        DinoV2(file)
    tensors = published(vit, ORIGINAL)
    save_file({**tensors, "blocks.0.mlp.w12.weight": torch.zeros(2)}, file)
    with pytest.raises(UserError, match="small, base or large, got the giant"):
        DinoV2(file)
    renamed = {k.replace("fc1", "fc9"): v for k, v in tensors.items()}
    (tmp_path / "config.json").write_text('{"num_attention_heads": 3}')
    save_file(renamed, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"2 missing .*fc1.* 2 unexpected .*fc9"):
        DinoV2(tmp_path)
    del tensors["pos_embed"]
    save_file(tensors, file)
    with pytest.raises(UserError, match="got none with 'pos_embed'"):
        DinoV2(file)
    save_file(published(vit, ORIGINAL), file)
    with pytest.raises(UserError, match=r"config\.json tells the heads, got 24 channels"):
        DinoV2(file)
    file.write_bytes(b"damaged")
    with pytest.raises(UserError, match="expected safetensors at"):
        DinoV2(file)
