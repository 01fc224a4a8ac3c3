"""ZipMo's published keys <-> ours."""

from typing import Literal

from kinecast.encoders.dinov2_keys import ORIGINAL, vit_keys
from kinecast.nn.vit import ViTConfig
from kinecast.released.rules import Rule, both
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.vae import VAEConfig

Norm = Literal["learned", "by time"]
Rope = Literal["space-time", "axial"]
PLANNER_IMAGE = "img_embedder.model."  # DINOv2, in every file that holds a VAE or a planner


def vae_rules(config: VAEConfig, theirs: str = "", ours: str = "vae.") -> list[Rule]:
    """Keys of the VAE without its DINOv2."""
    e, d = f"{theirs}encoder", f"{theirs}decoder"
    rules = [
        Rule(f"{e}.query_pos", (f"{ours}position",), ones=1),
        Rule(f"{e}.reg_pos", (f"{ours}register_position",), ones=2),
        Rule(f"{e}.pos_cross", (f"{ours}image_position",)),
        Rule(f"{d}.pos_cross", (f"{ours}image_position",)),
        Rule(f"{e}.query_token", (f"{ours}latent",), ones=2),
        Rule(f"{e}.reg_token", (f"{ours}register",), ones=2),
        Rule(f"{d}.decode_token", (f"{ours}query",), ones=2),
        Rule(f"{d}.trajs_out.0.scale", (f"{ours}head.0.weight",)),
        *coordinate_rules(f"{e}.trajs_in", f"{ours}embed"),
        *both(f"{e}.to_mean", f"{ours}mean"),
        *both(f"{e}.to_logvar", f"{ours}logvar"),
        *both(f"{d}.latents_in", f"{ours}from_latent"),
        *(rule for i in (1, 3, 5) for rule in both(f"{d}.trajs_out.{i}", f"{ours}head.{i}")),
    ]
    for half, depth in (("encoder", config.encoder_depth), ("decoder", config.decoder_depth)):
        for i in range(depth):
            rules += layer_rules(f"{theirs}{half}.backbone.{i}", f"{ours}{half}.{i}")
    return rules


def planner_rules(config: PlannerConfig, theirs: str = "", ours: str = "planner.") -> list[Rule]:
    """Keys of a poke planner without its VAE and DINOv2."""
    rules = trunk_rules(theirs, ours) + coordinate_rules(f"{theirs}track_cond_emb", f"{ours}poke")
    for i in range(config.depth):
        rules += layer_rules(f"{theirs}backbone.{i}", f"{ours}layers.{i}", norm="by time")
    return rules


def trunk_rules(theirs: str, ours: str) -> list[Rule]:
    """Keys that every planner has beside its layers."""
    return [
        Rule(f"{theirs}learnable_emb_dino", (f"{ours}image_offset",)),
        Rule(f"{theirs}time_emb.weight", (f"{ours}time.frequency",)),
        weight(f"{theirs}time_in_proj", f"{ours}time.embed"),
        Rule(f"{theirs}mapping.in_norm.scale", (f"{ours}time.mlp.0.weight",)),
        *feed_forward_rules(f"{theirs}mapping.blocks.0", f"{ours}time.mlp.1"),
        *feed_forward_rules(f"{theirs}mapping.blocks.1", f"{ours}time.mlp.2"),
        Rule(f"{theirs}mapping.out_norm.scale", (f"{ours}time.mlp.3.weight",)),
        weight(f"{theirs}in_proj.proj", f"{ours}embed"),
        weight(f"{theirs}in_proj.cond_proj", f"{ours}image"),
        weight(f"{theirs}out_proj.proj", f"{ours}out"),
    ]


def image_rules(config: ViTConfig, theirs: str, ours: str = "image.") -> list[Rule]:
    """Keys of one copy of DINOv2."""
    return [
        Rule(theirs + published, (ours + key,))
        for key, (published,) in vit_keys(config, ORIGINAL).items()
    ]


def layer_rules(
    theirs: str,
    ours: str,
    norm: Norm = "learned",
    own: Rope = "space-time",
    cross: Rope | Literal["unturned"] | None = "space-time",
) -> list[Rule]:
    """Keys of a layer.

    Args:
        theirs, ours: what its keys begin with.
        norm: what scales the norms.
        own, cross: the rotary positions of self- and of cross-attention; a cross-attention may have
            none, and a layer may have no cross-attention (None).
    """
    a, x, f = f"{theirs}.self_attn", f"{theirs}.cross_attn", f"{theirs}.ff"
    rules = [
        Rule(f"{a}.scale", (f"{ours}.self.op.temperature",)),
        norm_rule(f"{a}.norm", f"{ours}.self", norm),
        weight(f"{a}.qkv_proj", f"{ours}.self.op.qkv"),
        weight(f"{a}.out_proj", f"{ours}.self.op.out"),
        *rope_rules(f"{a}.pos_emb", f"{ours}.self.op.rope", own),
        norm_rule(f"{f}.norm", f"{ours}.mlp", norm),
        weight(f"{f}.up_proj", f"{ours}.mlp.op.up"),
        weight(f"{f}.down_proj", f"{ours}.mlp.op.down"),
    ]
    if cross is None:
        return rules
    rules += [
        Rule(f"{x}.scale", (f"{ours}.cross.op.temperature",)),
        norm_rule(f"{x}.norm", f"{ours}.cross", norm),
        Rule(f"{x}.norm_cross.scale", (f"{ours}.cross.op.context_norm.weight",)),
        weight(f"{x}.q_proj", f"{ours}.cross.op.query"),
        weight(f"{x}.kv_proj", f"{ours}.cross.op.key_value"),
        weight(f"{x}.out_proj", f"{ours}.cross.op.out"),
    ]
    if cross != "unturned":
        rules += rope_rules(f"{x}.pos_emb", f"{ours}.cross.op.rope", cross)
    return rules


def rope_rules(theirs: str, ours: str, rope: Rope) -> list[Rule]:
    """Keys of rotary positions."""
    if rope == "axial":
        return [Rule(f"{theirs}.freqs", (f"{ours}.frequency",))]
    return [
        Rule(f"{theirs}.yx_freqs", (f"{ours}.yx",)),
        Rule(f"{theirs}.t_freqs", (f"{ours}.time",)),
    ]


def norm_rule(theirs: str, ours: str, norm: Norm) -> Rule:
    """The scale of a branch's norm, or the matrix that makes it of the time code."""
    if norm == "learned":
        return Rule(f"{theirs}.scale", (f"{ours}.norm.weight",))
    return weight(f"{theirs}.linear", f"{ours}.modulate.linear")


def feed_forward_rules(theirs: str, ours: str) -> list[Rule]:
    """Keys of a feed-forward block of its own."""
    return [
        norm_rule(f"{theirs}.norm", ours, "learned"),
        weight(f"{theirs}.up_proj", f"{ours}.op.up"),
        weight(f"{theirs}.down_proj", f"{ours}.op.down"),
    ]


def coordinate_rules(theirs: str, ours: str) -> list[Rule]:
    """Keys of an embedding of coordinates."""
    rules = [Rule(f"{theirs}.coeffs", (f"{ours}.frequency",))]
    for i in (0, 1):
        rules += feed_forward_rules(f"{theirs}.mlp.{i}", f"{ours}.mlp.{i}")
    return rules


def weight(theirs: str, ours: str) -> Rule:
    """The weight of a module without a bias."""
    return Rule(f"{theirs}.weight", (f"{ours}.weight",))
