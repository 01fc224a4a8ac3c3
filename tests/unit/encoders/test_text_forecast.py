"""From words and two views to futures: BERT, its cache, and a tiny ZipMo of LIBERO."""

import numpy as np
import pytest
import torch
from tiny_models import filled, needs, word_tokenizer

import kinecast
from kinecast.io.checkpoint import save_checkpoint
from kinecast.nn.vit import ViTConfig
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.vae import VAEConfig

CONFIG = ZipMoLiberoConfig(
    vae=VAEConfig(32, 2, 24, 1, 1, channels=4, grid=(1, 3, 3), image_grid=(3, 3)),
    planner=LiberoConfig(48, 3, 1, 24, 32, 2, 1, 16, 4, start_time=True),
    image=ViTConfig(24, depth=1, heads=2, patch=4, registers=2, side=5, antialias=True),
    frames=6,
)


@pytest.fixture
def model(tmp_path, monkeypatch):
    transformers = needs("transformers")
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    bert = transformers.BertConfig(
        vocab_size=8,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=25,
    )
    filled(transformers.BertModel(bert)).save_pretrained(tmp_path / "bert")
    word_tokenizer(tmp_path / "bert", ("pick", "up", "the", "red", "cube"), "[SEP]")
    system = filled(ZipMoLibero(CONFIG))
    config = {"format": 1, "system": "zipmo-libero", "model": system.to_config()}
    save_checkpoint(tmp_path / "tiny", config, system.state_dict(), "# A card\n")
    return kinecast.load(tmp_path / "tiny", "cpu", text_encoder=tmp_path / "bert")


def test_words_steer_the_points_of_either_view(model, tmp_path):
    draw = np.random.default_rng(0)
    views = [draw.integers(0, 255, (40, 60, 3), np.uint8) for _ in range(2)]

    def futures(text, **options):
        forecast = model.forecast(
            image=views, text=text, episode_step=2, k=2, points=points, **options
        )
        return torch.stack([torch.from_numpy(sample.xy) for sample in forecast])

    points = np.array([[10.0, 5.0], [30.0, 20.0], [50.0, 35.0]], np.float32)
    red = futures("pick up the red cube")
    assert red.shape == (2, 5, 3, 2)
    assert torch.equal(red, futures("pick up the red cube"))
    assert (red - futures("the cube")).abs().max() > 1e-3
    assert (red - futures("pick up the red cube", view=1)).abs().max() > 1e-3
    assert (red - futures("pick up the red cube", guidance=2.0)).abs().max() > 1e-3
    kept = list((tmp_path / "home" / "cache" / "features").rglob("*.safetensors"))
    assert len(kept) == 2  # one for each text
