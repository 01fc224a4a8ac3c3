"""WHN's stages: what they lower, what they leave out, and how they choose their weights."""

import math
from dataclasses import replace

import pytest
import torch
from whn_recipes import CPU, MODEL, overfit, small

from kinecast.core import coords, rng
from kinecast.core.errors import UserError
from kinecast.systems.whn.presets import published
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.recipe import with_words
from kinecast.train.recipes import recipe_of
from kinecast.train.stages_whn import build
from kinecast.train.whn_flow import LatentFlowStage
from kinecast.train.whn_latents import EncodedItem, latent_cache, latents_of
from kinecast.train.whn_network import whn_config
from kinecast.train.whn_score import Trivial, usable


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")

    def of(recipe):
        return ImageClips(recipe.data, recipe.seed, folder)

    return of


@pytest.fixture(scope="module")
def plan_of(clips):
    def make(name, **data):
        recipe = small(name, **data)
        pool = clips(recipe)
        with pool:
            pool.take(0, torch.arange(1))  # now the chunk is there
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return build(recipe, pool, CPU)

    return make


def ready(plan):
    """The flow's stage, on the latents of a VAE as it was drawn."""
    if "vae" in plan.recipe.stages:
        plan.stage("vae").finish()
    return plan.stage("flow")


@pytest.mark.parametrize(
    ("name", "steps"), [("whn-vae", 80), ("whn-raw", 100), ("whn-latent", 120), ("whn-text", 160)]
)
def test_one_batch_is_learnt_by_heart(plan_of, name, steps):
    plan = plan_of(name)
    stage = plan.stage("vae") if name == "whn-vae" else ready(plan)
    few = plan.pool.take(0, torch.arange(2))
    latent = isinstance(stage, LatentFlowStage)
    batch = EncodedItem(few, latents_of(plan.system, few)) if latent else few
    first, last = overfit(stage, batch, steps, rate=1e-2)
    assert last < 0.01 * first


def test_the_first_frame_is_given_and_no_part_of_the_loss(plan_of, monkeypatch):
    plan = plan_of("whn-raw")
    stage, system = ready(plan), plan.system
    batch = plan.pool.take(0, torch.arange(3))
    seen = []

    def velocity(z_t, t, cond, shift=0.0):
        seen.append((z_t, t))
        out = torch.zeros_like(z_t)
        out[:, 0] += shift
        return out

    monkeypatch.setattr(system, "velocity", velocity)
    loss, _ = stage.loss(batch, rng.generator(5))
    monkeypatch.setattr(system, "velocity", lambda z, t, cond: velocity(z, t, cond, 100.0))
    assert stage.loss(batch, rng.generator(5))[0] == loss
    z_t, t = seen[0]
    start = coords.normalise(batch.xy[:, 0, 0], batch.size).unflatten(1, (4, 6))
    assert torch.equal(z_t[:, 0], start)
    # the velocity is data - noise: what is left of z_t = t data + (1 - t) noise says the same
    data = batch.field().xy
    t = t[:, None, None, None, None]
    target = (data - z_t)[:, 1:] / (1 - t)
    assert loss.item() == pytest.approx(0.75 * target.square().mean().item(), rel=1e-3)


def test_latents_have_unit_scale_and_the_config_keeps_it(plan_of):
    plan = plan_of("whn-latent")
    ready(plan)
    system = plan.system
    item = plan.pool.take(0, torch.arange(8))
    with torch.no_grad():
        posterior = system.encode(item.field(), system.condition(item.images()))
    z = posterior.mean + posterior.scale * torch.randn(
        posterior.mean.shape, generator=rng.generator(1)
    )
    assert z.flatten(0, -2).std(0).sub(1).abs().max() < 0.2
    _, model, tensors = system.exported()
    assert model["scale"] == tuple(system.scale.tolist())
    assert min(model["scale"]) > 0
    assert "scale" not in tensors


