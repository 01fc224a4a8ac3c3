"""What every family promises, and what `generate` promises about batches, seeds and anchors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.grid import Grid
from kinecast.data.synth import FAMILIES, HELD_OUT, TRAIN_MIX, generate, synth
from kinecast.data.synth.draws import BLOCK, Draws
from kinecast.data.synth.scene import Stage
from kinecast.data.synth.trace import film

SIZE = (320, 192)
GRID = Grid(6, 10, 32.0, (16.0, 16.0))


def small(family, **options):
    return generate(
        family, **({"seed": 3, "n": 4, "frames": 24, "size": SIZE, "grid": GRID} | options)
    )


@pytest.mark.parametrize("family", [*FAMILIES, "mix"])
def test_every_family_keeps_the_promises(family):
    worlds = small(family, n=6, anchor=9)
    assert worlds.xy.shape == (6, 24, 6, 10, 2)
    assert worlds.visible.shape == (6, 24, 6, 10)
    assert worlds.xy.dtype == torch.float32
    assert torch.isfinite(worlds.xy).all()
    assert torch.equal(worlds.xy[:, 9], torch.from_numpy(GRID.points()).expand(6, -1, -1, -1))
    assert worlds.visible[:, 9].all()
    inside = ((worlds.xy >= 0) & (worlds.xy < torch.tensor(SIZE))).all(-1)
    assert not (worlds.visible & ~inside).any()
    moved = (worlds.xy - worlds.xy[:, 9, None]).norm(dim=-1)
    assert moved.amax() > 1.0  # something happens
    assert len(set(worlds.ids)) == 6


@pytest.mark.parametrize("family", [*FAMILIES, "mix"])
def test_a_clip_is_the_same_whatever_the_batch(family):
    many = small(family, n=7)
    for start, n in ((2, 1), (1, 5), (6, 2)):
        few = small(family, n=n, start=start)
        shared = min(n, 7 - start)
        assert torch.equal(many.xy[start : start + n], few.xy[:shared])
        assert torch.equal(many.visible[start : start + n], few.visible[:shared])
        assert many.ids[start : start + n] == few.ids[:shared]


@pytest.mark.parametrize("family", [*FAMILIES, "mix"])
def test_motion_is_continuous(family):
    worlds = small(family, n=8, seed=11)
    both = worlds.visible[:, 1:] & worlds.visible[:, :-1]
    step = (worlds.xy[:, 1:] - worlds.xy[:, :-1]).norm(dim=-1)[both]
    assert torch.quantile(step, 0.99) < 0.1 * SIZE[0]
    assert torch.quantile(step, 0.5) < 0.02 * SIZE[0]


@settings(deadline=None, max_examples=25)
@given(
    family=st.sampled_from(["mix", *FAMILIES]),
    seed=st.integers(0, 2**31),
    frames=st.integers(1, 12),
    size=st.tuples(st.integers(40, 200), st.integers(40, 200)),
    data=st.data(),
)
def test_any_seed_size_and_anchor_gives_finite_tracks(family, seed, frames, size, data):
    anchor = data.draw(st.integers(0, frames - 1))
    grid = Grid.over(size, 20.0)
    worlds = generate(family, seed=seed, n=2, frames=frames, size=size, grid=grid, anchor=anchor)
    assert torch.isfinite(worlds.xy).all()
    assert worlds.visible[:, anchor].all()
    limit = torch.tensor(size, dtype=torch.float32)
    assert ((worlds.xy >= -limit) & (worlds.xy <= 2 * limit)).all()


def test_seeds_and_clips_differ():
    a, b = small("thrown", seed=0, n=2), small("thrown", seed=1, n=2)
    assert not torch.equal(a.xy[0], b.xy[0])
    assert not torch.equal(a.xy[0], a.xy[1])


def test_whole_families_are_held_out_of_training():
    assert len(HELD_OUT) >= 3
    assert not set(HELD_OUT) & set(TRAIN_MIX)
    assert set(HELD_OUT) | set(TRAIN_MIX) == set(FAMILIES)
    drawn = generate("mix", seed=0, n=150, frames=1, size=(64, 40), grid=Grid.over((64, 40), 20.0))
    assert set(drawn.families) <= set(TRAIN_MIX)
    assert len(set(drawn.families)) > len(TRAIN_MIX) / 2


def test_the_mix_is_made_of_clips_of_its_families():
    mixed = small("mix", n=5, seed=8)
    for i, name in enumerate(mixed.families):
        alone = small(name, n=1, start=i, seed=8)
        assert torch.equal(alone.xy[0], mixed.xy[i])


def test_families_never_share_random_numbers():
    numbers = [family.number for family in FAMILIES.values()]
    assert len(set(numbers)) == len(numbers)
    assert 0 not in numbers  # the mix


@pytest.mark.parametrize("family", ["sliding", "handled", "person", "cloth", "crowd", "tour"])
def test_every_tensor_is_made_on_the_device_of_the_draws(family):
    meta = torch.device("meta")  # shapes only; mixing devices is an error there as on any other
    draws = Draws(torch.empty(2, BLOCK, device=meta))
    scene = FAMILIES[family].build(draws, Stage(2, 1, SIZE, None, meta))
    xy, visible = film(scene, torch.empty(60, 2, device=meta), 1, SIZE)
    assert xy.shape == (2, 2, 2, 60)
    assert (xy.device, visible.device) == (meta, meta)


def test_most_of_a_fixed_view_stays_still():
    worlds = small("still", n=24)
    moved = (worlds.xy - worlds.xy[:, :1]).norm(dim=-1).amax(1)
    assert (moved < 0.5).float().mean() > 0.7


def test_a_clip_is_ordinary_tracks_on_a_grid():
    worlds = small("handled", anchor=5)
    clip = worlds.clip(2)
    assert clip.video is None
    assert clip.id == worlds.ids[2] == "handled/3/2"
    field = Field.of(clip.tracks)
    np.testing.assert_array_equal(field.xy, worlds.xy[2].numpy())
    np.testing.assert_array_equal(field.offsets()[5], 0)
    assert (clip.tracks.query_frame == 5).all()
    assert clip.tracks.fps == worlds.fps


def test_one_clip_for_a_notebook():
    clip = synth("person", seed=4, frames=3, size=SIZE)
    assert len(clip.tracks) == 3
    np.testing.assert_array_equal(
        clip.tracks.xy.reshape(-1, 2),
        generate("person", seed=4, n=1, frames=3, size=SIZE).xy.reshape(-1, 2).numpy(),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "slidng"}, "did you mean sliding"),
        ({"n": 0}, "n >= 1"),
        ({"frames": 8, "anchor": 8}, "anchor < frames"),
        ({"start": -1}, "start >= 0"),
        ({"seed": -1}, "seeds >= 0"),
        ({"size": (0, 10)}, "W, H"),
    ],
)
def test_wrong_requests_say_what_is_wrong(options, message):
    with pytest.raises(UserError, match=message):
        generate(**({"family": "still", "seed": 0, "n": 1} | options))
