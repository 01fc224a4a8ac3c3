"""Pictures and point tracks against what geometry says, on frames that are not square."""

import numpy as np
import pytest
from sim_worlds import FOVY, camera, needs_gl, one_body

from kinecast.core.errors import UserError
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.film import film
from kinecast.data.synth.sim.points import follow, follow_grid, grid_of
from kinecast.data.synth.sim.render import SKY, render
from kinecast.data.synth.sim.simulate import simulate

pytestmark = needs_gl
SIZE = (120, 80)  # W, H
FOCAL = SIZE[1] / 2 / np.tan(FOVY / 2)
STILL = {"floor": False, "at": (0.0, 0.0, 1.0)}


def shoot(setup, frames=1, fps=10.0, size=SIZE):
    poses = simulate(setup, frames, fps)
    return poses, render(poses, size)[0]


def test_a_ball_is_a_disc_where_the_pinhole_puts_it():
    poses, seen = shoot(one_body(size=(0.5, 0, 0), **STILL))
    mask = seen.things(poses)[0] == 1
    y, x = np.nonzero(mask)
    assert (x.mean() + 0.5, y.mean() + 0.5) == pytest.approx((60, 40), abs=0.1)
    radius = FOCAL * 0.5 / np.sqrt(8**2 - 0.5**2)  # the silhouette is where rays touch the ball
    assert np.sqrt(mask.sum() / np.pi) == pytest.approx(radius, rel=0.02)
    assert (seen.geom[0][~mask] == SKY).all()


def test_x_is_right_and_y_is_down():
    poses, seen = shoot(one_body(size=(0.2, 0, 0), floor=False, at=(1.5, 0.0, 1.8)))
    y, x = np.nonzero(seen.things(poses)[0])
    expected = 60 + FOCAL * 1.5 / 8, 40 - FOCAL * 0.8 / 8
    assert (x.mean() + 0.5, y.mean() + 0.5) == pytest.approx(expected, abs=0.3)


def test_depth_is_metric_along_the_optical_axis():
    _, seen = shoot(one_body("box", size=(2.0, 0.5, 0.5), **STILL))
    face = seen.geom[0] != SKY
    np.testing.assert_allclose(seen.depth[0][face], 7.5, rtol=1e-5)  # not the distance: no curve
    # a tilted plane: 1 / z is linear in the picture
    floor = one_body(size=(0.1, 0, 0), at=(0, 0, 50), cameras=(camera((0, -4, 3), (0, 0, 0)),))
    _, seen = shoot(floor)
    down = np.arctan2(3, 4)
    rows = (np.arange(SIZE[1]) + 0.5 - SIZE[1] / 2) / FOCAL
    expected = 3 / (np.sin(down) + rows * np.cos(down))
    np.testing.assert_allclose(seen.depth[0], expected[:, None].repeat(120, 1), rtol=2e-5)


def test_a_point_of_a_flying_turning_box_lands_where_its_own_coordinates_say():
    setup = one_body(
        "box", size=(0.6, 0.5, 0.4), floor=False, at=(-1.0, 0, 1.0), quat=(0.9, 0.2, 0.3, 0.1),
        velocities={"body": np.array([1.0, 0.5, 3.0, 0.5, 1.0, 2.0])},
    )  # fmt: skip
    poses, seen = shoot(setup, 12, 20.0)
    queries = np.array([[42.5, 38.5], [45.3, 42.1], [47.5, 36.5]])
    tracks, geom = follow(poses, seen, queries, np.array([0, 0, 5]), 20.0)
    body = poses.body("body")
    np.testing.assert_array_equal(geom, np.full(3, poses.model.geom("geom").id))
    for n, (xy, t0) in enumerate(zip(queries, [0, 0, 5], strict=True)):
        local = on_box(poses, xy, t0, body, np.array([0.6, 0.5, 0.4]))
        world = poses.body_rotation[:, body] @ local + poses.body_position[:, body]
        z = world[:, 1] + 8
        expected = np.stack([60 + FOCAL * world[:, 0] / z, 40 - FOCAL * (world[:, 2] - 1) / z], -1)
        np.testing.assert_allclose(tracks.xy[:, n], expected, atol=5e-3)
        np.testing.assert_allclose(tracks.xy[t0, n], xy, atol=1e-5)


def on_box(poses, xy, t, body, half):
    """Where the ray of a pixel meets the box, in its coordinates, by slabs."""
    turn = poses.body_rotation[t, body].T
    origin = turn @ (np.array([0, -8.0, 1.0]) - poses.body_position[t, body])
    ray = turn @ np.array([(xy[0] - 60) / FOCAL, 1.0, -(xy[1] - 40) / FOCAL])
    near = ((-np.sign(ray) * half - origin) / ray).max()
    return origin + near * ray


