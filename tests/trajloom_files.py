"""A small model in the authors' layout: three files with random tensors, and their settings."""

import json

import torch

from kinecast.core.rng import generator
from kinecast.released import trajloom_keys as keys
from kinecast.released.rules import to_published
from kinecast.released.trajloom_dense import DenseVAE
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.visibility import VisibilityPredictor

GRID, PATCH, FRAMES = (2, 3), 8, 9
FRAME = (PATCH * GRID[1], PATCH * GRID[0])  # (W, H)
SIZES = {"input_height": FRAME[1], "input_width": FRAME[0], "patch_size": PATCH}
CONFIG = {
    "generator": {
        **SIZES,
        **{"latent_channels": 4, "num_frames_latent": 3, "hidden_size": 16, "num_heads": 2},
        **{"depth": 2, "video_latent_channels": 4, "text_embed_dim": 8, "num_frames_in": FRAMES},
        **{"spatial_ctx_pool": 1, "use_hist_vis_cond": True, "video_ctx_mode": "concat"},
    },
    "trajloom_vae": {
        "config": {
            **SIZES,
            **{"encoder_depth": 2, "decoder_depth": 2, "hidden_size": 16, "num_heads": 2},
            **{"latent_channels": 4, "num_frames_in": FRAMES, "use_temp_compress": True},
            **{"temp_stride": 4, "use_offsets": True, "pos_embed_dim": 8},
        }
    },
}
PREDICTOR = {"predictor": {"latent_channels": 4, "hidden": 8, "depth": 2}}
STATS = {"z_all": {"per_channel": {"mean": [0.1, -0.2, 0.3, 0.0], "std": [1.0, 2.0, 0.5, 1.5]}}}
ANCHOR = "offset_anchor_grid"  # the one tensor whose values are fixed


def tensors(dtype=torch.float32):
    """The authors' three state dicts, every number random."""
    config, patch, _ = keys.vae_config(CONFIG["trajloom_vae"]["config"])
    vae = DenseVAE(config, patch)
    flow = Generator(keys.generator_config(CONFIG["generator"]))
    predictor = VisibilityPredictor(keys.visibility_config(PREDICTOR["predictor"]))
    states = {
        "trajloom_vae.pt": to_published(keys.vae_rules(vae), vae.state_dict()),
        "trajloom_generator.pt": to_published(keys.generator_rules(flow.config), flow.state_dict()),
        "visibility_predictor.pt": to_published(
            keys.visibility_rules(predictor.config), predictor.state_dict()
        ),
    }
    draws = generator(7)
    return {
        file: {
            key: value.to(dtype).contiguous()
            if key == ANCHOR
            else (0.3 * torch.randn(value.shape, generator=draws)).to(dtype)
            for key, value in state.items()
        }
        for file, state in states.items()
    }


def settings(folder):
    """The options of `import-weights` for this model, as files in a folder."""
    options = {}
    for name, content in (("config", CONFIG), ("predictor", PREDICTOR), ("stats", STATS)):
        options[name] = str(folder / f"{name}.json")
        (folder / f"{name}.json").write_text(json.dumps(content))
    return options


def save(folder, states):
    """The files as plain state dicts; returns their paths."""
    for name, state in states.items():
        torch.save(state, folder / name)
    return [folder / name for name in states]
