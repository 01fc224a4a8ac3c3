"""Replay recorded TrajLoom cases: every output that can be made of a case's inputs.

Source of the settings: the authors' scripts (solver, seeds, anchors, clamps), by kind of case.
"""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.flow.sampler import SAMPLERS, Velocity, euler, uniform_times
from kinecast.nn.embed import sincos_1d, sincos_2d, sinusoid
from kinecast.released import trajloom
from kinecast.released.case import Case
from kinecast.released.trajloom_dense import collapse
from kinecast.released.trajloom_pipeline import pipeline
from kinecast.released.trajloom_source import anchor_first, normal
from kinecast.systems.base import Posterior
from kinecast.systems.trajloom import losses
from kinecast.systems.trajloom.cells import anchors, from_offsets, to_offsets
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.history_context import block_mean
from kinecast.systems.trajloom.visibility import expand, pool

Arrays = dict[str, Tensor]
STREAMS = {  # output: is it given visibility, video, text
    "v_full": (True, True, True),
    "v_no_vis": (False, True, True),
    "v_no_video": (True, False, True),
    "v_no_text": (True, True, False),
    "v_hist_only": (False, False, False),
}
SOURCE = re.compile(r"z0_seed(?P<seed>\d+)_(?P<mode>noise|anchor_first)")
FLOW = re.compile(
    r"(?P<solver>euler|midpoint|rk4|dopri5)_?(?P<steps>\d*)"
    r"_(?P<how>vis|novis|seed|fixfirst|velmask)(?P<seed>\d*)(?P<states>_traj)?"
)


def replay(case: Case) -> Arrays:
    """Our value of every output of a case.

    Raises:
        UserError: a kind that is not one of the networks'.
    """
    kinds: dict[str, Callable[[Case, Any], Arrays]] = {
        "velocity": velocity,
        "sampler": sampler,
        "visibility": visibility,
        "vae": vae,
        "functions": functions,
        "pipeline": pipeline,
    }
    if case.kind == "metrics":
        raise UserError(f"{case.folder} records metrics, not networks: kinecast eval checks those")
    if case.kind not in kinds:
        raise UserError(f"expected a TrajLoom case of {', '.join(kinds)}, got {case.kind!r}")
    if case.config is None:
        raise UserError(f"expected a config in {case.folder}, got none")
    return kinds[case.kind](case, case.config)


def velocity(case: Case, config: Any) -> Arrays:
    """One evaluation of the generator under each conditioning."""
    network = trajloom.generator(case.weights("velocity"), config["generator"])
    x = case.inputs
    outputs = {}
    for name, (seen, video, text) in STREAMS.items():
        context = _context(
            network,
            x["z_hist_track"],
            x["hist_vis"] if seen else None,
            x["z_hist_video"] if video else None,
            x["text_cond"] if text else None,
        )
        outputs[name] = network(x["z_t"], x["t"], context)
    return outputs


def sampler(case: Case, config: Any) -> Arrays:
    """Ends of flows; an output's name says solver, steps and what is special about it."""
    network = trajloom.generator(case.weights("velocity"), config["generator"])
    x = case.inputs
    history = x["z_hist"]

    def given(seen: Tensor | None) -> Velocity:
        context = _context(network, history, seen, x["z_video"], x["text_cond"])
        return lambda z, t: network(z, t, context)

    seeing, blind = given(x["hist_vis"]), given(None)
    mask = x["vel_mask"][..., None]
    first = (torch.arange(history.shape[1]) == 0).view(1, -1, 1, 1)
    spread = config["x0_noise_std"]
    outputs = {}
    for name in case.outputs:
        if name == "t_eval":
            outputs[name] = uniform_times(len(case.outputs[name]) - 1)
        elif source := SOURCE.fullmatch(name):
            seed, noise = int(source["seed"]), source["mode"] == "noise"
            drawn = normal(history.shape, seed) if noise else anchor_first(history, seed, spread)
            outputs[name] = drawn
        elif flow := FLOW.fullmatch(name):
            start, pin, v = x["z0"], None, seeing
            if flow["how"] in ("novis", "seed"):
                v = blind
            if flow["how"] == "seed":
                start = anchor_first(history, int(flow["seed"]), spread)
            if flow["how"] == "fixfirst":
                pin = (first, history[:, -1:])
            if flow["how"] == "velmask":
                v = _masked(seeing, mask)
            times = uniform_times(int(flow["steps"] or 10))
            solve = _states if flow["states"] else SAMPLERS[flow["solver"]]
            outputs[name] = solve(v, start, times, pin)
    return outputs


def visibility(case: Case, config: Any) -> Arrays:
    """Logits per latent step, and probabilities per frame."""
    network = trajloom.predictor(case.weights("visibility"), config["predictor"])
    last = case.inputs["z_hist"][:, -1] if "z_hist" in case.inputs else None
    logits = network(case.inputs["z_fut"], last)
    frames = case.outputs["prob_frames"].shape[1]
    return {
        "logits": logits,
        "prob_frames": expand(logits.sigmoid(), config["temp_stride"], frames),
    }


