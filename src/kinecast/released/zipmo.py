"""ZipMo's published files <-> the system `zipmo`: the VAE alone, or a poke planner with its VAE.

A planner's file holds the VAE (`vae.*`) and DINOv2 twice, one for the VAE and one for the planner;
of equal copies one is kept. Files of LIBERO planners and policies are read by `zipmo_policy`.
"""

from collections.abc import Mapping
from dataclasses import asdict

import torch
from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean
from kinecast.released import zipmo_keys as keys
from kinecast.released import zipmo_sizes as sizes
from kinecast.released.released import Files, Released
from kinecast.released.rules import Rule, to_ours, to_published
from kinecast.released.zipmo_sizes import Part
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.latents import SCALE, SHIFT
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.system import ZipMo

SYSTEM = "zipmo"
OPTIONS = ("planner", "pokes", "shift", "scale")
VAE = "vae."
IMAGE = "img_embedder.model."  # DINOv2, beside a VAE and beside a planner
KINDS = {"sparse": (sizes.SPARSE, True), "dense": (sizes.DENSE, False)}  # pokes, whether to fill


def read(files: Files, options: Mapping[str, str]) -> Released:
    """One published file.

    Args:
        files: one file of a VAE or of a poke planner.
        options: what no tensor tells: `planner`, sparse or dense, where the file's name does not
            say so; `pokes`, `shift` and `scale`, where they are not the published ones.

    Raises:
        UserError: another number of files, an option that is unknown, missing or wrong, or tensors
            that are missing, unexpected, misshapen, or differ between copies.
    """
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown:
        near = did_you_mean(unknown[0], OPTIONS)
        raise UserError(f"expected options of {', '.join(OPTIONS)}, got {unknown[0]!r}{near}")
    if len(files) != 1:
        raise UserError(f"expected one file of ZipMo, got {len(files)}: {', '.join(files)}")
    ((name, tensors),) = files.items()
    alone = not any(key.startswith(VAE) for key in tensors)
    vae = sizes.part(tensors, "" if alone else VAE)
    image = sizes.part(tensors, IMAGE)
    copy = {} if alone else sizes.part(vae, IMAGE)
    config = ZipMoConfig(
        vae=sizes.vae_config(Part({k: v for k, v in vae.items() if not k.startswith(IMAGE)})),
        planner=None if alone else _planner(name, tensors, options),
        image=sizes.image_config(image) if image else None,
        two_images=any(k in image and not torch.equal(v, image[k]) for k, v in copy.items()),
        shift=_number(options, "shift", SHIFT),
        scale=_number(options, "scale", SCALE),
    )
    with torch.device("meta"):
        like = ZipMo(config).state_dict()
    return Released(SYSTEM, asdict(config), to_ours(rules(config), tensors, like))


def write(released: Released) -> dict[str, dict[str, Tensor]]:
    """The published file of a system.

    Raises:
        UserError: another system, or tensors that do not fit its configuration.
    """
    config = ZipMoConfig.read(released.model_of(SYSTEM))
    name = "vae"
    if config.planner is not None:
        name = "planner_sparse" if config.planner.fill else "planner_dense"
    return {f"zipmo_{name}.safetensors": to_published(rules(config), released.state)}


def rules(config: ZipMoConfig) -> list[Rule]:
    """Keys of a file."""
    if config.planner is None:
        found, vae = [], ""
    else:
        found, vae = keys.planner_rules(config.planner), VAE
    found += keys.vae_rules(config.vae, vae)
    if config.image is not None:
        found += keys.image_rules(config.image, IMAGE)
        if config.planner is not None:
            own = "vae_image." if config.two_images else "image."
            found += keys.image_rules(config.image, VAE + IMAGE, own)
    return found


def _planner(name: str, tensors: Mapping[str, Tensor], options: Mapping[str, str]) -> PlannerConfig:
    kind = options.get("planner") or next((k for k in KINDS if k in name), None)
    if kind not in KINDS:
        raise UserError(
            f"expected planner=sparse or planner=dense to be set for {name}, whose name does not "
            f"say it, got {kind or 'nothing'}"
        )
    pokes, fill = KINDS[kind]
    pokes = int(_number(options, "pokes", pokes))
    return sizes.planner_config(sizes.part(tensors, ""), pokes, fill=fill)


def _number(options: Mapping[str, str], name: str, default: float) -> float:
    given = options.get(name)
    try:
        return default if given is None else float(given)
    except ValueError as error:
        raise UserError(f"expected option {name} as a number, got {given!r}") from error