def test_cached_latents_are_those_of_the_step_s_clips(plan_of, tmp_path):
    plan = plan_of("whn-latent", clips=32, chunk=32, reuse=2)
    stage, system = ready(plan), plan.system
    for step in (0, 1, 5):
        batch = stage.batch(step)
        again = latents_of(system, batch.clips)
        for name, value in again.tensors().items():
            torch.testing.assert_close(batch.latents.tensors()[name], value, rtol=2e-3, atol=1e-3)
    cond = system.condition(batch.clips.images())
    system.denoiser.head.weight.data.normal_(generator=rng.generator(9))
    cached, _ = stage.loss(batch, rng.generator(5))
    posterior = system.encode(batch.clips.field(), cond)
    exact = stage._matching(batch.clips, cond, posterior, rng.generator(5))
    assert cached.item() == pytest.approx(exact.item(), rel=1e-3)
    # both passes over the chunk have the same clips, and the same file
    assert plan.pool.passes == 2
    assert [path.name for path in stage.latents.fill()] == ["pass-00000-0.safetensors"]


def test_latents_of_other_eyes_have_another_cache(plan_of):
    """The same clips and VAE, but tokens of a picture of another size: as many, but others."""
    plan = plan_of("whn-latent")
    folders = []
    for size in (plan.recipe.data.encoder_size, (33, 25)):
        data = replace(plan.recipe.data, encoder_size=size)
        with ImageClips(data, 0, plan.pool.home) as pool:
            assert pool.name == plan.pool.name
            folders.append(latent_cache(plan.system, pool, CPU).folder)
    assert folders[0] != folders[1]


def test_clips_that_go_too_far_count_nothing(plan_of):
    plan = plan_of("whn-raw")
    stage = ready(plan)
    batch = plan.pool.take(0, torch.arange(2))
    xy = batch.xy.clone()
    xy[1, 0, 2, 3, 1] = -1.51 * 32  # published: |coordinate| <= 384 in a frame of 256
    far = replace(batch, xy=xy)
    assert usable(far).tolist() == [True, False]
    xy[1, 0, 2, 3, 1] = -1.49 * 32
    assert usable(far).tolist() == [True, True]
    xy[1, 0, 2, 3, 1] = 1e6
    loss, _ = stage.loss(far, rng.generator(2))
    xy[1, 0, 2, 3, 1] = 2e6
    assert stage.loss(far, rng.generator(2))[0] == loss
    assert 0 < loss < stage.loss(batch, rng.generator(2))[0]


def test_trivial_forecasts_are_the_training_clips(plan_of):
    plan = plan_of("whn-raw")
    item = plan.pool.take(0, torch.arange(8))
    moved = (item.xy - item.xy[:, :, :1])[:, 0]
    trivial = Trivial.of(plan.pool, 2)
    assert torch.allclose(trivial.mean, moved.mean(0), atol=1e-4)
    start = item.xy[5, 0, 0]
    futures = trivial.forecasts(start)
    assert list(futures) == ["predict the mean", "stay", "2 training clips"]
    assert torch.equal(torch.from_numpy(futures["2 training clips"]), start + moved[:2])
    assert (torch.from_numpy(futures["stay"][0]) == start).all()


def test_the_vae_is_chosen_by_l1_and_the_flow_by_its_best_sample(plan_of, monkeypatch):
    plan = plan_of("whn-latent")
    with torch.no_grad():
        scores = plan.stage("vae").validate()
        assert list(scores) == ["model", "predict the mean", "stay"]
        held: list[ImageItem] = plan.pool.validation()
        errors = [
            (item.xy[i, 0] - item.xy[i, 0, :1]).abs().mean() for item in held for i in range(3)
        ]
        assert scores["stay"] == pytest.approx(torch.stack(errors).mean().item(), rel=1e-5)

        stage = ready(plan)
        truth = [item.field().xy for item in held]
        answers = iter([truth[0], truth[0] + 0.5])  # two samples, one of them right
        monkeypatch.setattr(plan.system, "decode", lambda z, cond: (next(answers), None))
        scores = stage.validate()
    half = (0.5 * torch.tensor([24.0, 16.0])).square().mean().item()  # pixels^2 of half a frame/2
    assert scores["model"] == pytest.approx(0, abs=1e-6)
    assert scores["one sample"] == pytest.approx(half / 2, rel=1e-4)
    assert scores["samples' mean"] == pytest.approx(half / 4, rel=1e-4)
    assert scores["scene variance"] == pytest.approx(half / 2, rel=1e-4)  # sums both coordinates
    assert scores["stay"] > 0


