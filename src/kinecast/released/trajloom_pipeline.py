"""The authors' two TrajLoom scripts end to end: tracks of a video in, the files they write out.

Sources: the generator's script (history to forecast) and the VAE's (a future window there and
back). Points lie at cells' top-left pixels; forecasts are clamped to the frame.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.flow.sampler import SAMPLERS, uniform_times
from kinecast.released import trajloom
from kinecast.released.case import Case
from kinecast.released.trajloom_dense import collapse
from kinecast.released.trajloom_source import anchor_first, normal
from kinecast.systems.base import Posterior
from kinecast.systems.trajloom.cells import from_offsets, to_offsets
from kinecast.systems.trajloom.visibility import expand


def pipeline(case: Case, config: Any) -> dict[str, Tensor]:
    """What both scripts write, and the VAE's raw output for the history."""
    full, args, meta = config["full_config"], config["args"], config["meta_json"]
    data, train, vae_section = full["data"], full["train"], full["trajloom_vae"]["config"]
    size, grid = (data["raw_width"], data["raw_height"]), _grid(vae_section)
    at, overlap = meta["cond_index"], int(data["use_overlap"])
    dense = trajloom.dense_vae(case.weights("vae"), vae_section)
    network = trajloom.generator(case.weights("velocity"), full["generator"])
    predictor = trajloom.predictor(case.weights("visibility"), config["predictor"])
    path = case.path(train["latent_stats_json"])
    stats = trajloom.latent_stats(path, train["latent_stats_key"])
    encode, decode = _codec(dense, size, grid)
    frames = dense.config.frames

    tracks = case.inputs["tracks_nt2"].movedim(1, 0)
    visible = case.inputs["visibility_nt"].mT
    posterior = encode(tracks[at - meta["hist_len"] : at])
    past = stats.normalise(posterior.mean)
    video = case.inputs["video_latents_cthw"].flatten(2).permute(1, 2, 0)[None]
    text = case.inputs["text_tokens_ld"].mean(0)[None]
    context = network.context(
        past,
        video=None if args["no_video_cond"] or network.config.video_channels is None else video,
        text=None if args["no_text_cond"] or network.config.text_channels is None else text,
    )
    seed = meta["noise_seed"]
    anchors = train["x0_mode"] == "anchor_first"
    spread = train["x0_noise_std"]
    source = anchor_first(past, seed, spread) if anchors else normal(past.shape, seed)
    first = (torch.arange(past.shape[1]) == 0).view(1, -1, 1, 1)
    z = SAMPLERS[meta["solver"]](
        lambda z, t: network(z, t, context),
        source,
        uniform_times(meta["steps"]),
        (first, past[:, -1:]) if meta["fix_first_frame"] else None,
    )
    xy = decode(stats.denormalise(z))[overlap:]
    logits = predictor(z, past[:, -1])
    stride = meta["vis_temp_stride"]
    probability = expand(logits.sigmoid(), stride, frames)[0, overlap:]
    future = slice(at, at + len(xy))
    edge = torch.tensor(size) - 1 - 1e-3
    points = _points(size, grid)
    outputs = {
        "gt_tracks": tracks[future],
        "gt_visibility": visible[future] & in_frame(tracks[future], size),
        "pred_tracks": torch.minimum(xy.clamp(min=0), edge),
        "pred_visibility_prob": probability,
        "pred_visibility": (probability > meta["vis_threshold"]) & in_frame(xy, size),
        "query_xy": points,
        "grid_idx": points[:, 1] * size[0] + points[:, 0],
        "to_latents_hist": torch.cat([posterior.mean, log_variance(posterior.scale)], -1),
    }
    window = tracks[at : at + frames]
    again = decode(encode(window).mean)
    return outputs | {
        "recon_gt_tracks": window,
        "recon_gt_visibility": visible[at : at + frames] & in_frame(window, size),
        "recon_pred_tracks": again,
        "recon_pred_visibility": in_frame(again, size),
        "recon_query_xy": outputs["query_xy"],
        "recon_grid_idx": outputs["grid_idx"],
    }


def in_frame(xy: Tensor, size: Size) -> Tensor:
    """The authors' test: within [0, W - 1] x [0, H - 1]; False where it is not finite."""
    return ((xy >= 0) & (xy <= torch.tensor(size) - 1)).all(-1)


def log_variance(scale: Tensor) -> Tensor:
    """The inverse of softplus(0.5 x) + 1e-8, the scale of the VAE's posterior."""
    return 2 * torch.expm1(scale.double() - 1e-8).log()


def _codec(
    dense: Any, size: Size, grid: tuple[int, int]
) -> tuple[Callable[[Tensor], Posterior], Callable[[Tensor], Tensor]]:
    """Pixel tracks (t, n, 2) to a posterior, and a latent to pixel tracks clamped to the frame."""
    vae = collapse(dense)

    def encode(xy: Tensor) -> Posterior:
        field = coords.normalise(xy, size).unflatten(1, grid)[None]
        return vae.encode(to_offsets(field) if dense.offsets else field)

    def decode(z: Tensor) -> Tensor:
        field = vae.decode(z)
        field = from_offsets(field) if dense.offsets else field
        return coords.denormalise(field.clamp(-1, 1), size)[0].flatten(1, 2)

    return encode, decode


def _grid(section: Any) -> tuple[int, int]:
    patch = section["patch_size"]
    return section["input_height"] // patch, section["input_width"] // patch


def _points(size: Size, grid: tuple[int, int]) -> Tensor:
    """Top-left pixels of the cells, row-major."""
    h, w = grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.stack([x * (size[0] // w), y * (size[1] // h)], -1).flatten(0, 1)
