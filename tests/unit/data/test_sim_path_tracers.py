"""Path-traced pictures show the same things at the same places, in the same colours."""

from importlib.util import find_spec

import numpy as np
import pytest
from sim_worlds import camera, needs_gl, one_body

from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.film import film
from kinecast.data.synth.sim.path_scene import displayed, linear, path_scene, to_world
from kinecast.data.synth.sim.registry import rendered
from kinecast.data.synth.sim.render import render
from kinecast.data.synth.sim.renderers import RENDERERS, painter
from kinecast.data.synth.sim.setup import Setup, Shot
from kinecast.data.synth.sim.simulate import simulate
from kinecast.data.synth.sim.triangles import surface

PACKAGES = {"mitsuba": "mitsuba", "cycles": "bpy"}
SIZE = (72, 48)


def world(name, seed=3):
    streams = (np.random.default_rng([seed, use]) for use in (1, 2))
    setup = rendered(name).draw(*streams, Shot(2, 4.0, SIZE))
    return setup, simulate(setup, 2, 4.0)


@pytest.fixture(params=PACKAGES)
def tracer(request):
    package = PACKAGES[request.param]
    if find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")
    if request.param == "mitsuba":
        from kinecast.data.synth.sim import path_mitsuba as module
    else:
        from kinecast.data.synth.sim import path_cycles as module
    return module


@needs_gl
@pytest.mark.parametrize("name", ["movi-a", "movi-b", "ramp", "springs"])
def test_silhouettes_agree_with_mujocos(tracer, name):
    setup, poses = world(name)
    mine = render(poses, SIZE)[0].geom[1]
    theirs = tracer.meets(setup, poses, SIZE, frame=1)
    assert (mine == theirs).mean() > 0.995
    owner = np.append(poses.owner, 0)
    for thing in range(1, len(setup.things) + 1):
        a, b = owner[mine] == thing, owner[theirs] == thing
        if a.sum() > 60:
            assert (a & b).sum() / (a | b).sum() > 0.98
    assert ((owner[mine] > 0) & (owner[theirs] > 0)).sum() > 0.99 * (
        (owner[mine] > 0) | (owner[theirs] > 0)
    ).sum()


@needs_gl
def test_colours_agree_with_mujocos(tracer):
    setup, poses = world("movi-a")
    pictures = render(poses, SIZE)[0]
    traced = tracer.trace(setup, poses, SIZE, samples=32)
    assert traced.shape == pictures.rgb.shape
    assert traced.dtype == np.uint8
    assert traced.mean() == pytest.approx(pictures.rgb.mean(), rel=0.25)
    masks = pictures.things(poses)
    for number, thing in enumerate(setup.things, 1):
        where = masks[0] == number
        if where.sum() < 40 or thing.colour == "gray" or thing.material == "metal":
            continue  # a metal shows what is around it
        one, other = (x[0][where].mean(0).astype(float) for x in (pictures.rgb, traced))
        one, other = one - one.mean(), other - other.mean()
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert cosine > 0.9, thing


