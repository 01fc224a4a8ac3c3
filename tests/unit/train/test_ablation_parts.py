"""Arms, intervals and verdicts, and what TrajLoom shows without any training."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.systems.trajloom.cells import from_offsets
from kinecast.systems.trajloom.losses import explained_variance
from kinecast.train.ablate.arm import Arm, Claim, Suite, budgeted
from kinecast.train.ablate.interval import Difference, difference, mean_of, verdict
from kinecast.train.ablate.jitter import toy
from kinecast.train.ablate.run import Ablation, with_finished
from kinecast.train.ablate.suites import SUITES, suite_of
from kinecast.train.recipes import recipe_of

UNRESOLVED = "not resolved at this budget"


@settings(deadline=None)
@given(bias=st.floats(0.01, 0.9), frames=st.integers(2, 40))
def test_a_pointwise_loss_cannot_tell_jitter_from_an_offset_the_temporal_term_can(bias, frames):
    found = toy(bias, frames)
    assert found.smooth.reconstruction == pytest.approx(bias**2 / 2, rel=1e-3)  # Huber within 1
    assert found.jittery.reconstruction == pytest.approx(bias**2 / 2, rel=1e-3)
    assert found.smooth.temporal == pytest.approx(0, abs=1e-5)
    assert found.jittery.temporal == pytest.approx(2 * bias, rel=1e-3)


def test_the_toy_needs_motion():
    with pytest.raises(UserError, match="at least 2 frames, got 1"):
        toy(0.1, frames=1)


def test_location_explains_positions_and_not_offsets():
    # The variance of n cells' centres is (1 - 1/n^2) / 3; motion adds a variance of 0.01.
    h, w, frames = 4, 6, 400
    offsets = 0.1 * torch.randn(frames, h, w, 2, generator=generator(0))
    seen = torch.ones(frames, h * w, dtype=torch.bool)
    positions = from_offsets(offsets[None])[0].flatten(1, 2)
    between = torch.tensor([(1 - 1 / w**2) / 3, (1 - 1 / h**2) / 3])
    expected = 100 * between / (between + 0.01)
    torch.testing.assert_close(explained_variance(positions, seen), expected, rtol=0.01, atol=0)
    assert (explained_variance(offsets.flatten(1, 2), seen) < 1).all()


def test_a_difference_is_paired_by_seed_and_unit():
    hard = np.linspace(0, 100, 30)  # units differ far more than arms do
    against = np.stack([hard, hard + 7])
    found = difference(against + 1.0, against)
    assert (found.low, found.mean, found.high) == pytest.approx((1, 1, 1))
    assert found.seeds == pytest.approx((1, 1))
    assert found.arm - found.against == pytest.approx(1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    draw, hits = np.random.default_rng(1), 0
    for _ in range(60):
        noise = draw.normal(0.5, 1, (2, 40))
        found = difference(noise, np.zeros((2, 40)))
        hits += found.low <= 0.5 <= found.high
    assert 51 <= hits <= 60


def test_seeds_that_share_their_clips_make_no_interval_narrower_than_the_clips_do():
    effects = np.random.default_rng(2).normal(0.5, 1, 40)  # of a clip, whatever the seed
    one, five = (difference(np.tile(effects, (n, 1)), np.zeros((n, 40))) for n in (1, 5))
    assert (five.low, five.high) == pytest.approx((one.low, one.high), abs=0.02)


def test_a_unit_without_a_score_is_left_out_of_both():
    arm, against = [[1.0, math.nan, 3.0]], [[0.0, 5.0, math.nan]]
    assert difference(arm, against).mean == 1
    assert mean_of(arm) == 2
    nothing = difference([[math.nan]], [[1.0]])
    assert math.isnan(nothing.mean)
    assert verdict(nothing, "higher") == UNRESOLVED
    with pytest.raises(UserError, match=r"got \(1, 3\) and \(1, 2\)"):
        difference(arm, [[1.0, 2.0]])


@pytest.mark.parametrize(
    ("low", "high", "seeds", "direction", "expected"),
    [
        (1, 3, (1.5, 2.5), "higher", "agree"),
        (1, 3, (1.5, 2.5), "lower", "disagree"),
        (-3, -1, (-2, -2), "lower", "agree"),
        (-1, 3, (0.5, 1.5), "higher", UNRESOLVED),
        (0.1, 3, (-0.1, 3), "higher", UNRESOLVED),  # one seed says otherwise
        (-0.4, 0.4, (0.1, -0.1), "same", "agree"),
        (0.6, 0.9, (0.7, 0.8), "same", "disagree"),
        (0.1, 0.9, (0.4, 0.6), "same", UNRESOLVED),
    ],
)
def test_verdicts(low, high, seeds, direction, expected):
    found = Difference(10.0, 10.0, (low + high) / 2, low, high, seeds)
    assert verdict(found, direction, tolerance=0.05) == expected


def _arm(name, **more):
    return Arm(name, "", lambda trained: {}, **more)


def test_a_suite_runs_what_the_chosen_arms_need_first():
    suite = Suite("s", "", (_arm("vae"), _arm("x"), _arm("flow", vae="vae"),
                            _arm("again", measured="flow")), ())  # fmt: skip
    assert [arm.name for arm in suite.chosen(["again"])] == ["vae", "flow", "again"]
    assert len(suite.chosen()) == 4
    with pytest.raises(UserError, match=r"no arm 'flo'.*flow"):
        suite.chosen(["flo"])
    with pytest.raises(ValueError, match="not before it"):
        Suite("s", "", (_arm("flow", vae="vae"), _arm("vae")), ())
    with pytest.raises(ValueError, match="not there"):
        Suite("s", "", (_arm("a"),), (Claim("a", "b", "m", "higher", "", ""),))


def test_what_is_there_counts_only_with_what_it_was_made_from(tmp_path):
    arms = (_arm("vae"), _arm("x"), _arm("flow", vae="vae"), _arm("again", measured="flow"))
    asked = Ablation(Suite("s", "", arms, ()), tmp_path, torch.device("cpu"), ("x",), seeds=1)

    def counted(*measured):
        for name in measured:
            path = asked.folder(name, 0) / "scores.json"
            path.parent.mkdir(parents=True)
            path.write_text("{}")
        return [arm.name for arm in with_finished(asked).arms]

    assert counted("flow", "again") == ["x"]
    assert counted("vae") == ["vae", "x", "flow", "again"]


def test_a_budget_scales_every_stage_that_is_trained(tmp_path):
    recipe = recipe_of("trajloom-flow", "tiny")
    computed = replace(recipe.stages["vae"], steps=0)
    recipe = replace(recipe, stages={**recipe.stages, "vae": computed})
    run = budgeted(recipe, 0.1, seed=3, cache=tmp_path)
    assert (run.stages["vae"].steps, run.stages["flow"].steps) == (0, 200)
    flow = run.stages["flow"]
    assert (flow.validate_every, flow.spike, flow.select) == (67, 0.0, "last")
    assert (run.seed, run.data.cache) == (3, str(tmp_path))
    assert budgeted(recipe, 1e-9, 0, tmp_path).stages["flow"].steps == 1


@pytest.mark.parametrize("name", SUITES)
def test_arms_train_in_float32_and_no_vae_that_they_take_over(name):
    for arm in suite_of(name).arms:
        stages = arm.recipe.stages if arm.recipe else {}
        assert all(optim.bf16 is False for optim in stages.values())
        assert ("vae" in stages and not stages["vae"].steps) == bool(arm.vae)


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(UserError, match=r"no suite 'whm'.*whn"):
        suite_of("whm")
