import json
from dataclasses import replace
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regression_plan import recipe

from kinecast.core.errors import UserError
from kinecast.train.recipe import ImageData, check, keys, with_words
from kinecast.train.recipes import RECIPES, recipe_of
from kinecast.train.schedule import check_batches


def test_words_change_one_stage_every_stage_the_data_and_the_model():
    changed = with_words(
        recipe(),
        [
            "steps=7",
            "second.lr=3e-4",
            "data.sizes=832x480,480x832",
            "model.sharp=true",
            "seed=9",
            "data.augment.warp=0.5",
        ],
    )
    assert [o.steps for o in changed.stages.values()] == [7, 7]
    assert changed.stages["second"].lr == 3e-4
    assert changed.stages["first"].lr == recipe().stages["first"].lr
    assert changed.data.sizes == ((832, 480), (480, 832))
    assert changed.model.sharp is True
    assert changed.seed == 9
    assert changed.data.augment.warp == 0.5


def test_a_bare_key_leaves_computed_stages_computed():
    base = recipe()
    stages = {"codec": with_words(base, ["steps=0"]).stages["first"], **base.stages}
    changed = with_words(recipe(stages=stages), ["steps=5"])
    assert [o.steps for o in changed.stages.values()] == [0, 5, 5]


@pytest.mark.parametrize(
    ("word", "attribute", "value"),
    [
        ("data.families=a,b", "families", ("a", "b")),
        ("data.stride=none", "stride", None),
        ("data.stride=24", "stride", 24.0),
        ("data.chunk=1e3", "chunk", 1000),
        ("data.motion=a=b", "motion", "a=b"),
    ],
)
def test_values_take_the_type_of_the_field(word, attribute, value):
    got = getattr(with_words(recipe(), [word]).data, attribute)
    assert got == value
    assert type(got) is type(value)


def test_one_frame_size_is_written_as_many_are():
    base = recipe(data=ImageData())
    assert with_words(base, ["data.size=96x64"]).data.size == (96, 64)
    assert with_words(base, ["data.encoder_size=96x64"]).data.encoder_size == (96, 64)
    assert with_words(base, ["data.origin=0.5,2.5"]).data.origin == (0.5, 2.5)
    with pytest.raises(UserError, match=r"expected data\.size as WxH, got '96'"):
        with_words(base, ["data.size=96"])


def test_pairs_are_comma_separated():
    assert with_words(recipe(), ["betas=0.9,0.95"]).stages["first"].betas == (0.9, 0.95)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("steps", r"expected key=value, got 'steps'"),
        ("step=3", r"no key 'step'; did you mean steps\?"),
        ("jitter=1", r"no key 'jitter'; did you mean data.augment.jitter\?"),
        ("motion=x", r"no key 'motion'; did you mean data.motion\?"),
        ("frist.lr=1", r"no key 'frist.lr'; did you mean first.lr\?"),
        ("model.widht=3", r"did you mean model.width\?"),
        ("zzzzzz=1", r"known: seed, steps, batch"),
        ("steps=many", r"expected steps as a whole number, got 'many'"),
        ("steps=1.5", r"expected steps as a whole number, got '1.5'"),
        ("bf16=1", r"expected bf16 as true or false, got '1'"),
        ("betas=0.9", r"expected betas as a number,a number, got '0.9'"),
        ("data.sizes=832", r"expected data.sizes as WxH,WxH,..., got '832'"),
        ("data.stride=wide", r"expected data.stride as a number or none"),
        ("name=other", r"no key 'name'"),
    ],
)
def test_mistakes_say_what_is_known(word, message):
    with pytest.raises(UserError, match=message):
        with_words(recipe(), [word])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("second.keep=0", r"expected second\.keep >= 1, got 0"),
        ("save_every=0", r"expected first\.save_every >= 1, got 0"),
        ("validate_every=0", r"expected first\.validate_every >= 1, got 0"),
        ("steps=-5", r"expected first\.steps >= 0, got -5"),
        ("batch=-1", r"expected first\.batch >= 1, got -1"),
        ("micro=-4", r"expected first\.micro >= 1, got -4"),
        ("first_batch=0", r"expected first\.first_batch >= 1, got 0"),
        ("lr=-1", r"expected first\.lr >= 0 and < inf, got -1\.0"),
        ("lr=nan", r"expected first\.lr >= 0 and < inf, got nan"),
        ("betas=1,0.9", r"expected first\.betas >= 0 and < 1, got 1\.0"),
        ("ema=1", r"expected first\.ema >= 0 and < 1, got 1\.0"),
        ("clip=0", r"expected first\.clip > 0, got 0\.0"),
        ("seed=-1", r"expected seed >= 0 and < 1000000, got -1"),
        ("seed=1000003", r"expected seed >= 0 and < 1000000, got 1000003"),  # of held-out clips
        ("data.sizes=", r"expected data\.sizes with an entry at least, got none"),
        ("data.sizes=0x64", r"expected data\.sizes >= 1, got 0"),
        ("data.families=", r"expected data\.families with an entry at least, got none"),
        ("data.validation=0", r"expected data\.validation >= 1, got 0"),
        ("data.workers=0", r"expected data\.workers >= 1, got 0"),
        ("data.reuse=0", r"expected data\.reuse >= 1, got 0"),
        ("data.stride=0", r"expected data\.stride > 0 and < inf, got 0\.0"),
        ("data.augment.flip=2", r"expected data\.augment\.flip >= 0 and <= 1, got 2\.0"),
    ],
)
def test_values_that_no_run_can_use_are_refused_with_their_key(word, message):
    with pytest.raises(UserError, match=message):
        with_words(recipe(), [word])


