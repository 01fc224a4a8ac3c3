"""MOVi-A by the recorded configuration, its like of other shapes, and their futures."""

import numpy as np
import pytest
from sim_worlds import needs_gl

from kinecast.core.errors import UserError
from kinecast.data.synth.sim import movi, shapes
from kinecast.data.synth.sim.cameras import field_of_view
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.film import film
from kinecast.data.synth.sim.registry import RENDERED, rendered
from kinecast.data.synth.sim.setup import Shot
from kinecast.data.synth.sim.simulate import simulate


def draw(family, seed, future=0, **shot):
    made = rendered(family)
    streams = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1, future])
    return made.draw(*streams, Shot(**{"frames": 2, "fps": 12.0, "size": (256, 256)} | shot))


@pytest.mark.parametrize("family", ["movi-a", "movi-b"])
def test_worlds_are_drawn_from_the_recorded_configuration(family):
    kinds = movi.CLEVR if family == "movi-a" else movi.OTHERS
    counts, labels = set(), set()
    for seed in range(60):
        setup = draw(family, seed)
        counts.add(len(setup.things))
        places = []
        for thing in setup.things:
            body = setup.spec.body(thing.bodies[0])
            radius = kinds[thing.shape].radius() * movi.SIZES[thing.size]
            assert (body.pos - radius >= movi.SPAWN[0]).all()
            assert (body.pos + radius <= movi.SPAWN[1]).all()
            assert all(np.linalg.norm(body.pos - p) >= radius + r for p, r in places)
            places.append((np.array(body.pos), radius))
            velocity = setup.velocities[thing.bodies[0]]
            assert (np.abs(velocity[:2] + body.pos[:2]) <= 4).all()
            assert (velocity[2:] == 0).all()
            labels |= {thing.shape, thing.size, thing.material, thing.colour}
            assert f"{thing.size} {thing.colour} {thing.material} {thing.shape}" in setup.text
        path = setup.cameras[0]
        assert ((path.position - movi.CAMERA >= 0) & (path.position - movi.CAMERA < 1)).all()
        assert (path.target == 0).all()
    assert counts == set(range(3, 11))
    assert labels == {*kinds, *movi.SIZES, *movi.MATERIALS, *movi.COLOURS}


def test_the_lens_is_kubrics():
    assert field_of_view((256, 256)) == pytest.approx(0.8576, abs=2e-4)
    wide = field_of_view((832, 480))
    focal = [480 / 2 / np.tan(wide / 2), 256 / 2 / np.tan(0.8576 / 2)]
    assert focal[0] / np.sqrt(480 * 832) == pytest.approx(focal[1] / 256, rel=1e-3)


def test_a_moving_camera_starts_where_the_static_one_stands_and_stays_in_the_dome():
    ways = set()
    for seed in range(20):
        stands = draw("movi-a", seed).cameras[0].position
        path = draw("movi-a", seed, frames=400, camera="moving").cameras[0]
        moves = np.broadcast_to(path.position, (400, 3))
        np.testing.assert_allclose(moves[0], stands, atol=1e-12)
        np.testing.assert_allclose(np.broadcast_to(path.target, (400, 3))[0], 0, atol=1e-12)
        assert (moves[:, 2] > 1.5).all()
        assert (np.linalg.norm(moves[:, :2], axis=1) < 16).all()
        step = np.linalg.norm(np.diff(moves, axis=0), axis=1)
        assert 0.02 < step.max() * 12 < 8  # metres a second
        ways.add((path.target.ndim, np.ptp(np.linalg.norm(moves[:, :2], axis=1)) < 1e-9))
    assert len(ways) == 3  # held by hand, on a line, on an arc


def test_mass_is_density_times_volume_and_nothing_that_is_hidden_weighs():
    volumes = {
        "cube": 1.0, "cylinder": np.pi / 4, "sphere": np.pi / 6, "cone": np.pi / 12,
        "torus": 2 * np.pi**2 * 0.36 * 0.14**2, "brick": 0.336,
        "ellipsoid": 4 / 3 * np.pi * 0.6 * 0.4 * 0.3,
        "capsule": np.pi * 0.25**2 * 0.7 + 4 / 3 * np.pi * 0.25**3,
    }  # fmt: skip
    for name, volume in volumes.items():
        spec = mujoco.MjSpec()
        spec.add_material(name="stuff")
        body = spec.worldbody.add_body(name="b")
        shapes.add(spec, body, {**movi.CLEVR, **movi.OTHERS}[name], 1.4, 1100.0, "stuff")
        mass = spec.compile().body("b").mass[0]
        assert mass == pytest.approx(1100 * 1.4**3 * volume, rel=0.02), name


