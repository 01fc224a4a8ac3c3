"""Integrate a velocity field from noise (t = 0) to data (t = 1).

Source: TrajLoom, section 3.3.4 (Euler, 10 uniform steps) and appendix D.4 (DOPRI5).
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint

Velocity = Callable[[Float[Tensor, "b *latent"], Float[Tensor, " b"]], Float[Tensor, "b *latent"]]
Pin = tuple[Tensor, Tensor | None] | None
Slope = Callable[[Tensor, Tensor], Tensor]
TOLERANCE = 1e-5  # absolute and relative, of the adaptive solver


def uniform_times(steps: int) -> Float[Tensor, " times"]:
    """Time grid 0 = t_0 < ... < t_steps = 1.

    Raises:
        ValueError: steps < 1.
    """
    if steps < 1:
        raise ValueError(f"a sampler needs at least 1 step, got steps={steps}")
    return torch.linspace(0.0, 1.0, steps + 1)


def euler(
    velocity: Velocity,
    noise: Float[Tensor, "b *latent"],
    times: Float[Tensor, " times"],
    pin: Pin = None,
) -> Float[Tensor, "b *latent"]:
    """Forward Euler, one evaluation a step: z <- z + dt v(z, t).

    All samplers take the same arguments and are deterministic.

    Args:
        velocity: any callable (z, t) -> dz/dt; it knows nothing of the sampler.
        noise: z at times[0], in normalised latent units.
        times: increasing.
        pin: (mask, value), both broadcastable to z. Where mask is True, z is held at value in every
            evaluation and at the end (WHN's first frame, a user's edit); without a value, where it
            starts.

    Returns:
        z at times[-1], in float32.
    """
    return _march(lambda slope, z, t, dt: slope(t, z), velocity, noise, times, pin)


def midpoint(
    velocity: Velocity,
    noise: Float[Tensor, "b *latent"],
    times: Float[Tensor, " times"],
    pin: Pin = None,
) -> Float[Tensor, "b *latent"]:
    """The midpoint rule, second order, two evaluations a step. Arguments: see `euler`."""

    def step(slope: Slope, z: Tensor, t: Tensor, dt: Tensor) -> Tensor:
        return slope(t + dt / 2, z + dt / 2 * slope(t, z))

    return _march(step, velocity, noise, times, pin)


def heun(
    velocity: Velocity,
    noise: Float[Tensor, "b *latent"],
    times: Float[Tensor, " times"],
    pin: Pin = None,
) -> Float[Tensor, "b *latent"]:
    """Heun's trapezoid, second order, two evaluations a step. Arguments: see `euler`."""

    def step(slope: Slope, z: Tensor, t: Tensor, dt: Tensor) -> Tensor:
        first = slope(t, z)
        return (first + slope(t + dt, z + dt * first)) / 2

    return _march(step, velocity, noise, times, pin)


def rk4(
    velocity: Velocity,
    noise: Float[Tensor, "b *latent"],
    times: Float[Tensor, " times"],
    pin: Pin = None,
) -> Float[Tensor, "b *latent"]:
    """Runge-Kutta (3/8 rule), fourth order, four evaluations a step. Arguments: see `euler`."""
    return _odeint("rk4", velocity, noise, times, pin)


def dopri5(
    velocity: Velocity,
    noise: Float[Tensor, "b *latent"],
    times: Float[Tensor, " times"],
    pin: Pin = None,
) -> Float[Tensor, "b *latent"]:
    """Dormand-Prince 5(4), to a tolerance of 1e-5; it chooses its steps, common to the batch.

    `times` only say where it starts, reports and ends. Arguments: see `euler`.
    """
    return _odeint("dopri5", velocity, noise, times, pin)


Sampler = Callable[[Velocity, Tensor, Tensor, Pin], Tensor]
SAMPLERS: dict[str, Sampler] = {
    "euler": euler,
    "midpoint": midpoint,
    "heun": heun,
    "rk4": rk4,
    "dopri5": dopri5,
}


@torch.no_grad()
def _march(
    step: Callable[[Slope, Tensor, Tensor, Tensor], Tensor],
    velocity: Velocity,
    noise: Tensor,
    times: Tensor,
    pin: Pin,
) -> Tensor:
    slope, z = _pinned(velocity, noise, pin)
    times = times.to(z.device)
    for t, t_next in pairwise(times):
        z = z + (t_next - t) * step(slope, z, t, t_next - t)
    return z


@torch.no_grad()
def _odeint(method: str, velocity: Velocity, noise: Tensor, times: Tensor, pin: Pin) -> Tensor:
    slope, z = _pinned(velocity, noise, pin)
    times = times.to(z.device)
    states: Tensor = odeint(slope, z, times, method=method, atol=TOLERANCE, rtol=TOLERANCE)
    return states[-1]


def _pinned(velocity: Velocity, noise: Tensor, pin: Pin) -> tuple[Slope, Tensor]:
    """The slope (t, z) and the state to start from: pinned entries start there and do not move."""
    z = noise.float()  # the state stays in float32: half precision moves points by up to 0.6 px
    if pin is None:
        return lambda t, z: velocity(z, t.expand(len(z))).float(), z
    mask, value = pin

    def slope(t: Tensor, z: Tensor) -> Tensor:
        return velocity(z, t.expand(len(z))).float().masked_fill(mask, 0.0)

    return slope, z if value is None else torch.where(mask, value.float(), z)
