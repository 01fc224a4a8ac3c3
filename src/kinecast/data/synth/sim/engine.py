"""MuJoCo, for the modules here: `from kinecast.data.synth.sim.engine import mujoco`.

Without it the import is an error that names the extra; with MUJOCO_GL set to a GL library that is
not there, one that names the Debian package (MuJoCo's own import would fail without saying so).
"""

from typing import Any

from kinecast.core.extra import optional
from kinecast.data.synth.sim import gl

gl.check_choice()
mujoco: Any = optional("mujoco", "sim")
