"""Files of LIBERO planners and policies: read, and written back as they were."""

from dataclasses import replace

import pytest
import torch

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.nn.vit import ViTConfig
from kinecast.released import zipmo_files, zipmo_policy
from kinecast.released.released import Released
from kinecast.systems.registry import build
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.policy import PolicyConfig
from kinecast.systems.zipmo.vae import VAEConfig

VAE = VAEConfig(32, 2, 64, encoder_depth=1, decoder_depth=1, channels=4, grid=(1, 3, 3))
PLANNER = LiberoConfig(48, 3, 2, 64, 32, 2, 1, 16, 4)
POLICY = PolicyConfig(width=32, heads=2, depth=1, horizon=3, channels=4)
IMAGE = ViTConfig(64, depth=1, heads=1, registers=4, side=3, antialias=True)
PLAIN = ZipMoLiberoConfig(replace(VAE, image_grid=(3, 3)), IMAGE, planner=PLANNER)
CONFIGS = {
    "atm": PLAIN,
    "tramoe": replace(PLAIN, planner=replace(PLANNER, start_time=True)),
    "atm policy": replace(PLAIN, policy=POLICY),
    "tramoe policy": replace(PLAIN, planner=replace(PLANNER, start_time=True), policy=POLICY),
    "two images": replace(PLAIN, two_images=True, policy=POLICY),
    "no image": replace(PLAIN, image=None),
}


def published(config):
    """A file as the authors would have written it, with a poke embedding that no one uses."""
    system = ZipMoLibero(config)
    for index, tensor in enumerate(system.parameters()):
        tensor.data = torch.randn(tensor.shape, generator=rng.generator(index))
    released = Released("zipmo-libero", system.to_config(), system.state_dict())
    (tensors,) = zipmo_files.write(released).values()
    for key in tensors:
        if "track_cond_emb" in key:
            tensors[key] = torch.randn(tensors[key].shape, generator=rng.generator(7))
    return tensors


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_file_tells_its_configuration_and_comes_back_equal(config):
    tensors = published(config)
    released = zipmo_files.read({"any.safetensors": tensors}, {})
    model = build({"format": 1, "system": released.system, "model": dict(released.model)})
    model.load_state_dict(released.state)
    assert model.config == config
    (back,) = zipmo_files.write(released).values()
    assert back.keys() == tensors.keys()
    for key, value in tensors.items():
        if "track_cond_emb" not in key:  # kept beside the weights by `conversion`
            assert torch.equal(back[key], value), key


def test_a_file_holds_what_the_facts_list():
    keys = set(published(CONFIGS["tramoe policy"]))
    planner = "track_predictor."
    for key in (
        "learned_action_queries",
        "policy_net.0.cross_attn.pos_emb.freqs",
        planner + "start_t_mapping.mlp.1.down_proj.weight",
        planner + "track_cond_emb.coeffs",
        planner + "text_encoder.0.self_attn.pos_emb.freqs",
        planner + "backbone.1.self_attn.pos_emb.yx_freqs",
        planner + "vae.encoder.query_pos",
        planner + "vae.img_embedder.model.register_tokens",
        planner + "img_embedder.model.mask_token",
    ):
        assert key in keys
    assert planner + "backbone.0.cross_attn.pos_emb.yx_freqs" not in keys
    assert not any(key.startswith(("start_t_mapping", "backbone")) for key in keys)


@pytest.mark.parametrize(
    ("start_time", "policy", "tensors", "numel"),
    [
        (False, None, 1218, 918_591_725),
        (True, None, 1225, 929_210_477),
        (False, PolicyConfig(), 1316, 979_407_485),
        (True, PolicyConfig(), 1323, 990_026_237),
    ],
    ids=["atm", "tramoe", "atm policy", "tramoe policy"],
)
def test_published_files_have_their_published_sizes(start_time, policy, tensors, numel):
    planner = LiberoConfig(start_time=start_time)
    with torch.device("meta"):
        system = ZipMoLibero(ZipMoLiberoConfig(planner=planner, policy=policy))
    released = Released("zipmo-libero", system.to_config(), system.state_dict())
    (file,) = zipmo_files.write(released).values()
    assert (len(file), sum(value.numel() for value in file.values())) == (tensors, numel)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("ca_mask_token"), r"1 missing \(.*ca_mask_token"),
        (lambda t: t.update(extra=torch.zeros(1)), r"1 unexpected \(.*extra"),
        (
            lambda t: t.update({"out_proj.proj.weight": torch.zeros(4, 50)}),
            r"1 misshapen \(.*out_proj.proj.weight: expected \(4, 48\), got \(4, 50\)",
        ),
        (
            lambda t: t.update({"time_emb.wight": t.pop("time_emb.weight")}),
            r"was it renamed to .*time_emb\.wight",
        ),
    ],
    ids=["missing", "unexpected", "misshapen", "renamed"],
)
def test_what_is_wrong_with_a_file_is_named(change, message):
    tensors = published(CONFIGS["atm"])
    change(tensors)
    with pytest.raises(UserError, match=message):
        zipmo_policy.read({"any": tensors}, {})


def test_no_options_and_one_file():
    tensors = published(CONFIGS["no image"])
    with pytest.raises(UserError, match=r"expected no options .* got pokes"):
        zipmo_policy.read({"any": tensors}, {"pokes": "3"})
    with pytest.raises(UserError, match="expected one file of ZipMo, got 2: a, b"):
        zipmo_policy.read({"a": tensors, "b": tensors}, {})