@pytest.mark.parametrize("name", list(movi.OTHERS))
def test_a_dropped_shape_comes_to_rest_on_the_floor(name):
    """What collides fills what is seen: its lowest vertex ends on the floor."""
    for seed in range(3):
        setup = draw("movi-b", seed)
        spec = mujoco.MjSpec()
        movi.simulation(spec)
        spec.add_material(name="stuff")
        plane = mujoco.mjtGeom.mjGEOM_PLANE
        spec.worldbody.add_geom(name="floor", type=plane, size=[0, 0, 1], contype=0, conaffinity=0)
        turn = np.random.default_rng(seed).normal(size=4)
        body = spec.worldbody.add_body(name="b", pos=[0, 0, 1.2], quat=turn / np.linalg.norm(turn))
        body.add_freejoint()
        geoms = shapes.add(spec, body, movi.OTHERS[name], 1.0, 1000.0, "stuff")
        stuff = movi.Material(0.8, 0.3)
        movi.touch(spec, [(["floor"], stuff), (geoms, stuff)])
        thing = movi.Thing(("b",), name)
        alone = movi.Setup(spec, setup.cameras, (thing,))
        poses = simulate(alone, 100, 20.0)  # some bounce for three seconds
        seen = int(poses.body_velocity.shape[1]) - 1
        assert lowest(poses, seen) == pytest.approx(0, abs=0.02)


def lowest(poses, body):
    """Height of the lowest point of what is seen of a body, in the last frame."""
    model = poses.model
    heights = []
    for g in np.flatnonzero((model.geom_bodyid == body) & (model.geom_group == 0)):
        turn, at = poses.geom_rotation[-1, g], poses.geom_position[-1, g]
        half = model.geom_size[g]
        if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = model.geom_dataid[g]
            first = model.mesh_vertadr[mesh]
            points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]]
            heights.append((points @ turn.T)[:, 2].min() + at[2])
        elif model.geom_type[g] == mujoco.mjtGeom.mjGEOM_BOX:
            heights.append(at[2] - np.abs(turn[2]) @ half)
        elif model.geom_type[g] == mujoco.mjtGeom.mjGEOM_CAPSULE:
            heights.append(at[2] - half[0] - half[1] * abs(turn[2, 2]))
        else:
            heights.append(at[2] - np.linalg.norm(turn[2] * half))  # ellipsoid
    return min(heights)


@needs_gl
@pytest.mark.parametrize("camera", ["static", "moving"])
def test_futures_share_frame_0_bit_for_bit_and_then_part(camera):
    asked = {"seed": 3, "index": 1, "frames": 8, "fps": 6.0, "size": (96, 64), "camera": camera}
    one, other = (film("movi-a", future=k, **asked) for k in (0, 1))
    a, b = one.views[0], other.views[0]
    assert a.pictures.rgb[0].tobytes() == b.pictures.rgb[0].tobytes()
    assert a.pictures.depth[0].tobytes() == b.pictures.depth[0].tobytes()
    np.testing.assert_array_equal(a.tracks.xy[0], b.tracks.xy[0])
    np.testing.assert_array_equal(a.thing, b.thing)
    moved = np.abs(a.tracks.xy[-1] - b.tracks.xy[-1]).max(-1)
    assert moved[a.thing > 0].mean() > 5
    assert (moved[a.thing == 0].max() > 1) == (camera == "moving")
    assert one.setup.text == other.setup.text
    again = film("movi-a", future=1, **asked).views[0]
    assert again.pictures.rgb.tobytes() == b.pictures.rgb.tobytes()
    assert again.tracks.xy.tobytes() == b.tracks.xy.tobytes()
    scene = film("movi-a", **asked | {"index": 2}).views[0]
    assert not np.array_equal(scene.pictures.rgb[0], a.pictures.rgb[0])


@needs_gl
def test_a_take_is_a_clip_with_its_video_and_caption():
    take = film("movi-b", seed=5, frames=4, size=(96, 64), stride=16, anchor=2)
    clip = take.clip()
    assert (len(clip.tracks), clip.tracks.size, clip.tracks.fps) == (4, (96, 64), 12.0)
    assert (clip.tracks.query_frame == 2).all()
    assert clip.tracks.count == 6 * 4
    assert clip.id == "movi-b/5/0/0"
    assert "thrown" in clip.caption
    np.testing.assert_array_equal(clip.video[1:3], take.views[0].pictures.rgb[1:3])


def test_mistakes_are_said():
    with pytest.raises(UserError, match=r"rendered family.*did you mean movi-a\?"):
        film("movi_a")
    for wrong in ({"frames": 0}, {"fps": 0.0}, {"fps": np.inf}):
        with pytest.raises(UserError, match="expected frames >= 1 and fps > 0"):
            film("movi-a", **wrong)
    with pytest.raises(UserError, match="0 <= anchor < 24 frames, got 24"):
        film("movi-a", anchor=24)
    with pytest.raises(UserError, match="camera static or moving, got 'orbit'"):
        film("movi-a", camera="orbit")


def test_numbers_of_families_are_never_shared():
    numbers = [entry.number for entry in RENDERED.values()]
    assert len(set(numbers)) == len(numbers)
