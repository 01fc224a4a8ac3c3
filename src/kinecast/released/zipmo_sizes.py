"""ZipMo's sizes, as the shapes of published tensors tell them.

A size that many tensors share is what most of them say, so that one damaged tensor is named as such
and does not lead to another configuration.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean
from kinecast.encoders.dinov2 import vit_config
from kinecast.encoders.dinov2_keys import ORIGINAL
from kinecast.nn.vit import ViTConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.positions import GridShape
from kinecast.systems.zipmo.vae import VAEConfig

SPARSE, DENSE = 16, 40  # pokes of the published planners


class Part(dict[str, Tensor]):
    """Tensors of a module, by keys without its prefix; a key that is not there is an error."""

    def __missing__(self, key: str) -> Tensor:
        raise UserError(
            f"expected the tensor {key} of ZipMo, got a file without it{did_you_mean(key, self)}"
        )


def part(published: Mapping[str, Tensor], prefix: str) -> Part:
    """The tensors whose keys begin with a prefix."""
    return Part({k.removeprefix(prefix): v for k, v in published.items() if k.startswith(prefix)})


def vae_config(tensors: Part) -> VAEConfig:
    """Of a VAE's tensors.

    Raises:
        UserError: tensors are missing, or positions lie on no grid.
    """
    return VAEConfig(
        width=common(tensors, (".out_proj.weight", 0), (".q_proj.weight", 0)),
        heads=common(tensors, (".self_attn.scale", 0), (".cross_attn.scale", 0)),
        image_width=common(tensors, (".kv_proj.weight", 1), (".norm_cross.scale", 0)),
        encoder_depth=depth(tensors, "encoder.backbone"),
        decoder_depth=depth(tensors, "decoder.backbone"),
        channels=common(
            tensors, ("to_mean.weight", 0), ("to_logvar.weight", 0), ("latents_in.weight", 1)
        ),
        grid=grid_of("query_pos", tensors["encoder.query_pos"]),
        image_grid=grid_of("pos_cross", tensors["encoder.pos_cross"])[1:],
    )


def planner_config(tensors: Part, pokes: int, *, fill: bool) -> PlannerConfig:
    """Of a poke planner's tensors, and of what no tensor tells.

    Raises:
        UserError: tensors are missing.
    """
    layers = Part({k: v for k, v in tensors.items() if k.startswith("backbone.")})
    return PlannerConfig(
        width=common(layers, (".out_proj.weight", 0), (".q_proj.weight", 0)),
        heads=common(layers, (".self_attn.scale", 0), (".cross_attn.scale", 0)),
        depth=depth(layers, "backbone"),
        image_width=common(tensors, ("in_proj.cond_proj.weight", 1), ("learnable_emb_dino", 0)),
        poke_width=common(layers, (".kv_proj.weight", 1), (".norm_cross.scale", 0)),
        time_width=common(layers, (".norm.linear.weight", 1)),
        channels=common(tensors, ("in_proj.proj.weight", 1), ("out_proj.proj.weight", 0)),
        pokes=pokes,
        fill=fill,
    )


def image_config(tensors: Part) -> ViTConfig:
    """Of DINOv2's tensors.

    Raises:
        UserError: tensors are missing.
    """
    return replace(vit_config(tensors, ORIGINAL, heads=None), depth=depth(tensors, "blocks"))


def common(tensors: Mapping[str, Tensor], *places: tuple[str, int]) -> int:
    """The length that most tensors have along an axis.

    Args:
        tensors: some of them.
        places: how keys end, and the axis.

    Raises:
        UserError: no key ends so.
    """
    lengths = [
        tensor.shape[axis]
        for end, axis in places
        for key, tensor in tensors.items()
        if key.endswith(end) and tensor.ndim > axis
    ]
    if not lengths:
        raise UserError(
            f"expected tensors of ZipMo such as {places[0][0].strip('.')}, got none among "
            f"{len(tensors)} ({', '.join(sorted(tensors)[:3])}, ...)"
        )
    return Counter(lengths).most_common(1)[0][0]


def depth(tensors: Mapping[str, Tensor], stack: str) -> int:
    """How many layers a stack has."""
    found = (re.match(re.escape(stack) + r"\.(\d+)\.", key) for key in tensors)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def grid_of(name: str, positions: Tensor) -> GridShape:
    """(steps, rows, columns) of positions (t, y, x) on a grid.

    Raises:
        UserError: they lie on none.
    """
    if positions.shape[-1] == 3:
        rows = positions.reshape(-1, 3).float()
        t, y, x = (len(axis.unique()) for axis in rows.T)
        if t * y * x == len(rows):
            return t, y, x
    raise UserError(
        f"expected {name} to hold the positions (t, y, x) of a grid, got "
        f"{tuple(positions.shape)} of another kind"
    )
