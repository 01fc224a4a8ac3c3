"""TrajLoom's published configurations and keys <-> ours, network by network."""

from collections.abc import Mapping
from typing import Any, Literal

import torch

from kinecast.core.errors import UserError
from kinecast.released.rules import Rule, both
from kinecast.released.trajloom_dense import DenseVAE
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.vae import VAEConfig
from kinecast.systems.trajloom.visibility import VisibilityConfig

# What the authors' loader assumes for keys that a configuration leaves out.
GENERATOR_DEFAULTS: dict[str, Any] = {
    "latent_channels": 16,
    "num_frames_latent": 21,
    "input_height": 480,
    "input_width": 832,
    "patch_size": 8,
    "hidden_size": 384,
    "num_heads": 6,
    "depth": 12,
    "mlp_ratio": 4.0,
    "dropout": 0.0,
    "video_latent_channels": 16,
    "use_video_cond": True,
    "text_embed_dim": 4096,
    "use_text_cond": True,
    "num_frames_in": 81,
    "latent_time_stride": 4,
    "use_overlap": False,
    "temporal_first": True,
    "spatial_ctx_mode": "pooled_last",
    "spatial_ctx_pool": 8,
    "spatial_ctx_last_k": 1,
    "spatial_ctx_include_video": True,
    "video_ctx_mode": "sum",
    "track_fusion": "add_last_plus_vel",
    "track_fusion_scale_init": 0.2,
    "track_fusion_use_time_gate": True,
    "video_fusion": "none",
    "video_fusion_scale_init": 0.05,
    "use_hist_vis_cond": False,
    "hist_vis_scale_init": 1.0,
}
SPATIAL_CONTEXT: dict[str, Literal["last", "mean", "none"]] = {
    "pooled_last": "last",
    "time_mean": "mean",
    "none": "none",
}
FUSION: dict[str, Literal["last+velocity", "last", "none"]] = {
    "add_last_plus_vel": "last+velocity",
    "add_last": "last",
    "none": "none",
}


