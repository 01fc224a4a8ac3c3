import cv2
import numpy as np
import pytest

from kinecast.core import coords
from kinecast.data.trackers.appearance import Templates, windows
from kinecast.data.trackers.camera import Camera, project
from kinecast.data.trackers.dis import FlowPair, advance, sample
from kinecast.data.trackers.neighbours import COUNT, Neighbours, _nearest
from kinecast.data.trackers.search import search
from kinecast.data.trackers.view import View

SIZE = (120, 80)


def _picture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (80, 120, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return 128 + 45 * (smooth - smooth.mean()) / smooth.std()


def _moved(picture: np.ndarray, pose: np.ndarray) -> np.ndarray:
    return cv2.warpPerspective(picture, pose, SIZE, borderMode=cv2.BORDER_REFLECT)


def _points(margin: int = 20, step: int = 10) -> np.ndarray:
    x, y = np.meshgrid(np.arange(margin, 120 - margin, step), np.arange(margin, 80 - margin, step))
    return np.stack([x, y], -1).reshape(-1, 2).astype(np.float32) + 0.5


def test_sample_reads_a_ramp_at_edge_aligned_points():
    y, x = np.mgrid[:80, :120].astype(np.float32)
    ramp = np.stack([x + 0.5, y + 0.5], -1)  # each pixel holds its own centre
    points = np.random.default_rng(0).uniform((1, 1), (119, 79), (50, 4, 2)).astype(np.float32)
    np.testing.assert_allclose(sample(ramp, points), points, atol=1 / 32)
    np.testing.assert_allclose(
        sample(ramp, np.float32([[-9, -9], [500, 500]])), [[0.5, 0.5], [119.5, 79.5]]
    )


def test_sample_takes_more_points_than_one_remap_does():
    image = np.arange(80 * 120, dtype=np.float32).reshape(80, 120, 1)
    points = np.tile(np.float32([[7.5, 3.5]]), (40_000, 1))
    assert (sample(image, points) == image[3, 7]).all()


def test_advance_scales_a_reduced_flow_per_axis():
    flow = np.tile(np.float32([2, -1]), (20, 60, 1))  # of a 60x20 frame
    there, error = advance(FlowPair(flow, -flow), np.float32([[50, 50]]), SIZE)
    np.testing.assert_allclose(there, [[54, 46]], atol=1e-4)
    np.testing.assert_allclose(error, [0], atol=1e-4)
    _, error = advance(FlowPair(flow, 0 * flow), np.float32([[50, 50]]), SIZE)
    np.testing.assert_allclose(error, [np.hypot(4, 4)], atol=1e-4)


def test_refinement_finds_a_subpixel_shift():
    picture, points = _picture(), _points()
    shift = np.float32([1.3, -0.8])
    moved = _moved(picture, np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1.0]]))
    templates = Templates.at(picture, points)
    found = templates.refine(moved, points, steps=6)
    assert np.abs(found - points - shift).max() < 0.15
    assert (templates.mismatch(moved, found) < 0.2).all()
    assert np.median(templates.mismatch(moved, found + 8)) > 1.5


def test_a_flat_window_does_not_move_and_matches_its_own_colour_only():
    flat = np.full((80, 120, 3), 100, np.float32)
    noise = np.random.default_rng(0).normal(0, 1, flat.shape).astype(np.float32)
    points = _points()
    templates = Templates.at(flat + noise, points)
    found = templates.refine(flat + noise[::-1], points)
    assert np.abs(found - points).max() < 0.6
    assert (templates.mismatch(flat, points) < 0.2).all()
    assert (templates.mismatch(flat + 10, points) < 0.2).all()  # a change of light
    assert (templates.mismatch(flat + 60, points) > 3).all()


def test_a_point_beside_an_edge_is_known_by_its_own_side():
    wall, sheet = np.full((80, 120, 3), 60, np.float32), np.full((80, 120, 3), 60, np.float32)
    wall[:, 60:], sheet[:, 60:] = 200, 130  # what is on the other side changes
    beside = np.float32([[57.5, 40.5]])
    assert Templates.at(wall, beside).mismatch(sheet, beside) < 0.5


def test_the_middle_of_a_window_is_known_in_any_light_and_beside_anything():
    wall, points = _picture(), _points()
    templates = Templates.at(wall, points)

    def unlike(seen: np.ndarray) -> np.ndarray:
        return templates.compare_middle(windows(seen, points))

    shadow = wall.copy()
    shadow[:, 61:] *= 0.6  # its edge lies beside a column of points
    passing = wall.copy()
    passing[:, 64:] = (220, 30, 30)
    near = points[:, 0] < 61
    assert (unlike(wall) < 1e-3).all()
    assert (unlike(shadow) < 0.2).all()
    assert (templates.mismatch(shadow, points)[~near] > 0.5).any()
    assert (unlike(passing)[near] < 1e-3).all()
    assert (unlike(passing)[points[:, 0] > 66] > 1).all()
    assert (unlike(0.3 * wall) > 1).all()  # darker than any shadow


