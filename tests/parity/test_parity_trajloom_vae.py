"""The VAE against the published one: dense fields, and cells, which is what runs."""

import pytest
import torch
from trajloom_cases import Case, dense_vae

from kinecast.core import coords
from kinecast.released.trajloom_dense import collapse
from kinecast.systems.base import Posterior
from kinecast.systems.trajloom import losses
from kinecast.systems.trajloom.cells import from_offsets, to_offsets


@pytest.fixture(scope="module")
def case():
    return Case("vae")


@pytest.fixture(scope="module")
def dense(case):
    return dense_vae(case.weights("vae"), case.config["trajloom_vae"]["config"])


@torch.no_grad()
def test_cells_give_the_published_posterior_and_positions(case, dense):
    vae = collapse(dense)
    xy = coords.normalise(case.inputs["tracks_px"], (160, 96)).unflatten(2, (3, 5))
    posterior = vae.encode(to_offsets(xy))
    case.check("enc_tracks_mean", posterior.mean)
    case.check("enc_tracks_scale", posterior.scale)
    decoded = from_offsets(vae.decode(posterior.mean))
    case.check("dec_tracks_topleft", decoded.movedim(-1, 2))


@torch.no_grad()
def test_dense_fields_of_any_kind_give_the_published_numbers(case, dense):
    frames = case.outputs["frames"]
    posterior = dense.encode_field(case.inputs["x_dense"])
    field = dense.decode_field(posterior.mean)
    case.check("fwd_mean", posterior.mean)
    case.check("fwd_scale", posterior.scale)
    case.check("fwd_recons", field[:, frames])
    case.check("dec_z", dense.decode_field(case.inputs["z"])[:, frames])

    predicted, target = field.movedim(2, -1), case.inputs["x_dense"].movedim(2, -1)
    seen = case.inputs["vis_mask"]
    likelihood = -losses.reconstruction(predicted, target, seen) / 2  # theirs: mean over x and y
    case.check("fwd_ll_masked", likelihood)
    case.check("fwd_elbo_masked", likelihood)
    everywhere = losses.reconstruction(predicted, target, torch.ones_like(seen))
    case.check("fwd_ll_unmasked", -everywhere / 2)
    case.check("fwd_kl", losses.kl(Posterior(posterior.mean, posterior.scale)))


@torch.no_grad()
def test_on_rasterised_tracks_cells_and_pixels_agree(case, dense):
    xy = coords.normalise(case.inputs["tracks_px"], (160, 96)).unflatten(2, (3, 5))
    field = xy.movedim(-1, 2).repeat_interleave(32, dim=3).repeat_interleave(32, dim=4)
    torch.testing.assert_close(
        collapse(dense).encode(to_offsets(xy)).mean,
        dense.encode_field(field).mean,
        rtol=0,
        atol=1e-5,
    )
