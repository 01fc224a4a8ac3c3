"""The LIBERO planner and its system: two views, a text, an episode's time step."""

import json
from dataclasses import replace

import pytest
import torch
from zipmo_networks import IMAGE_CONFIG, VAE_CONFIG, normal, shaken, uniform

from kinecast.core.errors import UserError
from kinecast.flow.guidance import guided
from kinecast.flow.sampler import euler, uniform_times
from kinecast.systems.base import FieldBatch, Guided, ImageBatch
from kinecast.systems.registry import build
from kinecast.systems.zipmo.libero import LiberoConfig, LiberoPlanner, by_view
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.policy import PolicyConfig

PLANNER_CONFIG = LiberoConfig(
    width=48,
    heads=3,
    depth=2,
    image_width=24,
    text_width=32,
    text_heads=2,
    text_depth=1,
    time_width=16,
    channels=4,
    start_time=True,
)
POLICY_CONFIG = PolicyConfig(width=32, heads=2, depth=1, horizon=3, channels=4)
CONFIG = ZipMoLiberoConfig(
    VAE_CONFIG, IMAGE_CONFIG, frames=6, planner=PLANNER_CONFIG, policy=POLICY_CONFIG
)


@pytest.fixture(scope="module")
def planner() -> LiberoPlanner:
    return shaken(LiberoPlanner(PLANNER_CONFIG)).requires_grad_(False)


@pytest.fixture(scope="module")
def system() -> ZipMoLibero:
    return shaken(ZipMoLibero(CONFIG)).requires_grad_(False)


def moment(b=2, step=3, seed=0):
    pixels = (127.5 * (1 + uniform(b, 2, 20, 30, 3, seed=seed))).to(torch.uint8)
    return ImageBatch(pixels, (30, 20), text=normal(b, 1, 32, seed=seed), episode_step=step)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def position():
    return shaken(ZipMoLibero(CONFIG)).vae.position


def test_whole_and_broken_time_steps_differ_but_not_where_frequencies_are_whole(planner):
    text = normal(1, 2, 32)
    whole = planner.instruction(text, torch.tensor([3]))
    broken = planner.instruction(text, torch.tensor([3.0]))
    assert whole.shape == (1, 3, 32)
    torch.testing.assert_close(whole[:, :2], broken[:, :2])
    assert (whole[:, 2] - broken[:, 2]).abs().max() > 1e-3
    rounded = shaken(LiberoPlanner(PLANNER_CONFIG)).requires_grad_(False)
    rounded.start.frequency.trunc_()
    torch.testing.assert_close(
        rounded.instruction(text, torch.tensor([3])),
        rounded.instruction(text, torch.tensor([3.0])),
    )


def test_words_have_an_order(planner):
    text, start = normal(1, 3, 32), torch.tensor([0])
    tokens = planner.instruction(text, start)[:, :3]
    turned = planner.instruction(text.flip(1), start)[:, :3].flip(1)
    assert (tokens - turned).abs().max() > 1e-3


def test_no_text_is_one_token_whatever_the_text_was(planner):
    tokens = planner.no_instruction(2, torch.tensor([4, 5]))
    assert tokens.shape == (2, 2, 32)
    assert torch.equal(tokens[0, 0], planner.no_text)
    assert torch.equal(tokens[0, 0], tokens[1, 0])


def test_the_time_step_must_fit_the_planner(planner):
    plain = LiberoPlanner(replace(PLANNER_CONFIG, start_time=False))
    with pytest.raises(UserError, match="expected no time step for this planner, got tensor"):
        plain.instruction(normal(1, 1, 32), torch.tensor([3]))
    with pytest.raises(UserError, match=r"expected the time step of the episode .* got None"):
        planner.instruction(normal(1, 1, 32))


def test_views_attend_to_each_other_and_are_told_apart(planner):
    where, start = position(), torch.tensor([0])
    instruction = planner.instruction(normal(1, 1, 32), start)
    image, z, t = normal(1, 2, 9, 24), normal(1, 18, 4), torch.tensor([0.3])
    velocity = planner(z, t, planner.context(image, instruction, where))
    other = image.clone()
    other[:, 1] += 1.0
    moved = planner(z, t, planner.context(other, instruction, where))
    assert (moved - velocity)[:, :9].abs().max() > 1e-4  # the first view sees the second
    swapped = planner(
        z.unflatten(1, (2, 9)).flip(1).flatten(1, 2),
        t,
        planner.context(image.flip(1), instruction, where),
    )
    assert (swapped.unflatten(1, (2, 9)).flip(1).flatten(1, 2) - velocity).abs().max() > 1e-3


def test_samples_of_one_moment_share_its_condition(planner):
    where, start = position(), torch.tensor([2])
    instruction = planner.instruction(normal(1, 1, 32), start)
    image, z, t = normal(1, 2, 9, 24), normal(3, 18, 4), torch.tensor([0.1, 0.5, 0.9])
    shared = planner(z, t, planner.context(image, instruction, where))
    own = planner.context(image.expand(3, -1, -1, -1), instruction.expand(3, -1, -1), where)
    close(shared, planner(z, t, own))


