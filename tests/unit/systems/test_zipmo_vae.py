"""The trajectory VAE, its losses, and dense decoding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from zipmo_networks import VAE_CONFIG, close, normal, shaken, uniform

from kinecast.core.errors import UserError
from kinecast.systems.zipmo import dense, losses
from kinecast.systems.zipmo.dense import decode_field, plan, spread, strided_sets
from kinecast.systems.zipmo.vae import VAE, Gaussian, VAEConfig


@pytest.fixture(scope="module")
def vae() -> VAE:
    return shaken(VAE(VAE_CONFIG))


@settings(max_examples=10)
@given(b=st.integers(1, 2), n=st.integers(1, 4), t=st.integers(1, 5), q=st.integers(1, 4))
@torch.no_grad()
def test_any_tracks_in_any_points_out(vae, b, n, t, q):
    image = normal(b, 9, 24)
    latent = vae.encode(uniform(b, n, t, 2), image)
    assert latent.mean.shape == latent.logvar.shape == (b, 9, 4)
    tracks = vae.decode(latent.mean, uniform(b, q, 2), t + 1, vae.contexts(image))
    assert tracks.shape == (b, q, t + 1, 2)
    assert tracks.dtype == torch.float32


@torch.no_grad()
def test_the_order_of_tracks_means_nothing(vae):
    tracks, queries, image = uniform(1, 5, 4, 2), uniform(1, 5, 2), normal(1, 9, 24)
    order = torch.tensor([3, 1, 4, 0, 2])
    latent, permuted = vae.encode(tracks, image), vae.encode(tracks[:, order], image)
    close(latent.mean, permuted.mean)
    contexts = vae.contexts(image)
    decoded = vae.decode(latent.mean, queries, 4, contexts)
    close(vae.decode(latent.mean, queries[:, order], 4, contexts), decoded[:, order])


@torch.no_grad()
def test_a_clip_does_not_depend_on_its_batch(vae):
    tracks, queries, image = uniform(3, 4, 5, 2), uniform(3, 6, 2), normal(3, 9, 24)
    whole = vae.encode(tracks, image)
    alone = vae.encode(tracks[1:2], image[1:2])
    close(whole.mean[1:2], alone.mean)
    many = vae.decode(whole.mean, queries, 5, vae.contexts(image))
    one = vae.decode(alone.mean, queries[1:2], 5, vae.contexts(image[1:2]))
    close(many[1:2], one)


@torch.no_grad()
def test_samples_of_one_clip_share_its_image_and_queries(vae):
    z, queries, image = normal(3, 9, 4), uniform(1, 6, 2), normal(1, 9, 24)
    shared = vae.decode(z, queries, 4, vae.contexts(image))
    own = vae.decode(z, queries.expand(3, -1, -1), 4, vae.contexts(image.expand(3, -1, -1)))
    close(shared, own)


@settings(max_examples=10)
@given(
    h=st.integers(1, 5),
    w=st.integers(1, 5),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    fill=st.integers(0, 12),
)
@torch.no_grad()
def test_strided_decoding_is_direct_decoding_of_its_sets(vae, h, w, rows, columns, fill):
    z, queries = normal(2, 9, 4), uniform(h, w, 2)
    contexts = vae.contexts(normal(1, 9, 24))
    field = decode_field(vae, z, queries, 3, contexts, (rows, columns), fill)
    i, j = h - 1, w - 1  # the set that holds the last point
    own = queries[i % rows :: rows, j % columns :: columns].flatten(0, 1)
    joint = torch.cat([own, spread(max(0, fill - len(own)))])[None]
    direct = vae.decode(z, joint, 3, contexts)[:, : len(own)]
    taken = field[:, i % rows :: rows, j % columns :: columns].flatten(1, 2)
    close(taken, direct)


@pytest.mark.parametrize("images", [1, 3])
@torch.no_grad()
def test_rows_decoded_one_by_one_are_those_decoded_together(vae, images, monkeypatch):
    z, queries, contexts = normal(3, 9, 4), uniform(3, 4, 2), vae.contexts(normal(images, 9, 24))
    together = decode_field(vae, z, queries, 3, contexts, (2, 2))
    monkeypatch.setattr(dense, "TOKENS", 1)
    close(decode_field(vae, z, queries, 3, contexts, (2, 2)), together)


@given(h=st.integers(1, 90), w=st.integers(1, 90))
def test_every_point_is_in_one_set_that_the_decoder_can_take(h, w):
    stride, fill = plan(h, w)
    sets = list(strided_sets(h, w, stride))
    assert torch.equal(torch.cat(sets).sort().values, torch.arange(h * w))
    assert max(len(points) for points in sets) <= (80 if 1 in (h, w) else 64)
    assert fill in (0, 80)
    assert fill or {len(points) for points in sets} == {64}


def test_the_published_grid_is_decoded_as_published():
    assert plan(64, 64) == ((8, 8), 0)
    assert next(iter(strided_sets(64, 64, (8, 8)))).tolist()[:9] == [*range(0, 64, 8), 512]


def test_added_points_spread_over_the_frame():
    points = spread(80)
    assert points.abs().max() < 1
    assert points.mean(0).abs().max() < 0.05
    assert torch.cdist(points, points).add(4 * torch.eye(80)).min() > 0.05
    assert torch.equal(spread(7), points[:7])


def test_a_head_is_as_wide_as_its_rotations():
    with pytest.raises(UserError, match="multiple of 8 channels, got 8 of 32"):
        VAEConfig(width=32, heads=8)


def test_losses_of_simple_cases():
    zero = torch.zeros(2, 9, 4)
    assert not losses.kl_per_token(Gaussian(zero, zero)).any()
    one = losses.kl_per_token(Gaussian(zero + 1, zero))
    close(one, torch.full((2, 9), 2.0))
    tracks = uniform(2, 3, 4, 2)
    close(losses.recon_l1(tracks + 0.25, tracks), torch.tensor(0.25))
    loss = losses.vae_loss(tracks, tracks, Gaussian(zero + 1, zero))
    close(loss, torch.tensor(2e-7))


def test_close_points_count_from_where_they_are_close():
    tracks = torch.zeros(1, 1, 4, 2)
    pixels = torch.tensor([[0.0, 0.9], [3.0, 0.0], [0.0, 7.9], [0.0, 17.0]])
    share = losses.pck(tracks + pixels * 2 / 255, tracks)
    assert share.tolist() == [0.25, 0.25, 0.5, 0.75, 0.75]
