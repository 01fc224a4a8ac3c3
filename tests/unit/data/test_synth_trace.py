"""Filming hand-built scenes, against closed forms."""

import math

import pytest
import torch

from kinecast.core.grid import Grid
from kinecast.data.synth.motion import rotation
from kinecast.data.synth.scene import Bodies, Camera, Scene, Waves
from kinecast.data.synth.trace import film

SIZE = (320, 192)
GRID = Grid(6, 10, 32.0, (16.0, 16.0))
POINTS = torch.from_numpy(GRID.points().reshape(-1, 2))
MIDDLE = torch.tensor(SIZE) / 2
FOCAL = 300.0
FAR = torch.tensor(
    [[0.0, 1, 0, 8], [0, -1, 0, 8], [1, 0, 0, 8], [-1, 0, 0, 8], [0, 0, 1, 10], [0, 0, -1, 5]]
)[None]  # a room around the camera, its back wall at z = 10


def camera(T, yaw=None, position=None, focal=None):
    turn = torch.zeros(1, T, 3)
    if yaw is not None:
        turn[0, :, 1] = -yaw  # world to camera: looking right turns the world left
    return Camera(
        rotation(turn),
        torch.zeros(1, T, 3) if position is None else position[None],
        torch.full((1, T), FOCAL) if focal is None else focal[None],
    )


def ball(path, half, turn=None):
    """One ellipsoid along path (T, 3)."""
    T = len(path)
    orient = torch.eye(3).expand(T, 3, 3) if turn is None else rotation(turn)
    return Bodies(path[None, :, None], (orient * torch.tensor(half))[None, :, None])


def run(scene, anchor=0):
    xy, visible = film(scene, POINTS, anchor, SIZE)
    return xy[0].transpose(1, 2), visible[0]  # (T, P, 2), (T, P)


def from_axis(xy):
    """Pixels from the middle of the frame."""
    return (xy - MIDDLE).norm(dim=-1)


@pytest.mark.parametrize("anchor", [0, 7, 11])
def test_a_turning_and_zooming_camera_is_a_homography(anchor):
    yaw, focal = torch.linspace(-0.1, 0.25, 12), torch.linspace(250, 340, 12)
    xy, visible = run(Scene(camera(12, yaw, focal=focal), FAR), anchor)
    R = camera(12, yaw).rotation[0].double()
    for t in range(12):
        K, A = (torch.diag(torch.tensor([focal[i], focal[i], 1.0])).double() for i in (t, anchor))
        K[:2, 2] = A[:2, 2] = MIDDLE.double()
        H = K @ R[t] @ R[anchor].T @ torch.linalg.inv(A)
        rays = torch.cat([POINTS, torch.ones(60, 1)], 1).double() @ H.T
        expected = (rays[:, :2] / rays[:, 2:]).float()
        torch.testing.assert_close(xy[t], expected, atol=2e-3, rtol=0)
        inside = ((expected >= 0) & (expected < torch.tensor(SIZE))).all(-1)
        assert (visible[t] == inside).all()


def test_a_truck_shifts_a_frontal_wall_by_focal_times_way_over_depth():
    position = torch.zeros(5, 3)
    position[:, 0] = torch.arange(5) * 0.2
    xy, _ = run(Scene(camera(5, position=position), FAR))
    on_wall = ((POINTS - MIDDLE).abs() < FOCAL * 8 / 10).all(-1)
    assert on_wall.all()
    expected = POINTS - torch.tensor([FOCAL * 0.8 / 10, 0.0])
    torch.testing.assert_close(xy[4], expected, atol=1e-3, rtol=0)


def test_points_are_exact_and_visible_in_the_anchor_frame():
    path = torch.stack([torch.linspace(-2, 2, 9), torch.zeros(9), torch.full((9,), 5.0)], -1)
    scene = Scene(camera(9, torch.linspace(0, 0.3, 9)), FAR, balls=ball(path, [0.8, 0.5, 0.6]))
    xy, visible = run(scene, anchor=4)
    assert torch.equal(xy[4], POINTS)
    assert visible[4].all()


def test_a_ball_hides_exactly_the_background_in_its_silhouette():
    path = torch.tensor([[-30.0, 0, 5], [0.0, 0, 5]])
    _, visible = run(Scene(camera(2), FAR, balls=ball(path, [1.0, 1.0, 1.0])))
    silhouette = FOCAL * math.tan(math.asin(1.0 / 5.0))
    hidden = from_axis(POINTS) < silhouette
    edge = (from_axis(POINTS) - silhouette).abs() < 0.02 * silhouette
    assert 4 < hidden.sum() < 30
    assert ((visible[1] == ~hidden) | edge).all()


def test_a_body_covers_what_is_behind_it_and_not_what_is_in_front():
    still = torch.tensor([[0.0, 0, 4.0]] * 2)
    passing = torch.tensor([[30.0, 0, 7.0], [0.0, 0, 7.0]])
    front, behind = ball(still, [0.5, 0.5, 0.5]), ball(passing, [2.0, 2.0, 2.0])
    bodies = Bodies(
        torch.cat([front.centre, behind.centre], 2), torch.cat([front.axes, behind.axes], 2)
    )
    _, visible = run(Scene(camera(2), FAR, balls=bodies))
    on_front = from_axis(POINTS) < FOCAL * math.tan(math.asin(0.5 / 4.0)) * 0.98
    in_passing = from_axis(POINTS) < FOCAL * math.tan(math.asin(2.0 / 7.0)) * 0.97
    assert on_front.sum() == 4
    assert visible[1][on_front].all()
    assert not visible[1][in_passing & ~on_front].any()


