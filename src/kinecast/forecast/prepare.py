"""Make a network ready to run: on its device, in its precision, compiled or not."""

from typing import Literal, TypeVar, cast, get_args

import torch
from torch import Tensor, nn

from kinecast.core import device as devices
from kinecast.core.errors import UserError, did_you_mean
from kinecast.nn.half import halve
from kinecast.systems.base import Cond, System

Precision = Literal["fp32", "bf16", "fp16"]
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
Network = TypeVar("Network", bound=nn.Module)


def prepare(
    system: Network, device: torch.device, precision: Precision = "fp32", compiled: bool = False
) -> Network:
    """The system itself, changed in place, for inference.

    Args:
        system: with its weights.
        device: where it shall be.
        precision: of the matrices of its blocks; all else is in float32 (`nn.half`).
        compiled: compile `velocity`, which a sampler evaluates most, with torch.compile; on CUDA
            into a CUDA graph. Shapes that were not seen before are compiled again.

    Raises:
        UserError: an unknown precision.
    """
    if precision not in get_args(Precision):
        known = get_args(Precision)
        raise UserError(
            f"expected a precision of {', '.join(known)}, got {precision!r}"
            f"{did_you_mean(precision, known)}"
        )
    system.eval().requires_grad_(False).to(device)
    if precision in HALF:
        halve(system, HALF[precision])
    if compiled:
        _compile(system, device)
    return system


def _compile(system: nn.Module, device: torch.device) -> None:
    evaluate = torch.compile(cast(System, system).velocity, mode=devices.compile_mode(device))

    def velocity(z_t: Tensor, t: Tensor, cond: Cond) -> Tensor:
        out: Tensor = evaluate(z_t, t, cond)
        return out.clone()  # the next run of a CUDA graph writes over it

    system.velocity = velocity  # type: ignore[assignment]
