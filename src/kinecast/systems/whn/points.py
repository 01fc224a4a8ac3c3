"""Points and patches of points: WHN's way into and out of tokens.

Source: WHN, section 3.1 (learnable Fourier features) and appendix (patches).
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.nn.embed import FourierFeatures

AT_ONCE = 1 << 14  # points: the hidden layer of a whole Cityscapes window would take gigabytes


class PointEncoder(nn.Module):
    """A point and an MLP of its Fourier features: 2 + width channels."""

    def __init__(self, width: int, hidden: int, activation: nn.Module, *, learned: bool) -> None:
        super().__init__()
        self.fourier = FourierFeatures(2, width, learned=learned)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), activation, nn.Linear(hidden, width))

    def forward(self, xy: Float[Tensor, "*rows 2"]) -> Float[Tensor, "*rows c"]:
        """Channels (x, y, features) of normalised points."""
        rows = xy.flatten(0, -2).split(AT_ONCE)
        features = torch.cat([self.mlp(self.fourier(some)) for some in rows])
        return torch.cat([xy, features.view(*xy.shape[:-1], -1)], dim=-1)


class PatchEmbed(nn.Conv2d):
    """A square patch of a frame -> a token, row-major; a convolution whose stride is its size."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__(channels, width, patch, stride=patch)

    def forward(self, x: Float[Tensor, "b t h w c"]) -> Float[Tensor, "b t n d"]:
        """Tokens; one matrix product, as patches do not overlap."""
        p = self.kernel_size[0]
        rows = rearrange(x, "b t (i p) (j q) c -> b t (i j) (c p q)", p=p, q=p)
        return F.linear(rows, self.weight.flatten(1), self.bias)


def from_patches(x: Float[Tensor, "b t n e"], rows: int, patch: int) -> Float[Tensor, "b t h w c"]:
    """Tokens of `rows` rows, e = patch^2 c channels ordered (row in patch, column in patch, c)."""
    p = patch
    return rearrange(x, "b t (i j) (p q c) -> b t (i p) (j q) c", i=rows, p=p, q=p)


def xavier(network: nn.Module) -> None:
    """Published initialisation: Xavier-uniform matrices and patches, zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight.data.flatten(1))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