def test_points_on_a_spinning_ball_turn_away_and_come_back():
    T = 41
    turn = torch.zeros(T, 3)
    turn[:, 1] = torch.linspace(0, 2 * math.pi, T)
    path = torch.tensor([[0.0, 0.0, 6.0]]).expand(T, 3)
    xy, visible = run(Scene(camera(T), FAR, balls=ball(path, [1.0, 1.0, 1.0], turn)))
    on_ball = from_axis(POINTS) < 0.9 * FOCAL * math.tan(math.asin(1 / 6))
    assert not visible[T // 2][on_ball].any()
    assert visible[-1][on_ball].all()
    torch.testing.assert_close(xy[-1], POINTS, atol=0.01, rtol=0)
    half_turn = from_axis(xy[T // 2][on_ball])
    assert (half_turn < from_axis(POINTS[on_ball])).all()  # the far side of the ball looks smaller


def test_points_on_a_box_move_with_its_front_face():
    path = torch.tensor([[0.0, 0, 5.0], [0.6, 0.0, 5.0]])
    xy, visible = run(Scene(camera(2), FAR, boxes=ball(path, [1.0, 0.5, 0.5])))
    front = 4.5
    on_face = ((POINTS - MIDDLE).abs() < FOCAL * torch.tensor([1.0, 0.5]) / front).all(-1)
    assert on_face.sum() == 8
    shift = (xy[1] - POINTS)[on_face]
    expected = torch.tensor([0.6 * FOCAL / front, 0.0]).expand_as(shift)
    torch.testing.assert_close(shift, expected, atol=1e-3, rtol=0)
    assert visible[1][on_face].all()
    torch.testing.assert_close(xy[1][~on_face], POINTS[~on_face], atol=1e-3, rtol=0)


def test_a_body_that_leaves_through_a_wall_is_hidden():
    path = torch.tensor([[0.0, 0, 8.0], [0.0, 0, 12.0]])
    _, visible = run(Scene(camera(2), FAR, balls=ball(path, [1.0, 1.0, 1.0])))
    on_ball = from_axis(POINTS) < 0.9 * FOCAL * math.tan(math.asin(1 / 8))
    assert on_ball.any()
    assert not visible[1][on_ball].any()


def test_what_is_behind_the_camera_is_hidden_and_finite():
    path = torch.tensor([[0.0, 0, 5.0], [0.0, 0, 0.0], [0.0, 0, -5.0]])
    xy, visible = run(Scene(camera(3), FAR, balls=ball(path, [0.9, 0.9, 0.9])))
    on_ball = from_axis(POINTS) < 0.9 * FOCAL * math.tan(math.asin(0.9 / 5))
    assert torch.isfinite(xy).all()
    assert xy.abs().max() <= 2 * max(SIZE)
    assert not visible[2][on_ball].any()


def test_time_runs_both_ways():
    T = 9
    path = torch.stack([torch.linspace(-2, 2, T), torch.zeros(T), torch.full((T,), 5.0)], -1)
    yaw = torch.linspace(0, 0.2, T)
    forward = Scene(camera(T, yaw), FAR, balls=ball(path, [0.8, 0.5, 0.6]))
    backward = Scene(camera(T, yaw.flip(0)), FAR, balls=ball(path.flip(0), [0.8, 0.5, 0.6]))
    xy, visible = run(forward, anchor=2)
    other_xy, other_visible = run(backward, anchor=T - 3)
    torch.testing.assert_close(xy, other_xy.flip(0))
    assert torch.equal(visible, other_visible.flip(0))


def test_waves_displace_a_sheet_by_their_closed_form():
    T, amplitude, pace = 12, 0.3, 0.4
    path = torch.tensor([[0.0, 0.0, 5.0]]).expand(T, 3)
    sheet = ball(path, [4.0, 4.0, 0.01])
    direction = torch.zeros(1, 1, 2, 3)
    direction[..., 0, 2] = amplitude / 0.01
    waves = Waves(
        direction, torch.zeros(1, 1, 2, 3), torch.full((1, 1, 2), pace), torch.zeros(1, 1, 2)
    )
    xy, visible = run(Scene(camera(T), FAR, None, sheet, waves, torch.zeros(1, 1)))
    t = torch.arange(T)
    depth = 4.99 + amplitude * torch.sin(pace * t)  # without wave numbers the sheet moves as one
    expected = MIDDLE + (POINTS - MIDDLE) * (4.99 / depth)[:, None, None]
    torch.testing.assert_close(xy, expected, atol=5e-3, rtol=0)
    inside = ((xy >= 0) & (xy < torch.tensor(SIZE))).all(-1)
    assert torch.equal(visible, inside)  # a sheet does not hide its own points


def test_still_things_seen_by_a_still_camera_stay_still():
    path = torch.tensor([[0.5, 0.2, 4.0]]).expand(6, 3)
    xy, visible = run(Scene(camera(6), FAR, balls=ball(path, [0.7, 0.4, 0.3])))
    torch.testing.assert_close(xy, POINTS.expand_as(xy), atol=1e-3, rtol=0)
    assert visible.all()
