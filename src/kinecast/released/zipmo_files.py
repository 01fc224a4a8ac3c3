"""ZipMo's published files, of whichever of its two systems."""

from collections.abc import Mapping

from torch import Tensor

from kinecast.released import zipmo, zipmo_policy
from kinecast.released.released import Files, Released


def read(files: Files, options: Mapping[str, str]) -> Released:
    """One file: a VAE or a poke planner (`zipmo.read`), or one of LIBERO (`zipmo_policy.read`).

    Raises:
        UserError: as those.
    """
    libero = any(zipmo_policy.is_libero(tensors) for tensors in files.values())
    return (zipmo_policy if libero else zipmo).read(files, options)


def write(released: Released) -> dict[str, dict[str, Tensor]]:
    """The way back.

    Raises:
        UserError: as those.
    """
    libero = released.system == zipmo_policy.SYSTEM
    return (zipmo_policy if libero else zipmo).write(released)