def test_rows_of_a_view_are_its_own():
    z = torch.arange(2 * 6).view(2, 6, 1).float()
    assert torch.equal(by_view(z, 2)[1], z[0, 3:])
    assert torch.equal(by_view(z, 2)[2], z[1, :3])


@pytest.mark.parametrize("start_time", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_a_system_says_what_it_needs_and_survives_its_configuration(start_time, inside):
    config = replace(
        CONFIG,
        planner=replace(PLANNER_CONFIG, start_time=start_time),
        image=IMAGE_CONFIG if inside else None,
    )
    system = ZipMoLibero(config)
    needs = system.needs
    assert (needs.condition, needs.views, needs.frames, needs.grid) == ("image", 2, 6, None)
    assert (needs.features is None, needs.episode_step) == (inside, start_time)
    assert needs.text.width == 32
    model = json.loads(json.dumps(system.to_config()))
    again = build({"format": 1, "system": "zipmo-libero", "model": model})
    assert again.config == config
    assert again.state_dict().keys() == system.state_dict().keys()


def test_a_moment_does_not_depend_on_its_batch(system):
    given, z, t = moment(), normal(2, 18, 4), torch.tensor([0.2, 0.7])
    cond = system.condition(given)
    alone = system.condition(replace(given, pixels=given.pixels[1:], text=given.text[1:]))
    close(system.velocity(z, t, cond)[1:], system.velocity(z[1:], t[1:], alone))


def test_a_future_is_encoded_and_decoded_view_by_view(system):
    cond, queries = system.condition(moment(b=1)), uniform(2, 3, 2)
    start = uniform(1, 1, 2, 3, 2).expand(2, 6, -1, -1, -1)
    future = FieldBatch(start, torch.ones(start.shape[:-1], dtype=torch.bool), (30, 20))
    latent = system.encode(future, cond)
    assert latent.mean.shape == latent.scale.shape == (1, *system.latent_shape(cond))
    views = [system.decode(latent.mean, cond, queries, view)[0] for view in (0, 1)]
    assert views[0].shape == (1, 6, 2, 3, 2)
    assert (views[0] - views[1]).abs().max() > 1e-4
    changed = latent.mean.clone()
    changed[:, 9:] += 1.0
    torch.testing.assert_close(system.decode(changed, cond, queries, 0)[0], views[0])
    assert (system.decode(changed, cond, queries, 1)[0] - views[1]).abs().max() > 1e-4


def test_guidance_leads_away_from_no_instruction(system):
    assert isinstance(system, Guided)
    cond = system.condition(moment())
    free = system.unconditional(cond)

    def velocity_of(what):
        return lambda z, t: system.velocity(z, t, what)

    z, t = normal(2, 18, 4), torch.tensor([0.5, 0.5])
    assert (velocity_of(cond)(z, t) - velocity_of(free)(z, t)).abs().max() > 1e-4
    plain = euler(velocity_of(cond), z, uniform_times(2))
    one = euler(guided(velocity_of(cond), velocity_of(free), 1.0), z, uniform_times(2))
    assert torch.equal(plain, one)


def test_unlike_texts_and_time_steps_lead_elsewhere(system):
    given, z, t = moment(b=1), normal(1, 18, 4), torch.tensor([0.5])
    velocity = system.velocity(z, t, system.condition(given))
    for other in (replace(given, text=normal(1, 1, 32, seed=5)), replace(given, episode_step=4)):
        assert (system.velocity(z, t, system.condition(other)) - velocity).abs().max() > 1e-5


def test_a_vae_may_see_with_eyes_of_its_own(system):
    two = shaken(ZipMoLibero(replace(CONFIG, two_images=True))).requires_grad_(False)
    names = {name for name in two.state_dict() if name.startswith("vae_image.")}
    assert {n.removeprefix("vae_") for n in names} == {
        name for name in two.state_dict() if name.startswith("image.")
    }
    given, z, queries = moment(b=1), normal(1, 18, 4), uniform(2, 2, 2)
    before = two.decode(z, two.condition(given), queries)[0]
    two.image.load_state_dict(two.vae_image.state_dict())
    torch.testing.assert_close(two.decode(z, two.condition(given), queries)[0], before)
    assert not any(name.startswith("vae_image.") for name in system.state_dict())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"planner": replace(PLANNER_CONFIG, channels=8)}, "channels"),
        ({"planner": replace(PLANNER_CONFIG, image_width=32)}, "width|channels"),
        ({"policy": replace(POLICY_CONFIG, views=3)}, "views"),
        ({"image": replace(IMAGE_CONFIG, width=32)}, "24"),
    ],
)
def test_networks_that_do_not_fit_one_another_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        ZipMoLibero(replace(CONFIG, **changes))