def test_times_are_logit_normal_or_uniform(plan_of, monkeypatch):
    plan = plan_of("whn-raw")
    for name, spread in (("logit-normal", 0.208), ("uniform", math.sqrt(1 / 12))):
        plan.model = replace(MODEL, times=name)
        t = plan.stage("flow")._times(rng.generator(4))(20_000)
        assert t.mean().item() == pytest.approx(0.5, abs=0.01)
        assert t.std().item() == pytest.approx(spread, abs=0.005)


@pytest.mark.parametrize(
    ("name", "preset", "size"),
    [("whn-latent", "kubric", "L"), ("whn-raw", "physion", "B"), ("whn-text", "libero-atm", "B")],
)
def test_the_paper_size_is_the_published_network(name, preset, size):
    recipe = recipe_of(name, "paper")
    latent = "vae" in recipe.stages
    ours = whn_config(recipe.model, recipe.data, latent=latent)
    theirs = published(preset, size, scale=(1.0,) * 8 if latent else ())
    assert replace(ours, scale=theirs.scale) == theirs


def test_the_paper_size_is_trained_as_published():
    recipe = recipe_of("whn-latent", "paper")
    flow, vae = recipe.stages["flow"], recipe.stages["vae"]
    assert (flow.batch, flow.lr, flow.warmup, flow.clip, flow.floor) == (32, 6e-5, 3238, 1.0, 1.0)
    assert (vae.batch, vae.lr, vae.micro, vae.ema) == (16, 6e-5, 4, 0.0)
    assert recipe.model.beta == 1e-6
    assert (flow.weight_decay, flow.betas) == (0.01, (0.9, 0.999))
    assert recipe_of("whn-text", "paper").stages["flow"].warmup == 1448
    assert recipe_of("whn-raw", "paper").stages["flow"].warmup == 2048


def test_latents_are_encoded_without_the_denoiser(plan_of, monkeypatch):
    """In training it may be split over processes, which encode what is theirs."""
    stage = ready(plan_of("whn-text"))
    system, item = stage._system, stage._pool.batch(0, 2)
    wanted = latents_of(system, item)

    def asked(*_):
        raise AssertionError("the denoiser was asked")

    monkeypatch.setattr(system.denoiser, "context", asked)
    for name, value in latents_of(system, item).tensors().items():
        assert torch.equal(value, wanted.tensors()[name])


@pytest.mark.parametrize(
    ("name", "words", "epochs"),
    [
        ("whn-vae", (), {"vae": 400}),
        ("whn-latent", (), {"vae": 400, "flow": 400}),
        ("whn-latent", ("flow.batch=64", "flow.steps=60800"), {"flow": 400}),  # docs: S and B
        ("whn-raw", (), {"flow": 40}),
        ("whn-text", (), {"vae": 400, "flow": 1500}),
    ],
)
def test_the_paper_size_takes_the_published_epochs(name, words, epochs):
    recipe = with_words(recipe_of(name, "paper"), list(words))
    data = recipe.data
    clips = data.clips // data.chunk * data.chunk
    for stage, count in epochs.items():
        optim = recipe.stages[stage]
        assert optim.steps * optim.batch == count * clips


def test_encoders_without_known_tokens_are_refused(plan_of):
    with pytest.raises(UserError, match=r"expected data.encoder of pixels, .* got ''"):
        plan_of("whn-raw", encoder="")
    recipe = small("whn-text")
    data = replace(recipe.data, text_encoder="umt5")
    with pytest.raises(UserError, match=r"expected data.text_encoder of words, bert"):
        whn_config(MODEL, data, latent=True)