@pytest.mark.parametrize(
    ("family", "size", "camera_"),
    [
        ("movi-a", (160, 96), "moving"),
        ("movi-a", (128, 128), "static"),
        ("movi-b", (96, 144), "moving"),
    ],
)
def test_tracks_agree_with_masks_and_with_rays_that_know_nothing_of_pictures(family, size, camera_):
    own = ray_own = seen = ray_seen = found = 0
    for seed in range(3):
        take = film(family, seed=seed, frames=9, fps=6.0, size=size, camera=camera_)
        poses, view = take.poses, take.views[0]
        tracks, geom = follow_grid(poses, view.pictures, grid_of(size), 6.0)
        np.testing.assert_array_equal(tracks.xy, view.tracks.xy)
        t, n = np.nonzero(tracks.visible)
        column, row = np.floor(tracks.xy[t, n]).astype(int).T
        masks = view.pictures.things(poses)
        own += (masks[t, row, column] == view.thing[n]).sum()
        seen += len(t)
        for t in (4, 8):
            shown = np.flatnonzero(tracks.inside()[t])
            hit, hits_point = cast(poses, tracks, geom, t, shown)
            thing = np.append(poses.owner, 0)[hit]
            visible = tracks.visible[t, shown]
            ray_own += (thing == view.thing[shown])[visible].sum()
            ray_seen += visible.sum()
            found += (visible == hits_point).mean() / 6
    assert own / seen >= 0.995
    assert ray_own / ray_seen >= 0.99  # coarse pictures: outlines are much of an object here
    assert found >= 0.98  # the rest: seen by less than half a pixel


def cast(poses, tracks, geom, t, points):
    """The geom that a ray to each point hits first, and whether it hits at the point."""
    model, data = poses.model, mujoco.MjData(poses.model)
    mujoco.mj_forward(model, data)
    data.geom_xpos[:] = poses.geom_position[t]
    data.geom_xmat[:] = poses.geom_rotation[t].reshape(-1, 9)
    (W, H), seen_groups = tracks.size, np.array([1, 1, 1, 0, 0, 0], np.uint8)
    focal = H / 2 / np.tan(poses.fovy[0] / 2)
    # the point in the world: on its geom, found at frame 0 by a ray as well
    xy0, xy = tracks.xy[0].astype(float), tracks.xy[t].astype(float)
    hits, at = [], []
    for n in points:
        hits.append(_ray(model, data, poses, t, xy[n], (W, H), focal, seen_groups)[0])
    data.geom_xpos[:] = poses.geom_position[0]
    data.geom_xmat[:] = poses.geom_rotation[0].reshape(-1, 9)
    for n, hit in zip(points, hits, strict=True):
        _, where = _ray(model, data, poses, 0, xy0[n], (W, H), focal, seen_groups)
        g = geom[n]
        local = poses.geom_rotation[0, g].T @ (where - poses.geom_position[0, g])
        now = poses.geom_rotation[t, g] @ local + poses.geom_position[t, g]
        far = np.linalg.norm(now - poses.camera_position[t, 0])
        at.append((hit[0] == g) and abs(hit[1] - far) < 0.02 * far)
    return np.array([hit[0] for hit in hits]), np.array(at)


def _ray(model, data, poses, t, xy, size, focal, groups):
    local = np.array([(xy[0] - size[0] / 2) / focal, -(xy[1] - size[1] / 2) / focal, -1.0])
    ray = poses.camera_rotation[t, 0] @ (local / np.linalg.norm(local))
    origin, hit = poses.camera_position[t, 0], np.array([-1], np.int32)
    distance = mujoco.mj_ray(model, data, origin, ray, groups, 1, -1, hit, None)
    return (int(hit[0]), distance), origin + distance * ray


def test_points_behind_the_camera_or_far_outside_are_finite_and_hidden():
    eye = camera(np.linspace([0, -8, 1], [0, 8, 1], 9), np.array([0.0, 100.0, 1.0]))
    poses, seen = shoot(one_body("box", cameras=(eye,), at=(0, 0, 1), settle=0.0), 9, 200.0)
    tracks, geom = follow_grid(poses, seen, grid_of(SIZE), 200.0)
    assert np.isfinite(tracks.xy).all()
    assert (tracks.xy >= -np.array(SIZE)).all()
    assert (tracks.xy <= 2 * np.array(SIZE)).all()
    on_box_ = geom == poses.model.geom("geom").id
    assert on_box_.any()
    assert not tracks.visible[5:, on_box_].any()  # passed
    sky = geom == SKY
    assert sky.any()
    np.testing.assert_allclose(tracks.xy[:, sky], tracks.xy[:1, sky].repeat(9, 0), atol=1e-3)
    assert tracks.visible[0].all()


def test_a_body_hides_what_is_behind_it_and_its_own_back():
    turned = {"body": np.array([0, 0, 0, 0, 0, np.pi])}  # half a turn a second
    setup = one_body("cylinder", size=(0.5, 0.5, 0), velocities=turned, **STILL)
    setup.spec.option.gravity = [0, 0, 0]
    poses, seen = shoot(setup, 11)
    tracks, geom = follow_grid(poses, seen, grid_of(SIZE, 2), 10.0)
    side = geom >= 0
    assert side.sum() > 30
    assert not tracks.visible[10, side].any()  # behind itself now, the pixel shows the same geom
    assert tracks.visible[1, side].mean() > 0.8


def test_grid_and_queries():
    grid = grid_of((256, 256))
    assert (grid.count, grid.points()[0, 1].tolist()) == (1024, [8.5, 0.5])
    assert (grid_of((17, 9)).h, grid_of((17, 9)).w) == (2, 3)
    with pytest.raises(UserError, match="stride of 1 pixel"):
        grid_of((8, 8), 0)
    poses, seen = shoot(one_body(**STILL))
    for xy, t in (([120.0, 3.0], 0), ([1.0, 1.0], 1)):
        with pytest.raises(UserError, match="queries in the 120x80 frame"):
            follow(poses, seen, np.array([xy]), np.array([t]), 10.0)
