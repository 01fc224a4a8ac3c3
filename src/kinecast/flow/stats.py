"""Per-channel statistics of latents, so that the flow works in units of one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from kinecast.core.errors import UserError

SMALLEST_STD = 1e-8


@dataclass(frozen=True)
class ChannelStats:
    """Population mean and standard deviation of each latent channel over `count` values."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    count: int

    def normalise(self, z: Float[Tensor, "*rows c"]) -> Float[Tensor, "*rows c"]:
        """(z - mean) / max(std, 1e-8), in float32 and then in z's type."""
        return ((z.float() - self._like(self.mean, z)) / self._scale(z)).to(z.dtype)

    def denormalise(self, z: Float[Tensor, "*rows c"]) -> Float[Tensor, "*rows c"]:
        """The inverse of `normalise`."""
        return (z.float() * self._scale(z) + self._like(self.mean, z)).to(z.dtype)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ChannelStats":
        """Read what `to_dict` gave.

        Raises:
            UserError: a key is missing or unknown, or mean and std differ in length.
        """
        if values.keys() != {"mean", "std", "count"}:
            raise UserError(f"expected mean, std and count of latents, got {sorted(values)}")
        if len(values["mean"]) != len(values["std"]):
            raise UserError(
                f"expected one mean and one std per latent channel, "
                f"got {len(values['mean'])} and {len(values['std'])}"
            )
        return cls(tuple(values["mean"]), tuple(values["std"]), int(values["count"]))

    def _scale(self, z: Tensor) -> Tensor:
        return self._like(self.std, z).clamp_min(SMALLEST_STD)

    @staticmethod
    def _like(values: tuple[float, ...], z: Tensor) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=z.device)


class RunningStats:
    """Accumulates `ChannelStats` over batches, in float64 and one pass (Chan's update)."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean: Float64[Tensor, " c"] = torch.zeros(channels, dtype=torch.float64)
        self.square: Float64[Tensor, " c"] = torch.zeros(channels, dtype=torch.float64)

    def update(self, z: Float[Tensor, "*rows c"]) -> None:
        """Add every row of z."""
        rows = z.detach().flatten(0, -2).to("cpu", torch.float64)
        if not len(rows):
            return
        mean = rows.mean(0)
        total = self.count + len(rows)
        gap = mean - self.mean
        self.square += (rows - mean).square().sum(0) + gap**2 * self.count * len(rows) / total
        self.mean = self.mean + gap * len(rows) / total
        self.count = total

    def result(self) -> ChannelStats:
        """The statistics so far.

        Raises:
            ValueError: nothing was added.
        """
        if not self.count:
            raise ValueError("expected latents to take statistics of, got none")
        std = (self.square / self.count).sqrt()
        return ChannelStats(tuple(self.mean.tolist()), tuple(std.tolist()), self.count)
