"""The published checkpoints, by the names and shapes of their tensors: every key has its place."""

import json
from pathlib import Path

import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.released import trajloom_keys
from kinecast.released.rules import to_published
from kinecast.released.trajloom_dense import DenseVAE
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.vae import VAEConfig
from kinecast.systems.trajloom.visibility import VisibilityConfig, VisibilityPredictor

CASES = Path(__file__).parent / "cases" / "trajloom"
SHAPES = json.loads((CASES / "published_state_dict_shapes.json").read_text())


def shapes(rules, network):
    state = to_published(rules, network.state_dict())
    return {name: list(value.shape) for name, value in state.items()}


def test_generator():
    config = GeneratorConfig()
    with torch.device("meta"):
        network = Generator(config)
    assert sum(p.numel() for p in network.parameters()) == 244_461_354
    assert shapes(trajloom_keys.generator_rules(config), network) == SHAPES["generator"]


def test_vae():
    with torch.device("meta"):
        network = DenseVAE(VAEConfig(), patch=32)
    assert shapes(trajloom_keys.vae_rules(network), network) == SHAPES["vae"]


def test_visibility():
    config = VisibilityConfig()
    network = VisibilityPredictor(config)
    assert sum(p.numel() for p in network.parameters()) == 38_209
    assert shapes(trajloom_keys.visibility_rules(config), network) == SHAPES["visibility"]


def test_options_leave_out_the_keys_they_leave_out():
    section = {
        "hidden_size": 16,
        "num_heads": 2,
        "depth": 2,
        "input_height": 16,
        "input_width": 24,
        "use_text_cond": False,
        "use_video_cond": False,
        "spatial_ctx_mode": "none",
        "track_fusion": "none",
        "track_fusion_use_time_gate": False,
    }
    config = trajloom_keys.generator_config(section)
    network = Generator(config)
    published = shapes(trajloom_keys.generator_rules(config), network)
    assert not [key for key in published if "text" in key or "video" in key or "gate" in key]
    assert published["blocks.0.xattn.kv.weight"] == [32, 16]  # stored by the authors, unused
    assert published["blocks.0.adaLN.1.weight"] == [144, 16]
    assert published["pos_embed"] == [1, 6, 16]


def test_unknown_configuration_keys_are_refused():
    with pytest.raises(UserError, match="hidden_sise"):
        trajloom_keys.generator_config({"hidden_sise": 16})
    with pytest.raises(UserError, match="layers"):
        trajloom_keys.visibility_config({"layers": 3})