def generator_config(section: Mapping[str, Any]) -> GeneratorConfig:
    """The `generator` section of a published configuration.

    Raises:
        UserError: an unknown key.
    """
    unknown = sorted(section.keys() - GENERATOR_DEFAULTS.keys())
    if unknown:
        raise UserError(f"expected a TrajLoom generator configuration, got unknown keys {unknown}")
    c = GENERATOR_DEFAULTS | dict(section)
    time_first = c["temporal_first"]
    return GeneratorConfig(
        latent_channels=c["latent_channels"],
        latent_steps=c["num_frames_latent"],
        history_channels=c["latent_channels"],
        video_channels=c["video_latent_channels"] if c["use_video_cond"] else None,
        text_channels=c["text_embed_dim"] if c["use_text_cond"] else None,
        visibility=c["use_hist_vis_cond"],
        grid=(c["input_height"] // c["patch_size"], c["input_width"] // c["patch_size"]),
        width=c["hidden_size"],
        heads=c["num_heads"],
        depth=c["depth"],
        mlp_ratio=float(c["mlp_ratio"]),
        mixing=("time", "space") if time_first else ("space", "time"),
        spatial_context=SPATIAL_CONTEXT[c["spatial_ctx_mode"]],
        spatial_pool=c["spatial_ctx_pool"],
        spatial_last=c["spatial_ctx_last_k"],
        spatial_video=c["spatial_ctx_include_video"],
        video_context=c["video_ctx_mode"],
        fusion=FUSION[c["track_fusion"]],
        fusion_gate=c["track_fusion_use_time_gate"],
        fusion_scale=c["track_fusion_scale_init"],
        video_fusion=c["video_fusion"] != "none",
        frame_stride=c["latent_time_stride"],
        future_start=c["num_frames_in"] - int(c["use_overlap"]),
    )


def generator_rules(config: GeneratorConfig) -> list[Rule]:
    """Keys of the generator; published blocks are paired, even along space, odd along time."""
    rules = [
        *both("in_proj", "embed"),
        *both("time_mlp.0", "time.0"),
        *both("time_mlp.2", "time.2"),
        *both("out_proj", "out"),
        *both("hist_track_proj", "history.track"),
        *both("track_global_proj", "history.track_global"),
        Rule("beta_track_cond", ("history.track_global_scale",)),
        Rule("pos_embed", ("history.position",), ones=1),
        Rule("seg_embed", ("history.segment",)),
    ]
    if config.visibility:
        rules += both("hist_vis_proj", "history.visibility")
        rules += [Rule("alpha_hist_vis", ("history.visibility_scale",))]
    if config.video_channels is not None:
        rules += both("hist_video_proj", "history.video")
        rules += both("video_global_proj", "history.video_global")
        rules += [Rule("alpha_video_ctx", ("history.video_scale",))]
        rules += [Rule("beta_video_cond", ("history.video_global_scale",))]
    if config.text_channels is not None:
        rules += both("text_proj", "history.text")
    fuses = config.fusion != "none"
    rules += [_maybe("track_fusion_scale", "history.fusion_scale", fuses, torch.tensor(0.0))]
    gates = config.fusion_gate and (fuses or config.video_fusion)
    if config.fusion_gate:
        closed = torch.zeros(config.latent_steps)
        rules += [_maybe("track_fusion_gate_logit", "history.fusion_gate", gates, closed)]
    if config.video_fusion:
        rules += [Rule("video_fusion_scale", ("history.video_fusion_scale",))]
    for ours, axis in enumerate(config.axes):
        published = ours - ours % 2 + (axis == "time")
        rules += _block_rules(f"blocks.{published}", f"blocks.{ours}", config, axis)
    return rules


def _block_rules(published: str, ours: str, config: GeneratorConfig, axis: str) -> list[Rule]:
    rules = [
        *both(f"{published}.attn.qkv", f"{ours}.self.op.op.qkv"),
        *both(f"{published}.attn.proj", f"{ours}.self.op.op.out"),
        *both(f"{published}.mlp.fc1", f"{ours}.mlp.op.up"),
        *both(f"{published}.mlp.fc2", f"{ours}.mlp.op.down"),
    ]
    crosses = axis == "time" or config.spatial_context != "none"
    modulates = [f"{ours}.{name}.modulate.linear" for name in ("self", "cross", "mlp")]
    rules += both(
        f"{published}.adaLN.1", modulates[0], modulates[1] if crosses else None, modulates[2]
    )
    D, zero = config.width, torch.zeros(())
    for theirs, name, rows in (("q", "query", D), ("kv", "key_value", 2 * D), ("proj", "out", D)):
        for leaf, unused in (("weight", zero.expand(rows, D)), ("bias", zero.expand(rows))):
            key = f"{published}.xattn.{theirs}.{leaf}"
            rules.append(_maybe(key, f"{ours}.cross.op.op.{name}.{leaf}", crosses, unused))
    return rules


def _maybe(published: str, ours: str, used: bool, unused: torch.Tensor) -> Rule:
    return Rule(published, (ours,)) if used else Rule(published, unused=unused)


def vae_config(section: Mapping[str, Any]) -> tuple[VAEConfig, int, bool]:
    """The `trajloom_vae.config` section: sizes, patch, and whether it works on offsets.

    Keys that change nothing (`num_frame_tokens`, `beta`, `use_dino`, ...) are passed over.
    """
    c = dict(section)
    patch, compresses = c["patch_size"], c["use_temp_compress"]
    config = VAEConfig(
        grid=(c["input_height"] // patch, c["input_width"] // patch),
        frames=c["num_frames_in"],
        stride=c["temp_stride"] if compresses else 1,
        latent_channels=c["latent_channels"],
        width=c["hidden_size"],
        heads=c["num_heads"],
        mlp_ratio=float(c.get("mlp_ratio", 4.0)),
        encoder_depth=c["encoder_depth"],
        decoder_depth=c["decoder_depth"],
        position_width=c["pos_embed_dim"],
    )
    return config, patch, c["use_offsets"]


def vae_rules(dense: DenseVAE) -> list[Rule]:
    """Keys of the VAE, as stored; `dense` says the sizes."""
    config = dense.config
    rules = [
        Rule("pos_embed", ("position",), ones=1),
        Rule("temp_embed_in", ("time",), ones=1),
        Rule("patch_pos_lff.w", ("fourier.frequency",)),
        *both("patch_pos_lff.mlp.fc1", "fourier_mlp.up"),
        *both("patch_pos_lff.mlp.fc2", "fourier_mlp.down"),
        *both("patch_pos_proj", "fourier_out"),
        *both("x_embedder.proj", "embed"),
        *both("to_latents", "to_latent"),
        *both("from_latents", "from_latent"),
        *both("final_layer", "head"),
    ]
    if config.stride > 1:
        rules += both("temp_compressor.conv", "compress.convolution")
        rules += both("temp_expander.deconv", "expand.convolution")
    if dense.offsets:
        grid = dense.anchor(torch.zeros(()))
        rules += [Rule("offset_anchor_grid", unused=grid, checked=True)]
    for half, depth in (("encoder", config.encoder_depth), ("decoder", config.decoder_depth)):
        for i in range(depth):
            rules += _vae_block_rules(f"{half}_blocks.{i}", f"{half}.{i}", config.width)
    return rules


def _vae_block_rules(published: str, ours: str, width: int) -> list[Rule]:
    return [
        Rule(f"{published}.gate_msa", (f"{ours}.self.modulate.gate",), ones=2),
        Rule(f"{published}.gate_mlp", (f"{ours}.mlp.modulate.gate",), ones=2),
        Rule(f"{published}.norm1.weight", (f"{ours}.self.norm.weight",)),
        Rule(f"{published}.norm2.weight", unused=torch.ones(width)),
        Rule(f"{published}.norm3.weight", (f"{ours}.mlp.norm.weight",)),
        *both(f"{published}.attn.qkv", f"{ours}.self.op.op.qkv"),
        *both(f"{published}.attn.proj", f"{ours}.self.op.op.out"),
        *both(f"{published}.mlp.fc1", f"{ours}.mlp.op.up"),
        *both(f"{published}.mlp.fc2", f"{ours}.mlp.op.down"),
    ]


VISIBILITY_DEFAULTS: dict[str, Any] = {
    "latent_channels": 16,
    "hidden": 64,
    "depth": 3,
    "kernel_size": 3,
    "use_hist_last": False,
    "use_delta_to_hist": False,
}


def visibility_config(section: Mapping[str, Any]) -> VisibilityConfig:
    """The `predictor` section.

    Raises:
        UserError: an unknown key.
    """
    unknown = sorted(section.keys() - VISIBILITY_DEFAULTS.keys())
    if unknown:
        raise UserError(f"expected a TrajLoom predictor configuration, got unknown keys {unknown}")
    c = VISIBILITY_DEFAULTS | dict(section)
    return VisibilityConfig(
        latent_channels=c["latent_channels"],
        width=c["hidden"],
        depth=c["depth"],
        kernel=c["kernel_size"],
        history_last=c["use_hist_last"],
        history_delta=c["use_delta_to_hist"],
    )


def visibility_rules(config: VisibilityConfig) -> list[Rule]:
    """Keys of the visibility predictor."""
    rules = [*both("in_proj", "embed"), *both("out", "out")]
    for i in range(config.depth):
        rules += both(f"temporal_net.{2 * i}", f"convolutions.{i}")
    return rules
