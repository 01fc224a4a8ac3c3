"""The codec, the source and the system around the generator."""

from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core import coords, rng
from kinecast.core.errors import UserError
from kinecast.systems.base import FieldBatch
from kinecast.systems.trajloom.codec import CodecConfig, LinearCodec
from kinecast.systems.trajloom.config import SIZES, preset
from kinecast.systems.trajloom.patches import to_cells, to_tokens, token_grid
from kinecast.systems.trajloom.source import SmoothSource, cosine_modes
from kinecast.systems.trajloom.system import TrajLoom

SIZE = (160, 96)


@pytest.fixture(scope="module")
def tiny() -> TrajLoom:
    """A tiny system whose every weight is off its initial value."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = TrajLoom(replace(preset("tiny"), frames=12, channels=16))
    draw = rng.generator(1)
    with torch.no_grad():
        for p in system.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=draw))
        system.codec.basis.copy_(torch.linalg.qr(torch.randn(96, 16, generator=draw)).Q.T)
    return system.eval()


def _history(frames: int, h: int = 5, w: int = 7, batch: int = 2, seed: int = 0) -> FieldBatch:
    draw = rng.generator(seed, frames, h, w)
    start = torch.rand(batch, 1, h, w, 2, generator=draw) * 1.6 - 0.8
    walk = 0.01 * torch.randn(batch, frames, h, w, 2, generator=draw).cumsum(1)
    visible = torch.rand(batch, frames, h, w, generator=draw) > 0.2
    return FieldBatch(start + walk, visible, SIZE)


@settings(deadline=None, max_examples=20)
@given(h=st.integers(1, 7), w=st.integers(1, 7), patch=st.integers(1, 3))
def test_tokens_and_back(h, w, patch):
    cells = torch.randn(2, 3, h, w, 2, generator=rng.generator(h, w))
    tokens = to_tokens(cells, patch)
    rows, columns = token_grid(h, w, patch)
    assert tokens.shape == (2, rows * columns, patch**2, 3, 2)
    assert torch.equal(to_cells(tokens, h, w, patch), cells)


def test_a_codec_with_all_channels_is_exact_and_rest_is_always_exact():
    config = CodecConfig(frames=5, patch=2, channels=40)
    codec = LinearCodec(config)
    fields = torch.randn(3, 5, 3, 4, 2, generator=rng.generator(0))
    tokens = to_tokens(fields, 2).flatten(2).flatten(0, 1).double()
    codec.fit(tokens.T @ tokens / len(tokens))
    torch.testing.assert_close(codec.decode(codec.encode(fields), 3, 4), fields)
    few = LinearCodec(replace(config, channels=7))
    few.fit(tokens.T @ tokens / len(tokens))
    still = torch.zeros(1, 5, 3, 4, 2)
    assert torch.equal(few.decode(few.encode(still), 3, 4), still)


def test_a_fitted_codec_keeps_the_leading_directions_in_units_of_their_size():
    codec = LinearCodec(CodecConfig(frames=4, patch=1, channels=3))
    fields = torch.randn(400, 4, 1, 1, 2, generator=rng.generator(3)) * torch.tensor([9.0, 1.0])
    tokens = to_tokens(fields, 1).flatten(2).flatten(0, 1).double()
    codec.fit(tokens.T @ tokens / len(tokens))
    z = codec.encode(fields)
    torch.testing.assert_close(z.square().mean((0, 1)), torch.ones(3), atol=1e-3, rtol=1e-3)
    assert (codec.scale.diff() <= 0).all()


@pytest.mark.parametrize("grid", [(1, 1), (2, 9), (8, 13)])
def test_cosine_modes_are_orthonormal(grid):
    modes = cosine_modes(*grid)
    torch.testing.assert_close(modes @ modes.T, torch.eye(len(modes)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("grid", [(6, 8), (4, 4), (2, 3), (1, 9)])
def test_the_source_reproduces_the_spread_it_was_fitted_to(grid):
    tokens, draw = grid[0] * grid[1], rng.generator(5)
    shared = 3 * torch.randn(4000, 1, 2, generator=draw)
    residuals = shared + torch.randn(4000, tokens, 2, generator=draw)
    source = SmoothSource(2)
    source.fit(residuals, grid)
    noise = source(torch.randn(4000, tokens, 2, generator=draw), grid)
    torch.testing.assert_close(noise.std((0, 1)), residuals.std((0, 1)), atol=0.1, rtol=0.05)
    torch.testing.assert_close(noise.mean(1).std(0), residuals.mean(1).std(0), atol=0.1, rtol=0.05)
    wider = source(torch.randn(4000, 96, 2, generator=draw), (6, 16))
    torch.testing.assert_close(wider.mean(1).std(0), shared.std((0, 1)), atol=0.15, rtol=0.05)


def test_an_unfitted_source_leaves_noise_white():
    noise = torch.randn(2, 35, 4, generator=rng.generator(0))
    torch.testing.assert_close(SmoothSource(4)(noise, (5, 7)), noise)


@pytest.mark.parametrize("frames", [2, 5, 12])
@pytest.mark.parametrize("grid", [(1, 1), (5, 7), (2, 3)])
def test_any_grid_and_any_history_give_a_whole_window(tiny, frames, grid):
    history = _history(frames, *grid)
    cond = tiny.condition(history)
    shape = tiny.latent_shape(cond)
    z = tiny.source(rng.sample_noise(0, [0, 1], shape), cond)
    v = tiny.velocity(z, torch.tensor([0.2, 0.7]), cond)
    xy, logits = tiny.decode(z, cond)
    assert v.shape == z.shape == (2, *shape)
    assert xy.shape == (2, 12, *grid, 2)
    assert logits.shape == (2, 12, *grid)
    assert torch.isfinite(xy).all()


def test_a_short_history_equals_one_padded_with_missing_frames(tiny):
    short = _history(5)
    missing = torch.zeros(2, 7, 5, 7, dtype=torch.bool)
    first = short.xy[:, -1:].expand(-1, 7, -1, -1, -1)
    padded = FieldBatch(
        torch.cat([first, short.xy], 1), torch.cat([missing, short.visible], 1), SIZE
    )
    torch.testing.assert_close(tiny.condition(short)["mean"], tiny.condition(padded)["mean"])


def test_decoding_what_was_encoded_keeps_what_the_codec_keeps(tiny):
    history = _history(12)
    cond = tiny.condition(history)
    z = 0.3 * torch.randn(2, *tiny.latent_shape(cond), generator=rng.generator(8))
    xy, _ = tiny.decode(z, cond)
    # 5 x 7 cells fill their edge patches with copies: compare on whole patches only
    again = tiny.encode(FieldBatch(xy, torch.ones(xy.shape[:4], dtype=torch.bool), SIZE), cond)
    whole = torch.arange(12).view(3, 4)[:2, :3].flatten()
    torch.testing.assert_close(again.mean[:, :, whole], z[:, :, whole], atol=1e-3, rtol=1e-3)


def test_no_motion_in_latents_means_the_mean(tiny):
    cond = tiny.condition(_history(12))
    xy, _ = tiny.decode(torch.zeros(2, *tiny.latent_shape(cond)), cond)
    moved = coords.displacement_to_reference(xy - cond["last"], SIZE)
    torch.testing.assert_close(moved, cond["mean"], atol=1e-4, rtol=1e-4)


def test_an_untrained_mean_holds_still_scenes_still():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = TrajLoom(replace(preset("tiny"), frames=12))
    place = torch.rand(1, 1, 4, 6, 2, generator=rng.generator(0)) * 2 - 1
    seen = torch.ones(1, 12, 4, 6, dtype=torch.bool)
    cond = system.condition(FieldBatch(place.expand(1, 12, 4, 6, 2), seen, SIZE))
    assert cond["mean"].abs().max() < 1e-4


def test_samples_of_one_clip_share_its_condition(tiny):
    history = _history(12, batch=1)
    cond = tiny.condition(history)
    z = rng.sample_noise(0, [0, 1, 2], tiny.latent_shape(cond))
    t = torch.full((3,), 0.4)
    together = tiny.velocity(z, t, cond)
    alone = tiny.velocity(z[1:2], t[1:2], cond)
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_motion_is_seen_alike_at_any_resolution(tiny):
    history = _history(12)
    double = FieldBatch(history.xy, history.visible, (2 * SIZE[0], 2 * SIZE[1]))
    torch.testing.assert_close(tiny.condition(history)["mean"], tiny.condition(double)["mean"])


def test_points_may_come_in_any_order_of_clips(tiny):
    history = _history(12, batch=2)
    swapped = FieldBatch(history.xy.flip(0), history.visible.flip(0), SIZE)
    torch.testing.assert_close(
        tiny.condition(history)["mean"].flip(0), tiny.condition(swapped)["mean"]
    )


def test_visibility_starts_from_what_was_last_seen(tiny):
    history = _history(12)
    history.visible[:, -1, 0] = False
    with torch.random.fork_rng():
        fresh = TrajLoom(tiny.config)
    for layer in fresh.visibility:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    cond = fresh.condition(history)
    _, logits = fresh.decode(torch.zeros(2, *fresh.latent_shape(cond)), cond)
    assert torch.equal(logits > 0, history.visible[:, -1:].expand_as(logits))


@pytest.mark.parametrize("mode", ["constant", "replicate"])
def test_missing_frames_may_be_left_out_or_filled_with_anything(tiny, mode):
    history = _history(7)
    before = (0, 0, 0, 0, 0, 0, 5, 0)
    xy = history.xy[:, :1].expand(-1, 5, -1, -1, -1) if mode == "replicate" else 9.0
    filled = torch.nn.functional.pad(history.xy, before)
    filled[:, :5] = xy
    seen = torch.nn.functional.pad(history.visible, before[2:])
    short = tiny.condition(history)
    padded = tiny.condition(FieldBatch(filled, seen, SIZE))
    torch.testing.assert_close(padded["mean"], short["mean"])
    torch.testing.assert_close(padded["tokens"], short["tokens"])


def test_without_a_mean_the_flow_works_around_rest():
    with torch.random.fork_rng():
        system = TrajLoom(replace(SIZES["tiny"], mean=False))
    cond = system.condition(_history(12, batch=1))
    assert cond["mean"].shape[1:] == (81, 5, 7, 2)
    assert not cond["mean"].any()
    assert not any(name.startswith("history.mixture") for name in system.state_dict())
    xy, _ = system.decode(torch.zeros(1, *system.latent_shape(cond)), cond)
    torch.testing.assert_close(xy, cond["last"].expand_as(xy))


def test_presets_and_configurations_are_checked():
    assert TrajLoom.from_config(asdict(SIZES["tiny"])).config == SIZES["tiny"]
    with pytest.raises(UserError, match="expected size tiny, small, base, got 'huge'"):
        preset("huge")
    with pytest.raises(UserError, match="expected the fields"):
        TrajLoom.from_config({"frames": 81})
