"""The rules that bring outputs to a case: its frame, its points, its frames in time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from other_cases import SIZE, gridded, moving, now

from kinecast.bench.readers.axes import canonical, check_axes
from kinecast.bench.readers.base import Output, RefusalError
from kinecast.bench.readers.fit import HOW, Fit
from kinecast.bench.readers.futures import OPTIONS, futures
from kinecast.bench.readers.options import Options, parse
from kinecast.bench.readers.times import at_places, flags_at, places
from kinecast.core.errors import UserError
from kinecast.metrics.resample import resampled


def options(**given_):
    return Options(given_, OPTIONS, "outputs:test")


sides = st.tuples(st.integers(16, 200), st.integers(16, 200))


@given(case=sides, method=sides, how=st.sampled_from(HOW))
def test_a_fit_and_back_is_where_it_was(case, method, how):
    fit = Fit.of(case, method, options(fit=how))
    xy = np.random.default_rng(0).uniform(-1, 2, (7, 2)) * case
    np.testing.assert_allclose(fit.to_case(fit.to_method(xy)), xy, atol=1e-9)
    middle = fit.to_method(np.array([case]) / 2)
    np.testing.assert_allclose(middle, [np.array(method) / 2], atol=max(method) / min(case) + 1)


def test_letterbox_centres_the_frame_between_bars_as_published():
    fit = Fit.of((256, 256), (512, 320), options(fit="letterbox"))  # WHN D.3, DynamicCrafter
    corners = np.array([[0.0, 0.0], [256.0, 256.0]])
    np.testing.assert_allclose(fit.to_method(corners), [[96, 0], [416, 320]])
    picture = fit.image(np.full((256, 256, 3), 200, np.uint8))
    assert picture.shape == (320, 512, 3)
    assert (picture[:, 96:416] == 200).all()
    assert not picture[:, :96].any()
    assert not picture[:, 416:].any()


def test_a_crop_cuts_off_what_is_outside():
    fit = Fit.of((80, 48), (96, 96), options(fit="crop"))
    np.testing.assert_allclose(
        fit.to_method(np.array([[16.0, 0.0], [64.0, 48.0]])), [[0, 0], [96, 96]]
    )
    assert fit.to_method(np.array([[10.0, 5.0]]))[0, 0] < 0


def test_frames_of_one_shape_need_no_fit_and_others_do():
    assert Fit.of((854, 480), (427, 240), options()).method_part == (427, 240)
    with pytest.raises(UserError, match=r"fit=stretch\|crop\|letterbox"):
        Fit.of((832, 480), (512, 512), options())


def test_steps_become_frames_by_the_stated_rule():
    np.testing.assert_array_equal(places(9, 3, None, options(), None), [1, 2, 3])
    np.testing.assert_array_equal(places(17, 4, None, options(time="ends"), None), [4, 8, 12, 16])
    np.testing.assert_allclose(places(9, 4, 24.0, options(fps="12"), None), [0.5, 1, 1.5, 2])
    np.testing.assert_allclose(places(9, 4, 24.0, options(), 48.0), [2, 4, 6, 8])
    np.testing.assert_array_equal(places(9, 2, 24.0, options(time="frames"), 48.0), [1, 2])
    with pytest.raises(RefusalError, match="end before"):
        places(3, 3, None, options(), None)
    with pytest.raises(RefusalError, match="frame rate is not known"):
        places(9, 3, None, options(fps="12"), None)
    with pytest.raises(UserError, match="time= or fps="):
        places(9, 3, 24.0, options(fps="12", time="ends"), None)


@given(steps=st.integers(2, 40), frames=st.integers(2, 40))
def test_centres_is_zipmo_s_resampling(steps, frames):
    path = np.random.default_rng(0).normal(size=(1, steps, 3, 2)).astype(np.float32)
    place = places(steps, frames - 1, None, options(time="centres"), None)
    theirs = resampled(torch.from_numpy(path).transpose(1, 2), frames).transpose(1, 2).numpy()
    np.testing.assert_allclose(at_places(path, place), theirs[:, 1:], atol=1e-4)


def test_flags_are_those_of_the_nearest_step():
    flags = np.array([True, False, True])[None, :, None]
    got = flags_at(flags, np.array([0.4, 0.6, 1.4, 1.6]))
    assert got[0, :, 0].tolist() == [True, False, False, True]


def test_points_are_compared_with_queries_in_order():
    case = moving()
    at = now(case)
    still = np.broadcast_to(at, (1, case.horizon + 1, *at.shape)).astype(np.float32)
    (future,) = futures(Output(still, SIZE, 0, at + 0.5), case, options())
    np.testing.assert_allclose(future.xy[-1], at)
    with pytest.raises(UserError, match=r"up to .* pixels away"):
        futures(Output(still, SIZE, 0, at[::-1]), case, options())
    with pytest.raises(UserError, match="finite queries"):
        Output(still, SIZE, 0, at * np.nan)
    turned = at[:, ::-1] / SIZE[::-1] * SIZE
    with pytest.raises(UserError, match="x and y exchanged"):
        futures(Output(still, SIZE, 0, turned), case, options())


def test_bilinear_is_exact_for_an_affine_motion_and_needs_a_grid():
    case = gridded()
    x, y = np.meshgrid(np.arange(0, 81, 5.0), np.arange(0, 49, 6.0))
    at = np.stack([x, y], -1).reshape(-1, 2)
    bent = at + 0.1 * at[:, ::-1] + 3
    steps = np.stack([at + s * (bent - at) for s in (0.5, 1.0)])[None].astype(np.float32)
    stated = options(points="bilinear", time="ends")
    (future,) = futures(Output(steps, SIZE, 1, at), case, stated)
    here = now(case)
    np.testing.assert_allclose(future.xy[-1], here + 0.1 * here[:, ::-1] + 3, atol=1e-3)
    with pytest.raises(UserError, match="regular grid"):
        futures(Output(steps[:, :, :-1], SIZE, 1, at[:-1]), case, stated)
    with pytest.raises(UserError, match="array of queries"):
        futures(Output(steps, SIZE, 1), case, stated)


def test_axes_are_brought_to_samples_steps_points():
    array = np.arange(2 * 3 * 4 * 5 * 2).reshape(4, 2, 2, 5, 3)  # h d k w t
    got = canonical(array, "hdkwt", "here")
    assert got.shape == (2, 3, 20, 2)
    assert got[1, 2, 3 * 5 + 4, 1] == array[3, 1, 1, 4, 2]
    for wrong in ("tn", "tnn", "nhwd", "hd", "xyd"):
        with pytest.raises(UserError, match="axes= of the letters"):
            check_axes(wrong)


def test_words_are_keys_and_values():
    assert parse("a/b?x=1&y=2") == ("a/b", {"x": "1", "y": "2"})
    for wrong in ("", "?x=1", "a?x", "a?x=1&x=2", "a?=1"):
        with pytest.raises(UserError):
            parse(wrong)
