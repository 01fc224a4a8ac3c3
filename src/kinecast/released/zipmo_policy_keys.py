"""Published keys of ZipMo's LIBERO planners and policies <-> ours."""

import torch

from kinecast.released.rules import Rule, both
from kinecast.released.zipmo_keys import coordinate_rules, layer_rules, trunk_rules, weight
from kinecast.released.zipmo_sizes import Part, common, depth, part
from kinecast.systems.zipmo.fourier import CoordinateEmbedding
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.policy import PolicyConfig

START_TIME = "start_t_mapping."


def libero_config(tensors: Part) -> LiberoConfig:
    """Of a LIBERO planner's tensors.

    Raises:
        UserError: tensors are missing.
    """
    layers, text = part(tensors, "backbone."), part(tensors, "text_encoder.")
    return LiberoConfig(
        width=common(layers, (".out_proj.weight", 0), (".q_proj.weight", 0)),
        heads=common(layers, (".self_attn.scale", 0), (".cross_attn.scale", 0)),
        depth=depth(tensors, "backbone"),
        image_width=common(tensors, ("in_proj.cond_proj.weight", 1), ("learnable_emb_dino", 1)),
        text_width=common(text, (".out_proj.weight", 0), (".self_attn.norm.scale", 0)),
        text_heads=common(text, (".self_attn.scale", 0)),
        text_depth=depth(tensors, "text_encoder"),
        time_width=common(layers, (".norm.linear.weight", 1)),
        channels=common(tensors, ("in_proj.proj.weight", 1), ("out_proj.proj.weight", 0)),
        views=common(tensors, ("learnable_emb_dino", 0), ("learnable_emb_grid_tokens", 0)),
        start_time=any(key.startswith(START_TIME) for key in tensors),
    )


def policy_config(tensors: Part, views: int) -> PolicyConfig:
    """Of a policy's tensors; its planner says the views.

    Raises:
        UserError: tensors are missing.
    """
    layers = part(tensors, "policy_net.")
    return PolicyConfig(
        width=common(layers, (".out_proj.weight", 0), (".q_proj.weight", 0)),
        heads=common(layers, (".self_attn.scale", 0), (".cross_attn.scale", 0)),
        depth=depth(tensors, "policy_net"),
        horizon=common(tensors, ("learned_action_queries", 1)),
        actions=common(tensors, ("policy_out_proj.proj.weight", 0)),
        proprioception=common(tensors, ("proprio_embedder.weight", 1)),
        channels=common(tensors, ("track_embedder.weight", 1)),
        views=views,
    )


def libero_rules(config: LiberoConfig, theirs: str = "", ours: str = "planner.") -> list[Rule]:
    """Keys of a LIBERO planner without its VAE and DINOv2."""
    rules = [
        *trunk_rules(theirs, ours),
        *_pokes(config.text_width, theirs),
        Rule(f"{theirs}learnable_emb_grid_tokens", (f"{ours}view",)),
        Rule(f"{theirs}ca_mask_token", (f"{ours}no_text",)),
    ]
    if config.start_time:
        rules += coordinate_rules(f"{theirs}start_t_mapping", f"{ours}start")
    for i in range(config.depth):
        rules += layer_rules(
            f"{theirs}backbone.{i}", f"{ours}layers.{i}", norm="by time", cross="unturned"
        )
    for i in range(config.text_depth):
        rules += layer_rules(
            f"{theirs}text_encoder.{i}", f"{ours}text.{i}", own="axial", cross=None
        )
    return rules


def _pokes(width: int, theirs: str) -> list[Rule]:
    """An embedding of pokes that files hold and no LIBERO planner uses: text took its place."""
    with torch.device("meta"):
        like = CoordinateEmbedding(3, width, 1.0).state_dict()
    zero = torch.zeros(())
    return [
        Rule(rule.published, unused=zero.expand(like[key].shape))
        for rule in coordinate_rules(f"{theirs}track_cond_emb", "")
        for key in (str(rule.ours[0]).removeprefix("."),)
    ]


def policy_rules(config: PolicyConfig, ours: str = "head.") -> list[Rule]:
    """Keys of a policy without its planner."""
    rules = [
        Rule("learned_action_queries", (f"{ours}query",)),
        Rule("learnable_modality_emb", (f"{ours}modality",)),
        weight("policy_in_proj.proj", f"{ours}embed"),
        weight("policy_out_proj.proj", f"{ours}out"),
        *both("track_embedder", f"{ours}track"),
        *both("proprio_embedder", f"{ours}proprioception"),
    ]
    for i in range(config.depth):
        rules += layer_rules(f"policy_net.{i}", f"{ours}layers.{i}", own="axial", cross="axial")
    return rules