def vae(case: Case, config: Any) -> Arrays:
    """Tracks through the network on cells, dense fields and latents through the one on pixels."""
    section = config["trajloom_vae"]["config"]
    dense = trajloom.dense_vae(case.weights("vae"), section)
    size = (section["input_width"], section["input_height"])
    x, outputs = case.inputs, {}
    if "tracks_px" in x:
        cells = collapse(dense)
        xy = coords.normalise(x["tracks_px"], size).unflatten(2, dense.config.grid)
        posterior = cells.encode(to_offsets(xy) if dense.offsets else xy)
        decoded = cells.decode(posterior.mean)
        decoded = from_offsets(decoded) if dense.offsets else decoded
        outputs["enc_tracks_mean"] = posterior.mean
        outputs["enc_tracks_scale"] = posterior.scale
        outputs["dec_tracks_topleft"] = decoded.movedim(-1, 2)
    if "z" in x:
        outputs["dec_z"] = dense.decode_field(x["z"])
    if "x_dense" in x:
        posterior = dense.encode_field(x["x_dense"])
        field = dense.decode_field(posterior.mean)
        predicted, target = field.movedim(2, -1), x["x_dense"].movedim(2, -1)
        seen = x["vis_mask"]
        masked = -losses.reconstruction(predicted, target, seen) / 2  # theirs: mean over x and y
        outputs |= {
            "fwd_mean": posterior.mean,
            "fwd_scale": posterior.scale,
            "fwd_recons": field,
            "fwd_kl": losses.kl(Posterior(posterior.mean, posterior.scale)),
            "fwd_ll_masked": masked,
            "fwd_elbo_masked": masked,  # deterministic
            "fwd_ll_unmasked": -losses.reconstruction(predicted, target, torch.ones_like(seen)) / 2,
        }
    return outputs


def functions(case: Case, config: Any) -> Arrays:
    """Embeddings, anchors, pooling, normalisation."""
    x, (W, H), patch = case.inputs, (config["W"], config["H"]), config["patch"]
    stride, frames = config["temp_stride"], config["T"]
    h, w = H // patch, W // patch
    steps = stride * torch.arange(1 + (frames - 1) // stride).float()
    cells = x["dense_vis"].unflatten(3, (w, patch)).unflatten(2, (h, patch)).any(5).any(3)
    length = case.outputs["repeat"].shape[1]
    covering = -(-length // x["repeat_in"].shape[1])  # the fewest repeats that give every frame
    pooled = x["pool_in"]
    rows = block_mean(pooled.flatten(2).mT[:, None], (pooled.shape[2], pooled.shape[3]), 3)
    y, x_ = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    outputs = {}
    if "video_bcthw" in x:
        frames_first = x["video_bcthw"].movedim(2, 1)
        small = F.interpolate(frames_first.flatten(0, 1), scale_factor=0.25, mode="bilinear")
        outputs["resized_video"] = small.unflatten(0, frames_first.shape[:2]).movedim(1, 2)
    return outputs | {
        "offset_anchor_grid": anchors(H, W).movedim(-1, 0)[None, None],
        "patch_centers": anchors(h, w).flatten(0, 1),
        "query_xy": patch * torch.stack([x_, y], -1).flatten(0, 1),
        "sincos2d": sincos_2d(h, w, config["hidden_vae"]),
        "sincos1d": sincos_1d(torch.arange(frames).float(), config["hidden_vae"]),
        "timestep_embedding": sinusoid(torch.tensor([0.0, 1e-5, 0.37, 1.0]), config["hidden_gen"]),
        "abs_time_embed_hist": sinusoid(steps, config["hidden_gen"])[None],
        "abs_time_embed_fut": sinusoid(frames + steps, config["hidden_gen"])[None],
        "latent_vis_from_tokens": pool(x["token_vis_btn"], stride)[..., None].float(),
        "latent_vis_from_dense": pool(cells.flatten(2), stride)[..., None].float(),
        "repeat": expand(x["repeat_in"], covering, length),
        "repeat_padded": expand(x["repeat_in"], covering - 1, length),
        "norm_px": coords.normalise(x["tracks_px"], (W, H)),
        "denorm": coords.denormalise(x["points_norm"], (W, H)),
        "pool3": rows[:, 0].mT.unflatten(2, tuple(case.outputs["pool3"].shape[2:])),
    }


def _context(
    network: Generator,
    history: Tensor,
    seen: Tensor | None,
    video: Tensor | None,
    text: Tensor | None,
) -> dict[str, Any]:
    """The network's context; streams that it was built without are left out, as by the authors."""
    video = None if network.config.video_channels is None else video
    text = None if network.config.text_channels is None else text
    return network.context(history, seen, video, text)


def _masked(velocity: Velocity, mask: Tensor) -> Velocity:
    return lambda z, t: mask * velocity(mask * z, t)


def _states(
    velocity: Velocity, start: Tensor, times: Tensor, pin: tuple[Tensor, Tensor] | None
) -> Tensor:
    """Euler's state at every time."""
    states = [start]
    for step in range(len(times) - 1):
        states.append(euler(velocity, states[-1], times[step : step + 2], pin))
    return torch.stack(states)
