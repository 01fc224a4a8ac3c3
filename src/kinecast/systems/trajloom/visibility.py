"""Which points of a forecast can be seen.

Source: TrajLoom, appendix E.3.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from kinecast.core.ranges import Count


@dataclass(frozen=True)
class VisibilityConfig:
    """The defaults are the published configuration.

    Attributes:
        latent_channels: C of z.
        width, depth, kernel: of the convolutions along time.
        history_last: the last history latent is an input too.
        history_delta: z minus the last history latent is an input too.
    """

    latent_channels: Count = 16
    width: Count = 64
    depth: Count = 3
    kernel: Count = 3
    history_last: bool = False
    history_delta: bool = False


class VisibilityPredictor(nn.Module):
    """Logits of being visible, from each token's latents along time, tokens apart."""

    def __init__(self, config: VisibilityConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        inputs = 1 + config.history_last + config.history_delta
        self.embed = nn.Linear(inputs * config.latent_channels, D)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(D, D, config.kernel, padding=config.kernel // 2) for _ in range(config.depth)
        )
        self.out = nn.Conv1d(D, 1, 1)

    def forward(
        self, z: Float[Tensor, "b s n c"], history_last: Float[Tensor, "#b n c"] | None = None
    ) -> Float[Tensor, "b s n"]:
        """Logits per latent step.

        Args:
            z: normalised latents of the future.
            history_last: last history latent, for the options that use it.

        Raises:
            ValueError: `history_last` is needed and absent.
        """
        inputs = [z]
        if self.config.history_last or self.config.history_delta:
            if history_last is None:
                raise ValueError("expected the last history latent, which this predictor uses")
            last = history_last[:, None].expand_as(z)
            inputs += [last] * self.config.history_last + [z - last] * self.config.history_delta
        b, _, n, _ = z.shape
        x = self.embed(torch.cat(inputs, dim=-1)).permute(0, 2, 3, 1).flatten(0, 1)
        for convolution in self.convolutions:
            x = F.silu(convolution(x))
        return self.out(x).view(b, n, -1).mT


def pool(visible: Bool[Tensor, "b t n"], stride: int) -> Bool[Tensor, "b s n"]:
    """Frames -> latent steps: seen in any of the frames k stride, ..., k stride + stride - 1."""
    short = -visible.shape[1] % stride
    return F.pad(visible, (0, 0, 0, short)).unflatten(1, (-1, stride)).any(2)


def expand(
    values: Float[Tensor, "b s *rest"], stride: int, frames: int
) -> Float[Tensor, "b t *rest"]:
    """Latent steps -> frames: each step counts for `stride` frames; 0 beyond the last step."""
    repeated = values.repeat_interleave(stride, dim=1)[:, :frames]
    missing = frames - repeated.shape[1]
    tail = repeated.new_zeros(len(repeated), missing, *repeated.shape[2:])
    return torch.cat([repeated, tail], dim=1)
