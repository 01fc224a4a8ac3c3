"""ZipMo's stages: what they learn, what they are told, and when an image encoder learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from zipmo_pool import (
    CPU,
    FRAMES,
    OPTIM,
    PLANNER,
    Pool,
    network_of,
    poke_model,
    policy_model,
    text_model,
)
from zipmo_pool import vae_model as plain

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.io.checkpoint import save_checkpoint
from kinecast.train.draw import Draw
from kinecast.train.warm import load_fitting
from kinecast.train.zipmo_clips import AtStep, all_tracks, noisy, some_of
from kinecast.train.zipmo_planner import PokeStage, dropped, pokes_of
from kinecast.train.zipmo_policy import PolicyStage
from kinecast.train.zipmo_score import nearest_poke
from kinecast.train.zipmo_text import TextStage
from kinecast.train.zipmo_vae import VAEStage


def stage_of(kind, model, views=1, **clips):
    system = network_of(replace(model, image_weights="", unlock=0))
    system.requires_grad_(False)
    system.rescale(0.1, 0.5)
    return kind(system, Pool(views, **clips), OPTIM, model, CPU), system


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def overfit(stage, steps, rate):
    """Loss of one batch with the same random numbers, first and last."""
    batch = stage.batch(0)
    trained = [p for p in stage.module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    losses = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 20, 1.05 - step / steps)
        optimiser.zero_grad()
        loss, _ = stage.loss(batch, drawn())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


@pytest.mark.parametrize(
    ("kind", "model", "views"),
    [
        (PokeStage, poke_model(), 1),
        (PokeStage, poke_model(planner=replace(PLANNER, fill=False)), 1),
        (TextStage, text_model(drop_text=0.0), 2),
        (PolicyStage, policy_model(), 2),
    ],
)
def test_one_batch_is_learned_by_heart(kind, model, views):
    first, last = overfit(stage_of(kind, model, views)[0], 120, 1e-2)
    assert last < 0.01 * first


def test_the_vae_learns_one_batch_by_heart():
    first, last = overfit(stage_of(VAEStage, plain(), count=1)[0], 400, 1e-2)
    assert last < 0.01 * first


@pytest.mark.parametrize(
    ("kind", "model", "views", "beside"),
    [
        (VAEStage, plain(), 2, {"unseen", "predict the mean", "stay"}),
        (
            PokeStage,
            poke_model(),
            1,
            {"predict the mean", "stay", "nearest poke, linear", "best of 2", "one sample"},
        ),
        (TextStage, text_model(), 2, {"predict the mean", "stay", "best of 2", "one sample"}),
        (PolicyStage, policy_model(), 2, {"predict the mean", "no action"}),
    ],
)
@torch.no_grad()
def test_validations_show_trivial_guesses_beside_the_model(kind, model, views, beside):
    stage, _ = stage_of(kind, model, views)
    scores = stage.validate()
    assert set(scores) == {"model", *beside}
    assert scores == stage.validate()
    assert all(value > 0 for value in scores.values())
    if kind is not PolicyStage:
        for picture in stage.pictures().values():
            assert picture.dtype == np.uint8
            assert picture.shape[2] == 3
            assert picture.std() > 0
    stage.finish()


@pytest.mark.parametrize(
    ("kind", "model", "views"),
    [
        (VAEStage, plain(), 2),
        (PokeStage, poke_model(early=0.5), 1),
        (PolicyStage, policy_model(), 2),
    ],
)
def test_shares_of_a_batch_have_the_loss_of_the_whole(kind, model, views):
    stage, _ = stage_of(kind, model, views)
    batch = stage.batch(0)
    keys = (3, 4, 5)
    with torch.no_grad():
        whole, _ = stage.loss(batch, Draw.of(keys))
        parts = [
            stage.loss(batch.rows(slice(i, None, 2)), Draw.of(keys, i, 2, batch))[0]
            for i in range(2)
        ]
    torch.testing.assert_close(torch.stack(parts).mean(), whole, rtol=1e-5, atol=1e-6)


def test_an_image_encoder_learns_from_its_step_on():
    stage, system = stage_of(VAEStage, plain(unlock=3, image_weights="given"))
    grads = {}
    for step in (2, 3):
        stage.module.zero_grad(set_to_none=True)
        stage.loss(AtStep(stage.batch(0).clips, step), drawn())[0].backward()
        grads[step] = [p.grad for p in system.image.blocks.parameters()]
    assert all(grad is None for grad in grads[2])
    assert all(grad is not None for grad in grads[3])


def test_a_frozen_encoder_needs_weights():
    with pytest.raises(UserError, match=r"expected model\.image_weights"):
        plain(unlock=None)
    with pytest.raises(UserError, match=r"expected model\.two_images=true"):
        poke_model(unlock_planner=0)


def test_a_planner_trains_its_own_copy_of_the_encoder():
    stage, system = stage_of(PokeStage, poke_model(two_images=True, unlock_planner=0))
    stage.loss(stage.batch(0), drawn())[0].backward()
    assert all(p.grad is not None for p in system.image.blocks.parameters())
    assert all(p.grad is None for p in system.vae_image.parameters())
    shared, system = stage_of(PokeStage, poke_model())
    assert "image" not in shared.module
    assert not any(p.requires_grad for p in [*system.image.parameters(), *system.vae.parameters()])


def test_pokes_are_tracks_and_may_end_early():
    tracks = all_tracks(Pool().item, FRAMES)
    pokes = pokes_of(tracks, 4, 0.0, drawn())
    torch.testing.assert_close(pokes[..., :2], tracks[:, :4, 0])
    torch.testing.assert_close(pokes[..., 2:4], tracks[:, :4, -1])
    assert (pokes[..., 4] == 1).all()
    early = pokes_of(tracks, 4, 1.0, drawn())
    torch.testing.assert_close(early[..., 2:4], tracks[:, :4, 1])
    assert (early[..., 4] == 0.5).all()


def test_the_last_pokes_are_dropped_as_if_they_were_missing():
    _, system = stage_of(PokeStage, poke_model())
    pokes = pokes_of(all_tracks(Pool().item, FRAMES), 4, 0.0, drawn())
    tokens = system.planner.poke_tokens(pokes)
    none, every = dropped(tokens, 0.0, drawn()), dropped(tokens, 1e6, drawn())
    assert torch.equal(none.tokens, tokens.tokens)
    assert not every.tokens.any()
    assert not every.positions.any()
    some = dropped(tokens, 1.5, drawn())
    for i, row in enumerate(some.tokens.any(-1)):
        missing = system.planner.poke_tokens(pokes[i : i + 1, : int(row.sum())])
        torch.testing.assert_close(some.tokens[i], missing.tokens[0])
        torch.testing.assert_close(some.positions[i], missing.positions[0])
    assert 0 < some.tokens.any(-1).sum() < 16


def test_a_dropped_text_is_the_planner_without_one():
    stage, system = stage_of(TextStage, text_model(drop_text=1.0), 2)
    item = stage.batch(0)
    image = stage._see(item.clips.pixels)
    told = stage.context(item, None, image, drawn())
    nothing = system.planner.no_instruction(2, item.clips.steps)
    free = system.planner.context(image, nothing, system.vae.position)
    torch.testing.assert_close(told["text"][0].key, free["text"][0].key)
    other = stage.told(item.clips, None, image)[0]
    assert not torch.allclose(other["text"][0].key, free["text"][0].key)


def test_a_dropped_frame_needs_tokens_of_one_width():
    with pytest.raises(UserError, match=r"of one width for model\.drop_frame"):
        text_model(drop_frame=0.5)


def test_noise_on_the_frame_is_as_strong_as_asked():
    grey = torch.full((8, 1, 18, 24, 3), 128, dtype=torch.uint8)
    assert torch.equal(noisy(grey, 0.0, drawn()), grey)
    spread = (noisy(grey, 0.2, drawn()).float() - 128).flatten(1).std(1)
    assert 2 < spread.min() < spread.max() < 0.2 * 255 + 5


def test_tracks_are_distinct_and_drawn_for_each_view():
    tracks = all_tracks(Pool(views=2).item, FRAMES)
    some = some_of(tracks, 4, 6, drawn())
    assert some.shape == (8, 6, FRAMES, 2)
    for row, every in zip(some, tracks, strict=True):
        same = (row[:, None] == every[None]).flatten(2).all(-1)
        assert (same.sum(1) == 1).all()
        assert (same.sum(0) <= 1).all()
    assert not torch.equal(some, some_of(tracks, 4, 6, drawn(1)))


def test_shorter_clips_are_resampled_from_end_to_end():
    item = Pool().item
    longer = all_tracks(item, 5)
    torch.testing.assert_close(longer[:, :, ::2], all_tracks(item, FRAMES))
    torch.testing.assert_close(longer[:, :, 1], longer[:, :, :3:2].mean(2))


def test_points_move_as_the_nearest_poke():
    start = torch.tensor([[[0.0, 0.0], [0.9, 0.9]]])
    pokes = torch.tensor([[[[0.1, 0.0], [0.1, 1.0]], [[0.8, 0.8], [0.8, 0.8]]]])
    moved = nearest_poke(start[:, :, None].expand(-1, -1, 3, -1), pokes)
    torch.testing.assert_close(moved[0, 0], torch.tensor([[0.0, 0.0], [0.0, 0.5], [0.0, 1.0]]))
    torch.testing.assert_close(moved[0, 1], start[0, 1].expand(3, -1))


def test_too_few_points_are_refused():
    with pytest.raises(UserError, match="at least 12 points, got 8"):
        stage_of(VAEStage, plain(), points=8)


def test_the_vae_leaves_the_scale_of_its_latents():
    stage, system = stage_of(VAEStage, plain())
    stage.finish()
    item = Pool().item
    latent = stage._encode(item, rng.generator(14, 0)).mean
    assert system.shift == pytest.approx(latent.mean().item(), abs=1e-5)
    assert system.scale == pytest.approx(latent.var(unbiased=False).item(), rel=1e-4)
    other = network_of(plain(), seed=1)
    other.load_state_dict(system.state_dict())
    assert (other.shift, other.scale) == (system.shift, system.scale)


@pytest.mark.parametrize(
    ("kind", "model", "views"),
    [
        (VAEStage, plain(), 2),
        (PokeStage, poke_model(), 1),
        (TextStage, text_model(drop_text=0.5), 2),
        (PolicyStage, policy_model(), 2),
    ],
)
def test_losses_in_half_precision_are_those_in_single(kind, model, views):
    stage, _ = stage_of(kind, model, views)
    with torch.no_grad():
        single, _ = stage.loss(stage.batch(0), drawn())
        with torch.autocast("cpu", torch.bfloat16):
            half, _ = stage.loss(stage.batch(0), drawn())
    torch.testing.assert_close(half.float(), single, rtol=0.03, atol=0.0)


def test_a_kept_planner_keeps_the_scale_of_its_latents(tmp_path):
    model = plain()
    system = network_of(model)
    system.rescale(0.3, 2.0)
    VAEStage(system, Pool(), OPTIM, model, CPU, measured=True).finish()
    assert system.moments.tolist() == pytest.approx([0.3, 2.0])

    sizes, tensors = system.exported()
    save_checkpoint(tmp_path, {"format": 1, "system": "zipmo", "model": sizes}, tensors, "card")
    again = network_of(model, seed=1)
    load_fitting(again, tmp_path)
    again.use_moments()
    assert (again.shift, again.scale) == pytest.approx((0.3, 2.0))