def test_search_finds_a_window_and_refuses_two_alike():
    picture, at = _picture(), np.float32([[40.5, 40.5]])
    templates = Templates.at(picture, at)
    moved = _moved(picture, np.array([[1, 0, 14], [0, 1, -6], [0, 0, 1.0]]))
    found = search(moved, templates, 0, at[0], 24)
    np.testing.assert_allclose(found, [54.5, 34.5], atol=1)
    assert search(moved, templates, 0, at[0], 6) is None  # out of reach
    assert search(_picture(5), templates, 0, at[0], 24) is None  # not there
    twice = np.tile(picture[:, :20], (1, 6, 1))
    assert search(twice, Templates.at(twice, at), 0, at[0], 30) is None  # ambiguous


@pytest.mark.parametrize("corner", [(0.5, 0.5), (119.5, 79.5), (0.5, 79.5)])
def test_search_stays_in_the_picture(corner):
    picture = _picture()
    at = np.float32([corner])
    found = search(picture, Templates.at(picture, at), 0, at[0], 12)
    assert found is None or coords.inside(found, SIZE)


def test_nearest_are_the_nearest():
    points = np.random.default_rng(1).uniform(0, 100, (300, 2)).astype(np.float32)
    near = _nearest(points, 5)
    gap = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(gap, np.inf)
    np.testing.assert_array_equal(near, np.argsort(gap, axis=1, kind="stable")[:, :5])


def test_neighbours_of_the_same_colour_speak_for_a_point():
    points = _points(step=8)
    left = points[:, 0] < 60
    colour = np.where(left[:, None], 50.0, 200.0).astype(np.float32).repeat(3, 1)
    moved = np.where(left[:, None], np.float32([2, 0]), np.float32([0, -3]))
    zero = np.zeros(len(points), np.float32)
    motion = Neighbours(points, colour).motion(moved, zero + 1, 0 * moved, zero)
    np.testing.assert_allclose(motion, moved, atol=0.2)
    silent = Neighbours(points, colour).motion(moved, zero, 0 * moved + 7, zero + 1)
    np.testing.assert_allclose(silent, 7)
    assert len(points) > COUNT


def test_the_share_of_neighbours_counts_those_of_the_same_colour():
    points = _points(step=8)
    left = points[:, 0] < 60
    colour = np.where(left[:, None], 50.0, 200.0).astype(np.float32).repeat(3, 1)
    share = Neighbours(points, colour).share(left)
    assert (share[left] > 0.9).all()
    assert (share[~left] < 0.1).all()
    assert (Neighbours(points, colour).share(left | True) > 0.999).all()


def test_neighbours_that_part_lose_their_say():
    points = _points(step=8)
    colour = np.full((len(points), 3), 100, np.float32)
    moved = np.where(points[:, :1] < 60, np.float32([3, 0]), np.float32([0, 0]))
    neighbours = Neighbours(points, colour)
    one, zero = np.ones(len(points), np.float32), np.zeros(len(points), np.float32)
    before = neighbours.motion(moved, one, 0 * moved, zero)
    for _ in range(10):
        neighbours.remember(moved, one > 0)
    after = neighbours.motion(moved, one, 0 * moved, zero)
    assert np.abs(after - moved).max() < 0.1
    assert np.abs(after - moved).mean() < np.abs(before - moved).mean()


@pytest.mark.parametrize("angle", [0.0, 0.03])
def test_the_camera_is_a_similarity_that_the_picture_confirms(angle):
    picture, points = _picture(), _points(step=6)
    c, s = np.cos(angle), np.sin(angle)
    pose = np.array([[c, -s, 1.5], [s, c, -1.0], [0, 0, 1.0]])
    camera = Camera(points)
    everything = np.ones(len(points), bool)
    flowed = project(pose, points)
    flowed[::5] += 9  # a fifth is wrong
    templates = Templates.at(picture, points)
    camera.follow(_moved(picture, pose), flowed, everything, everything, templates)
    assert np.abs(camera.xy - project(pose, points)).max() < 0.2


def test_a_still_camera_is_not_carried_away_by_what_moves():
    picture, points = _picture(), _points(step=6)
    camera, everything = Camera(points), np.ones(len(points), bool)
    camera.follow(picture, points + 5, everything, everything, Templates.at(picture, points))
    assert (camera.xy == points).all()


def test_views_are_never_too_small_for_flow():
    view = View.of(np.zeros((33, 40, 3), np.uint8))
    assert view.size == (40, 33)
    assert view.half.shape == (32, 32)
