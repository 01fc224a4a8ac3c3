"""The contract of a system: all that the trainer and the forecaster know of one.

A system is an `nn.Module` with the methods of `System`. It draws no random numbers: noise and times
are passed in. Coordinates are normalised (`core.coords.normalise`), order xy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jaxtyping import Bool, Float
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.core.grid import Grid

Cond = Mapping[str, Any]


@dataclass(frozen=True)
class Needs:
    """What a system asks of data.

    Attributes:
        condition: "history", "image" or "pokes".
        frames: the length of its window: the most history it uses, and the frames it forecasts at
            once. A longer horizon rolls forward on its own forecasts.
        grid: the only grid it takes, or None for any.
        short_history: whether it takes fewer history frames than `frames`.
    """

    condition: str
    frames: int
    grid: Grid | None = None
    short_history: bool = True


@dataclass(frozen=True)
class FieldBatch:
    """A batch of fields of one frame size, as tensors.

    Attributes:
        xy: normalised positions. Where not visible they are a best guess, always finite.
        visible: seen in that frame; a frame in which no point is visible counts as missing (a
            history shorter than the window is padded with such frames at its beginning).
        size: (W, H), for the aspect ratio and for pixels.
    """

    xy: Float[Tensor, "b t h w 2"]
    visible: Bool[Tensor, "b t h w"]
    size: Size


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents."""

    mean: Float[Tensor, "b *latent"]
    scale: Float[Tensor, "b *latent"]


class System(Protocol):
    """See the module's docstring. `b` is either the batch of `cond` or, where that is 1, any."""

    needs: Needs

    def condition(self, history: FieldBatch) -> Cond:
        """All that depends on the condition alone, computed once per clip before the sampler."""

    def source(self, noise: Float[Tensor, "b *latent"], cond: Cond) -> Float[Tensor, "b *latent"]:
        """State at t = 0 from standard normal noise (TrajLoom's boundary anchor lives here)."""

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """Shape of one sample's latent."""

    def velocity(
        self, z_t: Float[Tensor, "b *latent"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b *latent"]:
        """dz/dt at time t in [0, 1] (0 noise, 1 data)."""

    def pin(self, cond: Cond) -> tuple[Tensor, Tensor] | None:
        """(mask, value): latent entries that the sampler holds, or None."""

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """Normalised latents of a future window, the flow's data at t = 1."""

    def decode(
        self, z: Float[Tensor, "b *latent"], cond: Cond
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"] | None]:
        """Normalised positions of the window's `needs.frames` frames, and visibility logits.

        None instead of logits: the forecaster calls points inside the frame visible, and says so.
        """
