"""Recorded cases of WHN, replayed with our networks.

Recorded latents are (b t c h w) and recorded posteriors (b t n c); ours are (b t h w c).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from kinecast.core import coords
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.grid import Grid
from kinecast.flow.sampler import SAMPLERS, uniform_times
from kinecast.nn.embed import sincos_1d, sincos_2d, sinusoid
from kinecast.released.case import Case, read_json
from kinecast.released.whn import load_denoiser, load_vae
from kinecast.systems.base import ImageBatch
from kinecast.systems.whn import protocol
from kinecast.systems.whn.config import Layout, WHNConfig
from kinecast.systems.whn.denoiser import TIME_WIDTH, Denoiser
from kinecast.systems.whn.elbo import elbo
from kinecast.systems.whn.presets import LAYOUTS
from kinecast.systems.whn.system import WHN
from kinecast.systems.whn.vae import VAE

Outputs = dict[str, Tensor]
LEARNING_RATE, WARM_UP = 6e-5, 5  # of the recorded schedules
COSINE_START, COSINE_END = 1e-7, 20


def replay(case: Case) -> Outputs:
    """Our value of every output of a case.

    Raises:
        UserError: an unknown kind, or a case that lacks an array, a setting or weights.
    """
    kinds: dict[str, Callable[[Case], Outputs]] = {
        "vae": _vae,
        "velocity": _velocity,
        "sampler": _sampler,
        "velocity+sampler": lambda case: _velocity(case) | _sampler(case),
        "functions": _functions,
    }
    if case.kind not in kinds:
        near = did_you_mean(case.kind, kinds)
        raise UserError(f"expected a WHN case of {', '.join(kinds)}, got {case.kind!r}{near}")
    return kinds[case.kind](case)


def _vae(case: Case) -> Outputs:
    config, inputs = _config(case), case.inputs
    vae = load_vae(case.weights("vae"), config["num_heads"])
    size = (config["norm_width"], config["norm_height"]) if "norm_width" in config else None
    if size is None:
        xy = rearrange(inputs["tracks_norm"], "b t c h w -> b t h w c")
    else:
        xy = coords.normalise(inputs["tracks_px"], size)
    keys = vae.context(inputs["frame_features"])
    posterior = vae.encode(xy, keys)
    eps = inputs["eps"].unflatten(2, vae.config.latent_grid)
    z = posterior.mean + posterior.scale * eps
    decoded = vae.decode(z, keys)
    outputs = {
        "latent_mean": posterior.mean.flatten(2, 3),
        "latent_std": posterior.scale.flatten(2, 3),
        "z": z.flatten(2, 3),
        "decoded_norm": _frames_first(decoded),
        "x_encoder_out_b0t0": vae.points(xy[0, 0]).movedim(-1, 0),
    }
    if size is not None:
        outputs["decoded_px"] = coords.denormalise(decoded, size)
    if "vae_scale" in config:
        outputs["scaled_latents"] = _frames_first(z / torch.tensor(config["vae_scale"]))
    if "beta" in config:
        bound, likelihood, divergence = elbo(decoded, xy, posterior, config["beta"])
        outputs |= {"elbo": bound, "ll": _frames_first(likelihood), "kl": divergence.flatten(2, 3)}
    return outputs


def _velocity(case: Case) -> Outputs:
    denoiser, inputs = _denoiser(case), case.inputs
    context = denoiser.context(inputs["frame_features"], inputs.get("text_pooled"))
    z_t = rearrange(inputs["x"], "b t c h w -> b t h w c")
    return {
        "velocity": _frames_first(denoiser(z_t, inputs["t"], context)),
        "t_sinusoid": sinusoid(inputs["t"], TIME_WIDTH),
        "t_embedding": denoiser.embed_time(inputs["t"]),
    }


def _sampler(case: Case) -> Outputs:
    config, inputs = _config(case), case.inputs
    system = _system(case)
    features, text = inputs["frame_features"], inputs.get("text_pooled")
    W, H = system.config.layout.size
    cond = system.condition(
        ImageBatch(
            pixels=torch.zeros(len(features), 1, H, W, 3, dtype=torch.uint8),
            size=(W, H),
            features=features[:, None],
            text=None if text is None else text[:, None],
        )
    )
    noise = rearrange(inputs["noise"], "b t c h w -> b t h w c")
    first = torch.zeros_like(noise[:, :1])
    if system.vae is not None:  # the noise of the first frame's posterior
        first = inputs["cond_eps"][:, :1].unflatten(2, system.config.denoiser.grid)
    state = system.source(torch.cat([first, noise], dim=1), cond)
    method = config.get("method", "euler")
    if method not in SAMPLERS:
        raise UserError(f"expected a method of {', '.join(SAMPLERS)}, got {method!r}")
    steps = config["steps"]
    outputs: Outputs = {}
    for count in steps if isinstance(steps, list) else [steps]:
        z = SAMPLERS[method](
            lambda z, t: system.velocity(z, t, cond),
            state,
            uniform_times(count - 1),  # `count` times, one update fewer
            system.pin(cond),
        )
        xy, _ = system.decode(z, cond)
        pixels = coords.denormalise(xy, system.config.layout.size)
        latents = _frames_first(z)
        outputs |= {
            f"latents_steps{count}": latents,
            f"tracks_px_steps{count}": pixels,
            "sampled_latents": latents,
            "sampled_norm": _frames_first(xy),
            "sampled_tracks_px": pixels,
        }
    return outputs


def _functions(case: Case) -> Outputs:
    """Tables and schedules; the sizes of the tables are those that were recorded."""
    recorded = case.outputs
    tables = {name: _table(recorded[name]) for name in ("pos2d_sq_d16_g3", "pos2d_rect_h_w")}
    length, width = recorded["pos1d"].shape
    grids = {
        "grid_kubric": ("kubric", 32, 32),
        "grid_libero": ("libero", 64, 64),
        "grid_phys101_stride2": ("physics101", 32, 58),
        "grid_cityscapes": ("cityscapes", 56, 112),
        "grid_physion_stride2": ("physion", 32, 32),
    }
    rates = [protocol.warm_up(LEARNING_RATE, WARM_UP, n) for n in range(len(recorded["lr_linear"]))]
    cosine = [
        protocol.warm_up_cosine(LEARNING_RATE, COSINE_START, WARM_UP, COSINE_END, n)
        for n in range(len(recorded["lr_cosine"]))
    ]
    seeds = protocol.benchmark_seeds(len(recorded["sampling_seeds"]))
    return {
        **tables,
        "pos1d": sincos_1d(torch.arange(length).float(), width),
        "t_in": recorded["t_in"],  # an input that was recorded with the outputs
        "t_sinusoid256": sinusoid(recorded["t_in"], TIME_WIDTH),
        **{name: _points(*layout) for name, layout in grids.items()},
        "lr_linear": torch.tensor(rates, dtype=torch.float64),
        "lr_cosine": torch.tensor(cosine, dtype=torch.float64),
        "sampling_seeds": torch.from_numpy(seeds),
    }


def _denoiser(case: Case) -> Denoiser:
    return load_denoiser(case.weights("velocity"), _beside(case, "velocity")["num_heads"])


def _system(case: Case) -> WHN:
    """The system of a case's networks."""
    config, denoiser = _config(case), _denoiser(case)
    vae: VAE | None = None
    if "vae" in case.about["weights"]:
        vae = load_vae(case.weights("vae"), _beside(case, "vae")["num_heads"])
    name = "kubric" if denoiser.config.text is None else "libero"
    if vae is None or "dataset" in config or "query" in config:
        name = "physion"  # and Physics101 and Cityscapes, whose points begin alike
    size = (config["image"],) * 2 if "image" in config else (config["image_w"], config["image_h"])
    # the stride counts the points that the dataset keeps: every 4th, 1st or 2nd pixel's centre
    stride = float(config["trajectory_stride"] * {"physion": 4, "kubric": 1, "libero": 2}[name])
    layout = Layout(size, stride, LAYOUTS[name].origin, LAYOUTS[name].encoder)
    scale = () if vae is None else tuple(config["vae_scale"])
    system = WHN(WHNConfig(layout, denoiser.config, None if vae is None else vae.config, scale))
    system.denoiser, system.vae = denoiser, vae
    return system.eval()


def _config(case: Case) -> Mapping[str, Any]:
    if case.config is None:
        raise UserError(f"expected a config of the WHN case in {case.folder}, got none")
    return case.config


def _beside(case: Case, role: str) -> Mapping[str, Any]:
    """The configuration beside a role's weights."""
    return read_json(case.path(case.about["weights"][role]).parent / "config.json")


def _frames_first(x: Tensor) -> Tensor:
    return rearrange(x, "b t h w c -> b t c h w")


def _table(recorded: Tensor) -> Tensor:
    """A table of as many columns as the recorded one repeats its first half after."""
    count, width = recorded.shape
    columns = len(recorded[:, : width // 2].unique(dim=0))
    return sincos_2d(count // columns, columns, width)


def _points(layout: str, rows: int, columns: int) -> Tensor:
    config = LAYOUTS[layout]
    return torch.from_numpy(Grid(rows, columns, config.stride, config.origin).points())
