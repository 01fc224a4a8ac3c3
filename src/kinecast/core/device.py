"""The one place that knows device names."""

import os
import resource
import sys
from pathlib import Path

import torch

from kinecast.core.errors import UserError


def resolve(name: str = "auto") -> torch.device:
    """A usable device; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        UserError: an unknown name, or a device this machine does not have.
    """
    if name == "auto":
        return torch.device(_available()[0])
    kind = name.split(":")[0]
    if kind not in ("cuda", "mps", "cpu"):
        raise UserError(f"expected device auto, cuda, cuda:N, mps or cpu, got {name!r}")
    if kind not in _available():
        raise UserError(
            f"device {name!r} is not available here, only {', '.join(_available())}; "
            "use --device auto"
        )
    return torch.device(name)


def peak_memory_bytes(device: torch.device | None = None) -> int:
    """Largest memory held so far: of the process, plus that of the accelerator if it is one."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    if device is not None and device.type == "cuda":
        peak += torch.cuda.max_memory_allocated(device)
    return int(peak)


def reset_peak_memory(device: torch.device) -> None:
    """Let `peak_memory_bytes` count from now on; where the system cannot, it counts from the start.

    Linux can, and so can CUDA.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    marks = Path("/proc/self/clear_refs")
    if os.access(marks, os.W_OK):
        marks.write_text("5")


def synchronise(where: torch.device) -> None:
    """Wait until the device has done what it was given, so that clocks tell the truth."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    elif where.type == "mps":
        torch.mps.synchronize()


def compile_mode(where: torch.device) -> str:
    """The mode of torch.compile: on CUDA into CUDA graphs."""
    return "reduce-overhead" if where.type == "cuda" else "default"


def _available() -> list[str]:
    names = ["cpu"]
    if torch.backends.mps.is_available():
        names.insert(0, "mps")
    if torch.cuda.is_available():
        names.insert(0, "cuda")
    return names


def memory_bytes(device: torch.device) -> int:
    """Memory of the machine, or of the accelerator: all of it, used or not."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
