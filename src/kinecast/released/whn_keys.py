"""Keys of WHN's published networks <-> ours."""

import math

import torch

from kinecast.released.rules import Rule, both
from kinecast.systems.whn.config import DenoiserConfig, VAEConfig


def denoiser_rules(config: DenoiserConfig) -> list[Rule]:
    """Keys of the denoiser; its tables of positions are stored."""
    rules = [
        Rule("pos_embed", ("position",), ones=1),
        Rule("temp_embed", ("time_position",), ones=1),
        Rule("frame_embed", ("image.position",), ones=1),
        *both("x_embedder.proj", "embed"),
        *both("t_embedder.mlp.0", "time.0"),
        *both("t_embedder.mlp.2", "time.2"),
        *both("frame_proj", "image.project"),
        *both("final_layer.linear", "head"),
        *both("final_layer.adaLN_modulation.1", "modulate"),
    ]
    if config.text is not None:
        rules += both("text_embeds_proj.fc1", "text.up") + both("text_embeds_proj.fc2", "text.down")
    if config.point_width is not None:
        factor = torch.tensor(1.0 / math.sqrt(config.point_width), dtype=torch.float64)
        rules += [*_points(), Rule("x_encoder.lff.scale", unused=factor, checked=True)]
    for i in range(config.depth):
        block = f"blocks.{i}"
        modulates = [f"{block}.{branch}.modulate.linear" for branch in ("self", "cross", "mlp")]
        # shift, scale and gate of self-attention; gate of cross-attention; those of the MLP
        rules += both(f"{block}.adaLN_modulation.1", *modulates, shares=(3, 1, 3))
        rules += _operations(block, block)
    return rules


def vae_rules(config: VAEConfig) -> list[Rule]:
    """Keys of the VAE; its tables of positions are stored."""
    rules = [
        Rule("pos_embed", ("position",), ones=1),
        Rule("temp_embed", ("time",), ones=1),
        Rule("frame_embed", ("image.position",), ones=1),
        *_points(),
        *both("x_embedder.proj", "embed"),
        *both("frame_proj", "image.project"),
        *both("to_latents", "to_latent"),
        *both("from_latents", "from_latent"),
        *both("final_layer.linear", "head"),
    ]
    for half, depth in (("encoder", config.encoder_depth), ("decoder", config.decoder_depth)):
        for i in range(depth):
            published, ours = f"{half}_blocks.{i}", f"{half}.{i}"
            rules += _operations(published, ours)
            for gate, norm, branch in (("msa", 1, "self"), ("mxa", 2, "cross"), ("mlp", 3, "mlp")):
                stem = f"{ours}.{branch}"
                rules += [
                    Rule(f"{published}.gate_{gate}", (f"{stem}.modulate.gate",), ones=2),
                    Rule(f"{published}.norm{norm}.weight", (f"{stem}.norm.weight",)),
                ]
    return rules


def _points() -> list[Rule]:
    return [
        Rule("x_encoder.lff.w", ("points.fourier.frequency",)),
        *both("x_encoder.lff.mlp.0", "points.mlp.0"),
        *both("x_encoder.lff.mlp.3", "points.mlp.2"),
    ]


def _operations(published: str, ours: str) -> list[Rule]:
    rules = [
        *both(f"{published}.mlp.fc1", f"{ours}.mlp.op.up"),
        *both(f"{published}.mlp.fc2", f"{ours}.mlp.op.down"),
    ]
    for theirs, name in (("attn", "self.op.op"), ("xattn", "cross.op")):
        theirs, name = f"{published}.{theirs}", f"{ours}.{name}"
        rules += both(f"{theirs}.q", f"{name}.query")
        rules += both(f"{theirs}.kv", f"{name}.key_value")
        rules += both(f"{theirs}.proj", f"{name}.out")
        rules += [
            Rule(f"{theirs}.q_norm.weight", (f"{name}.query_norm.weight",)),
            Rule(f"{theirs}.k_norm.weight", (f"{name}.key_norm.weight",)),
        ]
    return rules