@pytest.mark.parametrize(
    ("name", "word", "message"),
    [
        ("whn-raw", "model.samples=0", r"expected model\.samples >= 1, got 0"),
        ("whn-vae", "model.beta=nan", r"expected model\.beta >= 0 and < inf, got nan"),
        ("trajloom", "model.temporal=-1", r"expected model\.temporal >= 0 and < inf, got -1\.0"),
        ("trajloom", "model.visibility.width=0", r"expected model\.visibility\.width >= 1, got 0"),
        ("trajloom-small", "model.frames=0", r"expected model\.frames >= 1, got 0"),
        ("zipmo-vae", "model.tracks=0", r"expected model\.tracks >= 1, got 0"),
        ("zipmo-sparse", "model.dropped=-1", r"expected model\.dropped >= 0 and < inf, got -1\.0"),
        ("zipmo-text", "model.drop_text=2", r"expected model\.drop_text >= 0 and <= 1, got 2\.0"),
        ("zipmo-policy", "model.policy.horizon=0", r"expected model\.policy\.horizon >= 1, got 0"),
        ("regression-image", "model.heads=0", r"expected model\.heads >= 1, got 0"),
    ],
)
def test_networks_have_ranges_too(name, word, message):
    with pytest.raises(UserError, match=message):
        with_words(recipe_of(name, "tiny"), [word])


def test_the_data_of_pictures_has_ranges_too():
    with pytest.raises(UserError, match=r"expected data\.frames >= 2, got 1"):
        with_words(recipe(data=ImageData()), ["data.frames=1"])


def test_every_frame_size_needs_a_clip_to_validate_on():
    with pytest.raises(UserError, match=r"expected data\.validation >= 2 .*, got 1"):
        with_words(recipe(), ["data.sizes=96x64,64x96", "data.validation=1"])


def test_of_a_computed_stage_only_the_steps_count():
    unused = replace(recipe().stages["first"], steps=0, batch=0)
    check(recipe(stages={"first": unused}))


@pytest.mark.parametrize(
    "word", ["model.vae.stride=0", "model.generator.heads=0", "model.generator.mixing="]
)
def test_a_network_that_cannot_be_is_a_users_error(word):
    key, _, text = word.partition("=")
    with pytest.raises(UserError, match=rf"expected {key} as a value that goes .*got '{text}'"):
        with_words(recipe_of("trajloom", "tiny"), [word])


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_of_the_table_pass(name):
    module = import_module(RECIPES[name].partition(":")[0])
    for size in module.SIZES:
        found = recipe_of(name, size)
        check(found)
        check_batches(found.stages, 1)


def test_every_key_it_names_can_be_set():
    base = recipe()
    plain = {"steps": "3", "lr": "0.1", "betas": "0.8,0.9", "bf16": "false", "sizes": "32x64"}
    plain |= {"on_bad": "skip", "schedule": "wsd", "select": "last"}
    plain |= {"recompute": "true", "compile": "true", "ema": "0.5", "floor": "0.5"}
    plain |= dict.fromkeys(("flip", "spells", "lost", "drift", "edges", "exact"), "0.5")
    for key in keys(base):
        last = key.rpartition(".")[2]
        text = plain.get(last, "true" if last == "sharp" else "2")
        assert isinstance(with_words(base, [f"{key}={text}"]), type(base))


@given(st.floats(1e-12, 1e3))
def test_numbers_survive_their_spelling(lr):
    assert with_words(recipe(), [f"lr={lr!r}"]).stages["first"].lr == lr


def test_a_recipe_is_json():
    assert json.loads(json.dumps(recipe().to_json()))["stages"]["first"]["steps"] == 40