@needs_gl
def test_the_floors_texture_lies_where_mujoco_lays_it(tracer):
    for seed in range(20):
        setup, poses = world("rolling", seed)
        if poses.model.ntex > 1:  # the sky and the floor
            break
    pictures = render(poses, SIZE)[0]
    floor = pictures.geom[0] == poses.model.geom("floor").id
    floor[: SIZE[1] // 2] = False  # far checks are finer than pixels
    traced = tracer.trace(setup, poses, SIZE, samples=32)
    one, other = (x[0].mean(-1)[floor] for x in (pictures.rgb, traced))
    assert np.corrcoef(one, other)[0, 1] > 0.5


@needs_gl
def test_the_command_writes_path_traced_clips(tracer, tmp_path):
    name = next(k for k, v in RENDERERS.items() if v and tracer.__name__.endswith(v))
    words = ["--n", "1", "--frames", "2", "--size", "48x32", "--renderer", name]
    assert main(["synth", "ramp", "--out", str(tmp_path / "a"), *words]) == 0
    assert (tmp_path / "a" / "ramp_00000.mp4").stat().st_size > 0
    plain = film("ramp", frames=2, size=(48, 32)).views[0]
    traced = film("ramp", frames=2, size=(48, 32), renderer=name).views[0]
    np.testing.assert_array_equal(plain.tracks.xy, traced.tracks.xy)
    assert (plain.pictures.rgb != traced.pictures.rgb).mean() > 0.3


def test_a_renderer_that_is_not_there_is_named():
    with pytest.raises(UserError, match="got 'mitsubi'; did you mean mitsuba"):
        painter("mitsubi")
    for name, package in PACKAGES.items():
        if find_spec(package) is None:
            with pytest.raises(UserError, match=f"{package}.*not installed"):
                painter(name)


def test_a_family_that_is_not_rendered_takes_no_renderer(tmp_path, capsys):
    assert main(["synth", "thrown", "--out", str(tmp_path / "x"), "--renderer", "mitsuba"]) == 2
    assert "--renderer" in capsys.readouterr().err


VOLUMES = {
    "sphere": ((0.5, 0, 0), 4 / 3 * np.pi * 0.5**3),
    "ellipsoid": ((0.6, 0.4, 0.3), 4 / 3 * np.pi * 0.6 * 0.4 * 0.3),
    "capsule": ((0.3, 0.4, 0), np.pi * 0.3**2 * (0.8 + 4 / 3 * 0.3)),
    "cylinder": ((0.3, 0.4, 0), np.pi * 0.3**2 * 0.8),
    "box": ((0.6, 0.4, 0.3), 8 * 0.6 * 0.4 * 0.3),
}


@pytest.mark.parametrize("kind", VOLUMES)
def test_triangles_enclose_the_shape_with_their_outsides_out(kind):
    size, volume = VOLUMES[kind]
    model = one_body(kind, size=size, floor=False).spec.compile()
    made = surface(model, model.geom("geom").id)
    a, b, c = made.corners.swapaxes(0, 1)
    signed = np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6
    assert signed == pytest.approx(volume, rel=0.01)
    np.testing.assert_allclose(np.linalg.norm(made.normals, axis=-1), 1, atol=1e-6)
    flat = np.cross(b - a, c - a)
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    assert np.einsum("fi,fki->fk", flat, made.normals).min() > 0.9


def test_a_mesh_keeps_its_edges_sharp_and_its_rounds_round():
    spec = mujoco.MjSpec()
    cube = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), -1).reshape(-1, 3) * 0.5
    spec.add_mesh(name="cube", uservert=cube.ravel())
    spec.add_mesh(name="ring").make_supertorus(40, 0.25, 1, 1)
    for name in ("cube", "ring"):
        spec.worldbody.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name)
    model = spec.compile()
    flatness = {}
    for name in ("cube", "ring"):
        made = surface(model, model.geom(name).id)
        a, b, c = made.corners.swapaxes(0, 1)
        flat = np.cross(b - a, c - a)
        flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
        flatness[name] = np.einsum("fi,fki->fk", flat, made.normals)
    assert flatness["cube"].min() > 1 - 1e-6
    assert 0.8 < flatness["ring"].min() < 0.999


def test_solids_lamps_and_colours_come_from_the_model():
    spec_setup = one_body("box", size=(0.5, 0.4, 0.3), at=(0, 0, 2.0))
    spec = spec_setup.spec
    spec.geom("geom").rgba = [0.5, 0.25, 0.75, 1]
    hidden = {"type": mujoco.mjtGeom.mjGEOM_SPHERE, "size": [1, 0, 0], "group": 3}
    spec.worldbody.add_geom(name="hidden", **hidden)
    spec.worldbody.add_light(pos=[0, 0, 5], dir=[0, 0, -1], diffuse=[0.6] * 3,
                             type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)  # fmt: skip
    setup = Setup(spec, (camera(),), spec_setup.things)
    poses = simulate(setup, 3, 10.0)
    scene = path_scene(setup, poses)
    names = {poses.model.geom(solid.geom).name for solid in scene.solids}
    assert names == {"geom", "floor"}
    solid = next(s for s in scene.solids if s.geom == poses.model.geom("geom").id)
    np.testing.assert_array_equal(displayed(solid.colour), [128, 64, 191])
    corners, _ = to_world(poses, solid, 2)
    fall = poses.geom_position[2, solid.geom]
    assert fall[2] < 2
    assert corners.reshape(-1, 3).mean(0) == pytest.approx(fall, abs=1e-9)
    (lamp,) = scene.lamps
    assert lamp.place == pytest.approx((0, 0, 5))
    # what it gives to white, (r / d)^2 of its radiance, and the sky make up the whole light
    given = np.array(lamp.radiance) * (lamp.radius / 5) ** 2
    ambient = np.array(poses.model.vis.headlight.ambient)
    np.testing.assert_allclose(given + scene.sky, linear(ambient + 0.6), rtol=1e-6)
