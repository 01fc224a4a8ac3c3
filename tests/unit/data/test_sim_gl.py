"""Which GL library draws, and what is said where there is none."""

import os
import subprocess
import sys

import pytest

from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.data.synth.sim import gl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="GL libraries as on Linux")


@pytest.fixture
def installed(monkeypatch):
    """Pretend that only some libraries are here."""

    def only(*names):
        monkeypatch.setattr(gl, "_loads", lambda library: library in names)

    return only


def test_egl_is_preferred_and_osmesa_does_where_it_is_missing(installed):
    installed("libEGL.so.1", "libOSMesa.so.8")
    assert gl.backend({}) == "egl"
    assert gl.backend({"MUJOCO_GL": "osmesa"}) == "osmesa"
    installed("libOSMesa.so.6")
    assert gl.backend({}) == "osmesa"
    assert gl.backend({"MUJOCO_GL": "glfw"}) == "native"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "apt install libegl1 libegl-mesa0 libgl1-mesa-dri or libosmesa6"),
        ({"MUJOCO_GL": "EGL"}, "apt install libegl1 libegl-mesa0 libgl1-mesa-dri"),
        ({"MUJOCO_GL": "osmesa"}, "apt install libosmesa6"),
        ({"MUJOCO_GL": "off"}, "unset it, or set it to egl"),
        ({"MUJOCO_GL": "opengl"}, "egl or osmesa, or unset, got 'opengl'"),
    ],
)
def test_a_missing_library_is_an_error_that_names_the_package(environment, message, installed):
    installed()
    with pytest.raises(UserError, match=message):
        gl.backend(environment)


def test_physics_needs_no_gl_but_what_mujoco_gl_asks_for_must_be_there(installed):
    installed()
    gl.check_choice({})
    gl.check_choice({"MUJOCO_GL": "disable"})
    with pytest.raises(UserError, match="libosmesa6"):
        gl.check_choice({"MUJOCO_GL": "osmesa"})


def test_a_library_that_cannot_draw_is_said(monkeypatch):
    monkeypatch.setattr(gl, "backend", lambda: "egl")
    monkeypatch.setitem(sys.modules, "mujoco.egl", None)
    with pytest.raises(UserError, match=r"OpenGL \(egl\) cannot draw here.*apt install libegl1"):
        gl.context(8, 8)


def test_the_command_line_says_it_in_one_line(tmp_path, installed, capsys, monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    installed()
    out = str(tmp_path / "x")
    assert main(["synth", "movi-a", "--n", "1", "--out", out]) == 2
    error = capsys.readouterr().err
    assert error.startswith("kinecast: pictures need a GL library (egl or osmesa)")
    # MuJoCo loads what MUJOCO_GL names on import: in a process that has not done so
    code = (
        "import sys; from kinecast.data.synth.sim import gl; gl._loads = lambda library: False; "
        "from kinecast.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, "synth", "movi-a", "--n", "1", "--out", out]
    environment = os.environ | {"MUJOCO_GL": "egl"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kinecast: pictures need a GL library (egl)")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
