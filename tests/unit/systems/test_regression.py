"""The regressors: one answer whatever the sampler, and what it does and does not depend on."""

from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.flow.sampler import SAMPLERS, uniform_times
from kinecast.systems.base import FieldBatch, ImageBatch
from kinecast.systems.regression.config import HistoryConfig, ImageConfig
from kinecast.systems.regression.history import HistoryRegression
from kinecast.systems.regression.image import ImageRegression

SIZE = (48, 32)
HISTORY = HistoryConfig(frames=10, width=16, heads=2, depth=2)
IMAGE = ImageConfig(
    frames=4, size=SIZE, encoder="pixels", encoder_size=None, features=6, tokens=(2, 3), width=16,
    heads=2, depth=1,
)  # fmt: skip


def shaken(kind, config):
    """A network as training may leave it: it starts as "stay", which hides all else."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = kind(config)
    draws = rng.generator(5)
    with torch.no_grad():
        for p in system.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=draws))
    return system.eval()


def clips(frames=10, count=2, h=3, w=4, hidden=0.2, seed=0):
    draws = rng.generator(seed, 1)
    steps = 0.02 * torch.randn(count, frames, h, w, 2, generator=draws)
    xy = 1.2 * torch.rand(count, 1, h, w, 2, generator=draws) - 0.6 + steps.cumsum(1)
    visible = torch.rand(count, frames, h, w, generator=draws) > hidden
    visible[:, -1] = True
    return FieldBatch(xy, visible, SIZE)


def images(count=2, text=None):
    draws = rng.generator(3)
    pixels = torch.zeros(count, 1, SIZE[1], SIZE[0], 3, dtype=torch.uint8)
    features = torch.randn(count, 1, 6, 6, generator=draws)
    said = None if text is None else torch.randn(count, 1, text, generator=draws)
    return ImageBatch(pixels, SIZE, features, text=said)


@torch.no_grad()
def forecast(system, given, steps=1, solver="euler", seed=0):
    cond = system.condition(given)
    noise = rng.sample_noise(seed, range(len(given.xy)), system.latent_shape(cond))
    z = SAMPLERS[solver](
        lambda z, t: system.velocity(z, t, cond),
        system.source(noise, cond),
        uniform_times(steps),
        system.pin(cond),
    )
    return system.decode(z, cond)


@pytest.mark.parametrize("kind", [HistoryRegression, ImageRegression])
def test_a_fresh_network_says_that_everything_stays(kind):
    if kind is HistoryRegression:
        given = clips()
        xy, logits = forecast(kind(HISTORY), given)
        assert torch.equal(xy, given.xy[:, -1:].expand_as(xy))
        assert (logits > 0).all()
        return
    system, start = kind(IMAGE), clips().xy[0, 0]
    with torch.no_grad():
        cond = system.condition(images())
        xy, _ = system.decode(cond["answer"], cond, start)
    assert torch.equal(xy, start.expand_as(xy))


@pytest.mark.parametrize(("solver", "steps"), [("euler", 1), ("euler", 7), ("dopri5", 1)])
def test_every_sampler_arrives_at_the_same_answer_from_any_noise(solver, steps):
    system, given = shaken(HistoryRegression, HISTORY), clips()
    wanted, _ = forecast(system, given)
    xy, _ = forecast(system, given, steps, solver, seed=9)
    torch.testing.assert_close(xy, wanted, atol=1e-5, rtol=0)
    assert torch.isfinite(xy).all()


def test_encode_is_the_inverse_of_decode():
    system, given = shaken(HistoryRegression, HISTORY), clips()
    future = replace(clips(seed=4), xy=clips(seed=4).xy)
    with torch.no_grad():
        cond = system.condition(given)
        posterior = system.encode(future, cond)
        xy, _ = system.decode(posterior.mean, cond)
    torch.testing.assert_close(xy, future.xy, atol=1e-5, rtol=0)
    assert posterior.scale.abs().max() == 0


@settings(max_examples=10)
@given(frames=st.integers(2, 9), fill=st.floats(-3, 3))
def test_missing_first_frames_may_hold_anything(frames, fill):
    system, given = shaken(HistoryRegression, HISTORY), clips(frames)
    short, _ = forecast(system, given)
    missing = 10 - frames
    xy = torch.cat([torch.full((2, missing, 3, 4, 2), fill), given.xy], 1)
    visible = torch.cat([torch.zeros(2, missing, 3, 4, dtype=torch.bool), given.visible], 1)
    padded, _ = forecast(system, FieldBatch(xy, visible, SIZE))
    torch.testing.assert_close(padded, short, atol=1e-5, rtol=0)


def test_clips_and_the_order_of_points_do_not_matter():
    system, given = shaken(HistoryRegression, HISTORY), clips()
    whole, seen = forecast(system, given)
    alone, _ = forecast(system, FieldBatch(given.xy[1:], given.visible[1:], SIZE))
    torch.testing.assert_close(alone, whole[1:], atol=1e-5, rtol=0)
    turned = FieldBatch(given.xy.flip(2, 3), given.visible.flip(2, 3), SIZE)
    xy, logits = forecast(system, turned)
    torch.testing.assert_close(xy.flip(2, 3), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(logits.flip(2, 3), seen, atol=1e-4, rtol=0)


def test_the_linear_map_alone_can_go_straight_on():
    """Its weights of a line through the last two frames give constant velocity."""
    system = HistoryRegression(HISTORY)
    with torch.no_grad():  # moved is 0 in the last frame and -velocity in the one before
        system.line.weight[:, -2] = -torch.arange(1.0, 11)
    time = torch.arange(-9.0, 11)[None, :, None, None, None]
    velocity = torch.tensor([0.01, -0.02]).expand(1, 1, 3, 4, 2)
    xy = 0.1 + time * velocity
    seen = torch.ones(1, 10, 3, 4, dtype=torch.bool)
    future, _ = forecast(system, FieldBatch(xy[:, :10], seen, SIZE))
    torch.testing.assert_close(future, xy[:, 10:], atol=1e-5, rtol=0)


def test_a_point_of_an_image_does_not_depend_on_the_others():
    system = shaken(ImageRegression, IMAGE)
    queries = 2 * torch.rand(3, 5, 2, generator=rng.generator(2)) - 1
    with torch.no_grad():
        cond = system.condition(images())
        z = cond["answer"]
        whole, seen = system.decode(z, cond, queries)
        alone, _ = system.decode(z, cond, queries[1:2, 2:4])
        many, _ = system.decode(z[:1].repeat(5, 1), _first(cond), queries)
    assert whole.shape == (2, 4, 3, 5, 2)
    assert seen.shape == (2, 4, 3, 5)
    assert torch.equal(whole[:, 0], queries.expand(2, -1, -1, -1))  # the image's own frame
    torch.testing.assert_close(alone, whole[:, :, 1:2, 2:4], atol=1e-5, rtol=0)
    torch.testing.assert_close(many, whole[:1].expand(5, -1, -1, -1, -1), atol=1e-5, rtol=0)
    assert (whole[0, 1:] - whole[1, 1:]).abs().max() > 1e-3  # other pictures, other futures


def _first(cond):
    keys = [key.rows(0, 1) for key in cond["keys"]]
    return {**cond, "under": cond["under"][:1], "keys": keys, "answer": cond["answer"][:1]}


def test_a_point_reads_the_token_under_it_first():
    """At the middle of a patch that token alone; between two, their mean."""
    system = shaken(ImageRegression, IMAGE)
    with torch.no_grad():
        system.place.project.weight.zero_()
        for block in system.readers:
            block["cross"].modulate.gate.zero_()
        cond = system.condition(images(1))
        tokens = cond["under"][0]  # 2 x 3
        middle = torch.tensor([[[-2 / 3, -0.5], [2 / 3, 0.5]]])
        here = system.answer(middle, cond)[0]
        cond["under"] = tokens[0, 0].expand_as(cond["under"])
        alone = system.answer(middle, cond)[0]
    torch.testing.assert_close(alone[0, 0], here[0, 0], atol=1e-6, rtol=0)
    assert (alone[0, 1] - here[0, 1]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        (None, replace(images(), features=None), "expected image features .* got None"),
        (None, replace(images(), features=torch.zeros(2, 1, 5, 6)), r"got \(5, 6\); use the enc"),
        (None, images(text=8), "expected no text for this regression model, got one"),
        (8, images(), "expected a text for this regression model, got none"),
    ],
)
def test_what_does_not_fit_is_an_error(text, given, message):
    with pytest.raises(UserError, match=message):
        ImageRegression(replace(IMAGE, text=text)).condition(given)


def test_a_text_changes_the_answer():
    system, given = shaken(ImageRegression, replace(IMAGE, text=8)), images(text=8)
    queries = torch.zeros(1, 1, 2)
    with torch.no_grad():
        one, other = (
            system.decode(cond["answer"], cond, queries)[0]
            for cond in map(system.condition, (given, replace(given, text=-given.text)))
        )
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "config"), [(HistoryRegression, HISTORY), (ImageRegression, IMAGE)]
)
def test_a_configuration_comes_back_from_json_and_unknown_fields_are_refused(kind, config):
    stored = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(config).items()}
    assert kind.from_config(stored).config == config
    with pytest.raises(UserError, match=r"expected the fields frames, .*got .*depht"):
        kind.from_config({**stored, "depht": 2})
