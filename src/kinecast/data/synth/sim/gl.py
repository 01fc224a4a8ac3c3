"""Off-screen OpenGL: EGL where its library is, OSMesa otherwise; MUJOCO_GL decides if it is set."""

import ctypes
import os
import sys
from collections.abc import Mapping
from typing import Any

from kinecast.core.errors import UserError

_LIBRARIES = {"egl": ("libEGL.so.1",), "osmesa": ("libOSMesa.so.8", "libOSMesa.so.6")}
_ON = ("enable", "enabled", "on", "true", "1")  # MuJoCo's words
_OFF = ("disable", "disabled", "off", "false", "0")
_PACKAGES = {"egl": "libegl1 libegl-mesa0 libgl1-mesa-dri", "osmesa": "libosmesa6"}


def backend(environment: Mapping[str, str] = os.environ) -> str:
    """ "egl" or "osmesa" on Linux, "native" elsewhere or where MUJOCO_GL names a window system.

    Raises:
        UserError: the library is not installed; the message names the Debian package.
    """
    wanted = environment.get("MUJOCO_GL", "").lower().strip()
    if sys.platform != "linux" or wanted in ("glfw", "glx"):
        return "native"
    if wanted in _OFF:
        raise UserError(f"pictures need OpenGL, got MUJOCO_GL={wanted}; unset it, or set it to egl")
    if wanted not in ("", *_ON, *_LIBRARIES):
        raise UserError(f"expected MUJOCO_GL egl or osmesa, or unset, got {wanted!r}")
    names = [wanted] if wanted in _LIBRARIES else list(_LIBRARIES)
    for name in names:
        if any(_loads(library) for library in _LIBRARIES[name]):
            return name
    packages = " or ".join(_PACKAGES[name] for name in names)
    raise UserError(
        f"pictures need a GL library ({' or '.join(names)}), which is not installed; "
        f"run: apt install {packages}"
    )


def check_choice(environment: Mapping[str, str] = os.environ) -> None:
    """Where MUJOCO_GL asks for a GL library, check that it is there: MuJoCo loads it on import.

    Raises:
        UserError: it is not, or there is no such library.
    """
    if environment.get("MUJOCO_GL", "").lower().strip() not in ("", *_OFF):
        backend(environment)


def context(width: int, height: int) -> Any:
    """A MuJoCo GLContext for pictures of at most (width, height), current in this thread.

    Raises:
        UserError: no GL library, or one that cannot draw; the message names the Debian packages.
    """
    name = backend()
    try:
        if name == "egl":
            from mujoco.egl import GLContext
        elif name == "osmesa":
            from mujoco.osmesa import GLContext
        else:
            from mujoco.gl_context import GLContext
        made = GLContext(width, height)
        made.make_current()
    except Exception as error:  # PyOpenGL and the drivers raise whatever they like
        advice = f"run: apt install {_PACKAGES[name]}" if name in _PACKAGES else "set MUJOCO_GL"
        raise UserError(f"OpenGL ({name}) cannot draw here ({error}); {advice}") from error
    return made


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
