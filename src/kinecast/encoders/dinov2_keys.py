"""The keys of published DINOv2 files -> those of `nn.vit.ViT`: a table for each layout."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.nn.vit import ViTConfig

Keys = dict[str, tuple[str, ...]]  # ours -> theirs, joined along the first axis


@dataclass(frozen=True)
class Layout:
    """Published names of the ViT's tensors and modules.

    Attributes:
        stem: of what is there once: ours -> theirs.
        block: what names of block i begin with, before ".i.".
        tensors, modules: of a block: ours -> theirs; several are joined along the first axis.
    """

    stem: Mapping[str, str]
    block: str
    tensors: Mapping[str, str]
    modules: Mapping[str, tuple[str, ...]]

    @property
    def tell(self) -> str:
        """A tensor that each block has once and that only this layout calls so."""
        return next(iter(self.tensors.values()))


ORIGINAL = Layout(  # as DINOv2's authors publish it, and as it lies inside ZipMo's files
    stem={
        "cls": "cls_token",
        "mask": "mask_token",
        "position": "pos_embed",
        "registers": "register_tokens",
        "embed": "patch_embed.proj",
        "norm": "norm",
    },
    block="blocks",
    tensors={"attention.modulate.gate": "ls1.gamma", "mlp.modulate.gate": "ls2.gamma"},
    modules={
        "attention.norm": ("norm1",),
        "attention.op.qkv": ("attn.qkv",),
        "attention.op.out": ("attn.proj",),
        "mlp.norm": ("norm2",),
        "mlp.op.up": ("mlp.fc1",),
        "mlp.op.down": ("mlp.fc2",),
    },
)
TRANSFORMERS = Layout(  # as the transformers library writes it
    stem={
        "cls": "embeddings.cls_token",
        "mask": "embeddings.mask_token",
        "position": "embeddings.position_embeddings",
        "registers": "embeddings.register_tokens",
        "embed": "embeddings.patch_embeddings.projection",
        "norm": "layernorm",
    },
    block="encoder.layer",
    tensors={
        "attention.modulate.gate": "layer_scale1.lambda1",
        "mlp.modulate.gate": "layer_scale2.lambda1",
    },
    modules={
        "attention.norm": ("norm1",),
        "attention.op.qkv": tuple(f"attention.attention.{x}" for x in ("query", "key", "value")),
        "attention.op.out": ("attention.output.dense",),
        "mlp.norm": ("norm2",),
        "mlp.op.up": ("mlp.fc1",),
        "mlp.op.down": ("mlp.fc2",),
    },
)
OURS = Layout(  # inside a checkpoint of ours, as an imported ZipMo is
    stem={name: name for name in ORIGINAL.stem},
    block="blocks",
    tensors={name: name for name in ORIGINAL.tensors},
    modules={name: (name,) for name in ORIGINAL.modules},
)


def vit_keys(config: ViTConfig, layout: Layout) -> Keys:
    """Every key of a ViT and the published keys that it is made of."""
    keys: Keys = {}
    for ours, theirs in layout.stem.items():
        if ours in ("embed", "norm"):
            keys |= _both(ours, (theirs,))
        elif ours != "registers" or config.registers:
            keys[ours] = (theirs,)
    for i in range(config.depth):
        ours_i, theirs_i = f"blocks.{i}", f"{layout.block}.{i}"
        keys |= {f"{ours_i}.{o}": (f"{theirs_i}.{t}",) for o, t in layout.tensors.items()}
        for o, parts in layout.modules.items():
            keys |= _both(f"{ours_i}.{o}", tuple(f"{theirs_i}.{part}" for part in parts))
    return keys


def find_vit(keys: Iterable[str]) -> tuple[Layout, str]:
    """The layout of the first ViT among the keys of a file, and the prefix of its own.

    Raises:
        UserError: there is none; or one with a gated feed-forward (DINOv2's giant size).
    """
    keys = list(keys)
    for layout in (TRANSFORMERS, ORIGINAL, OURS):
        tell = f"{layout.block}.0.{layout.tell}"
        found = next((key for key in keys if f".{key}".endswith(f".{tell}")), None)
        if found is not None:
            prefix = found.removesuffix(tell)
            if any(key.startswith(prefix) and ".mlp.w" in key for key in keys):
                raise UserError("expected DINOv2 of size small, base or large, got the giant one")
            return layout, prefix
    names = ", ".join(sorted(keys)[:3])
    raise UserError(f"expected the weights of DINOv2, got {len(keys)} other tensors ({names}, ...)")


def to_vit(keys: Keys, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a ViT, in float32.

    Raises:
        UserError: published keys are missing, or left over.
    """
    known = {theirs for parts in keys.values() for theirs in parts}
    missing, unexpected = sorted(known - published.keys()), sorted(published.keys() - known)
    if missing or unexpected:
        raise UserError(
            f"expected DINOv2 of this configuration, got {len(missing)} missing "
            f"({', '.join(missing[:4])}) and {len(unexpected)} unexpected tensors "
            f"({', '.join(unexpected[:4])}); use weights and config.json of one model"
        )
    return {
        ours: torch.cat([published[part] for part in parts]).float() for ours, parts in keys.items()
    }


def _both(ours: str, parts: tuple[str, ...]) -> Keys:
    return {
        f"{ours}.{leaf}": tuple(f"{part}.{leaf}" for part in parts) for leaf in ("weight", "bias")
    }
