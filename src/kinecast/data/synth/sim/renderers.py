"""Which program paints the pictures; what is where always comes from MuJoCo."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import UInt8

from kinecast.core.errors import UserError, did_you_mean
from kinecast.data.synth.sim.render import Pictures
from kinecast.data.synth.sim.setup import Setup
from kinecast.data.synth.sim.simulate import Poses

# name -> module whose trace(setup, poses, size, camera) paints; None: MuJoCo's own pictures
RENDERERS: Mapping[str, str | None] = {
    "mujoco": None, "mitsuba": "path_mitsuba", "cycles": "path_cycles",
}  # fmt: skip


def painter(name: str) -> Callable[[Setup, Poses, Pictures, int], Pictures]:
    """A function that paints the pictures of a camera anew, in the colours of a renderer.

    Raises:
        UserError: no such renderer, or its package is not installed.
    """
    if name not in RENDERERS:
        raise UserError(
            f"expected a renderer ({', '.join(RENDERERS)}), got {name!r}"
            f"{did_you_mean(name, RENDERERS)}"
        )
    module = RENDERERS[name]
    if module is None:
        return lambda setup, poses, pictures, camera: pictures
    tracer: Any = import_module(f"kinecast.data.synth.sim.{module}")
    tracer.installed()

    def paint(setup: Setup, poses: Poses, pictures: Pictures, camera: int) -> Pictures:
        rgb: UInt8[np.ndarray, "t h w 3"] = tracer.trace(setup, poses, pictures.size, camera)
        return replace(pictures, rgb=rgb)

    return paint
