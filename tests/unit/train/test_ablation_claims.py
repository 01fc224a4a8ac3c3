"""What a claim compares: two arms that differ in one thing, by a score that both of them have."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from kinecast.train import recipes
from kinecast.train.ablate.suites import SUITES, suite_of
from kinecast.train.ablate.zipmo_variants import Variant

TABLES = Path(__file__).resolve().parents[3] / "docs" / "ablations"

OFFSETS, TRACKS = {"model.offsets"}, {"data.supervision"}
REGULARISER = {"model.temporal", "model.spatial"}  # two terms of one loss
GRID = {"model.vae.grid", "vae.model.vae.grid"}  # of the planner's latents, as its VAE makes them
DIFFERENCES = {  # of the first arm of a claim from the second one
    "micro": {"without offsets": OFFSETS},
    "trajloom": {
        "vae 25 without offsets": OFFSETS,
        "vae 25 without regulariser": REGULARISER,
        "vae 81 without offsets": OFFSETS,
        "vae 81 without regulariser": REGULARISER,
        "without offsets": {"model.offsets", "vae.model.offsets"},
        "without fusion": {"model.generator.fusion"},
        "without anchoring": {"model.anchored"},
        "without on-policy": {"stages.onpolicy"},
        "a fifth": {"stages.flow.steps", "stages.onpolicy"},  # as the suite says
        "DOPRI5": {"measure.sampler"},
    },
    "whn": {
        "without VAE": {"name", "stages.vae", "vae"},
        "S": {"model.width", "model.heads"},
        "L": {"model.width", "model.heads", "model.depth"},
        "estimated tracks": {"data.supervision", "vae.data.supervision"},
        "RGB": {"name", "stages.vae", "vae", "build.of", "measure.of"},
    },
    "zipmo": {
        "sequence": {"build.variant.bag"},
        "unseen queries": {"measure.queries"},
        "L2": {"build.variant.loss"},
        "Huber": {"build.variant.loss"},
        "delta": {"build.variant.target"},
        "offset": {"build.variant.target"},
        "compression 2": GRID,
        "compression 4": GRID,
        "compression 8": GRID,
        "compression 12": GRID,
        "1 evaluation": {"measure.steps"},
        "2 evaluations": {"measure.steps"},
        "50 evaluations": {"measure.steps"},
    },
    "supervision": {"lk tracks": TRACKS, "few tracks": TRACKS, "seen tracks": TRACKS},
}


def facts(suite, arm):
    """All that decides an arm's scores, the training of the VAE that it takes over included."""
    trained = suite.arm(arm.measured) if arm.measured else arm
    found = {
        **trained.recipe.to_json(),
        "build": function(trained.build or recipes.build),
        "measure": function(arm.measure),
    }
    if trained.vae:
        found["vae"] = {**facts(suite, suite.arm(trained.vae)), "measure": None}
    return found


def function(made):
    bound = partial(made)
    given = dict(bound.keywords)
    if "variant" in given:
        given["variant"] = asdict(given["variant"] or Variant())
    return {"of": bound.func.__qualname__, "args": bound.args, **given}


def differing(one, other, name=""):
    """The names of the leaves that differ; a table that one of both lacks is a leaf."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return set() if one == other else {name}
    return {
        leaf
        for key in one.keys() | other.keys()
        for leaf in differing(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    }


@pytest.mark.parametrize("name", SUITES)
def test_arms_that_are_compared_differ_in_one_thing(name):
    suite = suite_of(name)
    found = {
        (claim.arm, claim.against): differing(
            *(facts(suite, suite.arm(arm)) for arm in (claim.arm, claim.against))
        )
        for claim in suite.claims
    }
    assert {arm: leaves for (arm, _), leaves in found.items()} == DIFFERENCES[name]
    assert len(found) == len(DIFFERENCES[name])  # no arm is compared with two


@pytest.mark.parametrize("name", [name for name in SUITES if name != "micro"])
def test_the_committed_table_has_the_claims_of_the_suite_and_their_scores(name):
    suite, table = suite_of(name), json.loads((TABLES / name / "table.json").read_text())
    assert list(table["arms"]) == [arm.name for arm in suite.arms]
    said = [asdict(claim) for claim in suite.claims]
    assert [{key: row[key] for key in said[0]} for row in table["claims"]] == said
    for claim in suite.claims:
        for arm in (claim.arm, claim.against):
            assert claim.metric in table["arms"][arm]["scores"]
