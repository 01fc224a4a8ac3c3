"""What ZipMo's networks start from, where a recipe does not start them as published."""

import torch
from zipmo_pool import network_of, poke_model, policy_model, vae_model

from kinecast.systems.zipmo.rope import THETA_10, THETA_40, SpaceTimeRope


def test_the_published_start_is_left_as_it_is():
    plain, slow = network_of(poke_model()), network_of(poke_model(theta=8.0, logvar=-4.0))
    changed = {
        name
        for (name, a), b in zip(plain.state_dict().items(), slow.state_dict().values(), strict=True)
        if not torch.equal(a, b)
    }
    places = {name for name in changed if name.endswith(("rope.time", "rope.yx"))}
    assert len(places) == 2 * 2 * (1 + 1 + 2)  # self and cross, of every layer
    assert changed - places == {
        "vae.embed.frequency",
        "planner.poke.frequency",
        "vae.logvar.bias",
    }


def test_slow_frequencies_keep_their_spread():
    plain, slow = network_of(poke_model()), network_of(poke_model(theta=8.0))
    for ours, theirs, theta in (
        (slow.vae.embed, plain.vae.embed, THETA_40),
        (slow.planner.poke, plain.planner.poke, THETA_10),
    ):
        torch.testing.assert_close(ours.frequency, theirs.frequency * (8.0 / theta))
    ropes = [module for module in slow.modules() if isinstance(module, SpaceTimeRope)]
    for rope in ropes:
        for frequency in (rope.time, *rope.yx):
            assert frequency.min() == 1
            assert 4 < frequency.max() < 8
            assert frequency.unique().numel() == frequency.numel()
            assert frequency.requires_grad


def test_a_planner_that_is_told_a_text_starts_slowly_too():
    system = network_of(policy_model(theta=8.0))
    ropes = [module for module in system.planner.modules() if isinstance(module, SpaceTimeRope)]
    assert len(ropes) == 2
    assert all(rope.yx.max() < 8 for rope in ropes)


def test_latents_start_with_as_much_noise_as_asked():
    system = network_of(vae_model(logvar=-4.0))
    image, tracks = torch.zeros(1, 4, 16), torch.full((1, 3, 3, 2), 0.25)
    with torch.no_grad():
        logvar = system.vae.encode(tracks, image).logvar
    assert -5 < logvar.mean() < -3
