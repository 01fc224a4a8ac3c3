"""The published networks end to end, from pixel tracks to pixel tracks."""

import json

import torch
from test_parity_trajloom_generator import published_source
from trajloom_cases import Case, dense_vae, generator, visibility

from kinecast.core import coords
from kinecast.flow.sampler import euler, uniform_times
from kinecast.flow.stats import ChannelStats
from kinecast.released.trajloom_dense import collapse
from kinecast.systems.trajloom.cells import from_offsets, to_offsets
from kinecast.systems.trajloom.visibility import expand

SIZE, FRAMES, GRID = (160, 96), 17, (3, 5)


def in_frame(xy):
    """The published test: within [0, W - 1] x [0, H - 1]."""
    last = torch.tensor(SIZE) - 1
    return ((xy >= 0) & (xy <= last)).all(-1)


@torch.no_grad()
def test_forecast_and_reconstruction():
    case = Case("pipeline")
    full = case.config["full_config"]
    vae = collapse(dense_vae(case.weights("vae"), full["trajloom_vae"]["config"]))
    network = generator(case.weights("velocity"), full["generator"])
    predictor = visibility(case.weights("visibility"), case.config["predictor"])
    stats = json.loads((case.folder / full["train"]["latent_stats_json"]).read_text())
    channels = stats["z_all"]["per_channel"]
    stats = ChannelStats(tuple(channels["mean"]), tuple(channels["std"]), count=1)

    tracks = case.inputs["tracks_nt2"].movedim(1, 0)
    history, future = tracks[:FRAMES], tracks[FRAMES : 2 * FRAMES]
    seen = case.inputs["visibility_nt"].mT[FRAMES : 2 * FRAMES] & in_frame(future)
    for prefix in ("", "recon_"):
        case.check(f"{prefix}gt_tracks", future)
        case.check(f"{prefix}gt_visibility", seen)

    def encode(xy):
        return vae.encode(to_offsets(coords.normalise(xy, SIZE).unflatten(1, GRID)[None]))

    def decode(z):
        xy = from_offsets(vae.decode(z)).clamp(-1, 1)
        return coords.denormalise(xy, SIZE)[0].flatten(1, 2)

    posterior = encode(history)
    case.check("to_latents_hist", torch.cat([posterior.mean, log_variance(posterior.scale)], -1))
    past = stats.normalise(posterior.mean)
    video = case.inputs["video_latents_cthw"].flatten(2).permute(1, 2, 0)[None]
    text = case.inputs["text_tokens_ld"].mean(0)[None]
    context = network.context(past, video=video, text=text)
    source = published_source(past, seed=42)
    z = euler(lambda z, t: network(z, t, context), source, uniform_times(10))

    xy = decode(stats.denormalise(z))
    probability = expand(
        predictor(z).sigmoid(), case.config["meta_json"]["vis_temp_stride"], FRAMES
    )
    case.check("pred_visibility_prob", probability[0])
    case.check("pred_visibility", (probability[0] > 0.5) & in_frame(xy))
    edge = torch.tensor(SIZE) - 1 - 1e-3
    case.check("pred_tracks", torch.minimum(xy.clamp(min=0), edge))

    again = decode(encode(future).mean)
    case.check("recon_pred_tracks", again)
    case.check("recon_pred_visibility", in_frame(again))


def log_variance(scale):
    """The inverse of softplus(0.5 x) + 1e-8."""
    return 2 * torch.expm1(scale.double() - 1e-8).log()
