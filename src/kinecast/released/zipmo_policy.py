"""ZipMo's published LIBERO planners and policies <-> the system `zipmo-libero`.

A planner's file holds the VAE (`vae.*`) and DINOv2 twice, one for the VAE and one for the planner;
of equal copies one is kept. A policy's file holds a planner (`track_predictor.*`).
"""

from collections.abc import Mapping
from dataclasses import asdict

import torch
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.released.released import Files, Released
from kinecast.released.rules import Rule, to_ours, to_published
from kinecast.released.zipmo_keys import image_rules, vae_rules
from kinecast.released.zipmo_policy_keys import (
    libero_config,
    libero_rules,
    policy_config,
    policy_rules,
)
from kinecast.released.zipmo_sizes import Part, image_config, part, vae_config
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig

SYSTEM = "zipmo-libero"
PLANNER = "track_predictor."
VAE = "vae."
IMAGE = "img_embedder.model."


def is_libero(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a file holds a LIBERO planner or a policy."""
    return any(key.removeprefix(PLANNER).startswith("text_encoder.") for key in tensors)


def read(files: Files, options: Mapping[str, str]) -> Released:
    """One published file of a planner or of a policy.

    Raises:
        UserError: another number of files, an option (it takes none), or tensors that are missing,
            unexpected or misshapen.
    """
    if options:
        raise UserError(f"expected no options for a ZipMo of LIBERO, got {', '.join(options)}")
    if len(files) != 1:
        raise UserError(f"expected one file of ZipMo, got {len(files)}: {', '.join(files)}")
    (tensors,) = files.values()
    config = _config(tensors)
    with torch.device("meta"):
        like = ZipMoLibero(config).state_dict()
    return Released(SYSTEM, asdict(config), to_ours(rules(config), tensors, like))


def write(released: Released) -> dict[str, dict[str, Tensor]]:
    """The published file of a system.

    Raises:
        UserError: another system, or tensors that do not fit its configuration.
    """
    config = ZipMoLiberoConfig.read(released.model_of(SYSTEM))
    kind = "tramoe" if config.planner.start_time else "atm"
    name = f"zipmo_planner_libero_{kind}" if config.policy is None else f"{kind}_libero"
    return {f"{name}.safetensors": to_published(rules(config), released.state)}


def rules(config: ZipMoLiberoConfig) -> list[Rule]:
    """Keys of a file."""
    prefix = "" if config.policy is None else PLANNER
    found = libero_rules(config.planner, prefix) + vae_rules(config.vae, prefix + VAE)
    if config.policy is not None:
        found += policy_rules(config.policy, "policy.")
    if config.image is not None:
        own = "vae_image." if config.two_images else "image."
        found += image_rules(config.image, prefix + IMAGE, "image.")
        found += image_rules(config.image, prefix + VAE + IMAGE, own)
    return found


def _config(tensors: Mapping[str, Tensor]) -> ZipMoLiberoConfig:
    policy = any(key.startswith(PLANNER) for key in tensors)
    inner = part(tensors, PLANNER if policy else "")
    vae, image = part(inner, VAE), part(inner, IMAGE)
    vae_image = part(vae, IMAGE)
    parts = (VAE, IMAGE)  # of the planner's file, which are no part of the planner itself
    planner = libero_config(Part({k: v for k, v in inner.items() if not k.startswith(parts)}))
    return ZipMoLiberoConfig(
        vae=vae_config(Part({k: v for k, v in vae.items() if not k.startswith(IMAGE)})),
        planner=planner,
        image=image_config(image) if image else None,
        two_images=any(k in image and not torch.equal(v, image[k]) for k, v in vae_image.items()),
        policy=policy_config(part(tensors, ""), planner.views) if policy else None,
    )
