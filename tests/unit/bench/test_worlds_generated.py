"""The suite `worlds`, the parts that the generator alone makes."""

import re
import sys

import numpy as np
import pytest

from kinecast.bench.suites.worlds import SIZES, camera, generated, occlusion, still, suite
from kinecast.core import coords
from kinecast.core.errors import MissingExtraError, UserError
from kinecast.data.synth import HELD_OUT, TRAIN_MIX, generate

ALONE = ("seeds", "families", "long", "camera", "occlusion", "still")
RENDERED = ("shapes", "falling", "futures", "pokes")


@pytest.mark.parametrize("size", SIZES)
def test_every_lot_has_a_name_of_its_own_that_begins_with_its_part(size):
    names = [lot.name for lot in suite().lots(size, None)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.@+-]+", name) for name in names)
    assert list(dict.fromkeys(name.split("-")[0] for name in names)) == [*ALONE, *RENDERED]


def test_parts_are_chosen_by_the_first_word_of_their_lots():
    chosen = suite().chosen("mini", None, ("still", "long"))
    assert [lot.name for lot in chosen] == [
        "long-000", "long-008", "still-exact-000", "still-noisy-000",
    ]  # fmt: skip
    assert len(suite().chosen("mini", None, ())) == len(suite().lots("mini", None))
    with pytest.raises(UserError, match=r"--groups of seeds, .*did you mean still"):
        suite().chosen("mini", None, ("stil",))


def test_full_begins_with_what_mini_has():
    mini, full = ([lot.name for lot in suite().lots(size, None)] for size in ("mini", "full"))
    assert set(mini) <= set(full)


def test_held_out_clips_are_those_of_the_readmes_table():
    """Clip 9 of the mix and clip 2 of each family, of a seed that nothing was trained on."""
    lots = {lot.name: lot for lot in suite().lots("mini", None)}
    seeds = list(lots["seeds-81-008"].make())
    _check_clip(seeds[1], generate("mix", seed=2_000_003, n=1, start=9, frames=162).clip(0), 81)
    for family in HELD_OUT:
        clip = generate(family, seed=2_000_003, n=1, start=2, frames=48).clip(0)
        _check_clip(list(lots[f"families-24-{family}-000"].make())[2], clip, 24)
    assert not set(HELD_OUT) & set(TRAIN_MIX)
    counts = [name for name in lots if name.startswith("families-81-")]
    assert sum(len(list(lots[name].make())) for name in counts) == 48


def test_one_long_case_is_timed_of_each_kind_of_hold_out():
    timed = [
        case.id
        for lot in (*generated.held_out_seeds(2), *generated.held_out_families(3))
        for case in lot.make()
        if case.timed
    ]
    assert len(timed) == 1 + len(HELD_OUT)
    assert all(name.endswith("/0@81+81") for name in timed)


def test_a_long_horizon_goes_two_windows_beyond_the_history():
    (lot,) = generated.long_horizon(1)
    (case,) = lot.make()
    assert (len(case.history), case.horizon, case.group) == (81, 162, "long horizon, 81 -> 162")


def test_a_pair_differs_by_the_camera_alone():
    (lot,) = camera.camera_pairs(4)
    cases = list(lot.make())
    for moving, held in zip(cases[::2], cases[1::2], strict=True):
        assert moving.scene == held.scene != moving.id
        assert np.array_equal(moving.history.xy[0], held.history.xy[0])
        ways = [np.ptp(case.history.xy, axis=0).max(-1) for case in (moving, held)]
        # the room behind the things: at rest to the bit under the held camera, else it moves
        rest = ways[1] < 1e-3
        assert rest.mean() > 0.2
        assert np.median(ways[0][rest]) > 1.0
        assert (ways[1][~rest]).max() > 5.0, "nothing acts in it"


def test_bars_hide_most_of_the_history_and_nothing_unseen_is_asked_for():
    (lot,) = occlusion.behind_bars(3)
    for case in lot.make():
        assert case.history.visible.mean() < 0.45
        assert case.about["hidden"] == round(1 - float(case.history.visible.mean()), 3)
        known = case.history.visible.any(0)
        assert known.mean() > 0.9
        assert not case.truth.visible[:, ~known].any()
        assert case.truth.visible.any()
        first = case.history.visible[:, known].argmax(0)
        assert np.array_equal(case.history.query_frame[known], first)


def test_bars_take_away_and_never_show():
    number, world = 1, generate("mix", seed=occlusion.SEED, n=1, start=1, frames=162).clip(0)
    case = list(occlusion.behind_bars(2)[0].make())[number]
    visible = np.concatenate([case.history.visible, case.truth.visible])
    assert not (visible & ~world.tracks.visible).any()
    assert np.array_equal(np.concatenate([case.history.xy, case.truth.xy]), world.tracks.xy)


def test_in_a_still_image_nothing_moves():
    exact, noisy = (list(lot.make()) for lot in still.still_images(1, 2))
    for case in (*exact, *noisy):
        assert (case.truth.xy == case.truth.grid.points().reshape(-1, 2)).all()
        assert case.truth.visible.all()
        pictures = case.video[0 : len(case.video)]
        assert np.array_equal(case.frame.image, pictures[len(case.history) - 1])
    assert (exact[0].history.xy == exact[0].truth.xy[0]).all()
    assert (exact[0].video[0:1] == exact[0].video[:]).all()
    ways = [np.abs(case.history.xy - case.truth.xy[0]).max() for case in noisy]
    assert 0.05 < min(ways) < max(ways) < 4.0
    changes = np.diff(noisy[0].video[0:2].astype(float), axis=0)
    assert 2.0 < changes.std() < 3.5  # two draws of noise of 2 levels, rounded
    assert noisy[0].scene == exact[0].scene != noisy[1].scene


def test_all_cases_are_of_one_window_a_group_and_finite():
    lots = [lot for lot in suite().lots("mini", None) if lot.name.split("-")[0] in ALONE]
    windows, ids = {}, []
    for lot in lots[::5]:
        for case in lot.make():
            ids.append(case.id)
            window = (len(case.history), case.horizon)
            assert windows.setdefault(case.group, window) == window
            assert case.group.endswith(f", {window[0]} -> {window[1]}")
            assert np.isfinite(case.truth.xy).all()
            assert coords.inside(case.truth.xy, case.size)[case.truth.visible].all()
            assert case.truth.visible.any()
    assert len(set(ids)) == len(ids)


def test_without_mujoco_rendered_parts_name_the_extra_and_the_others_go_on(monkeypatch, tmp_path):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "mujoco", None)
    lots = {lot.name: lot for lot in suite().lots("mini", None)}
    for name in ("shapes-known-000", "falling-000"):
        with pytest.raises(MissingExtraError, match=r"kinecast\[sim\]"):
            next(lots[name].make())
    assert next(lots["still-exact-000"].make()).video is not None


def _check_clip(case, clip, frames):
    assert case.scene == clip.id
    assert case.group.endswith(f", {frames} -> {frames}")
    assert np.array_equal(np.concatenate([case.history.xy, case.truth.xy]), clip.tracks.xy)
    visible = np.concatenate([case.history.visible, case.truth.visible])
    assert np.array_equal(visible, clip.tracks.visible)
    assert (case.history.query_frame == 0).all()
