"""The published TrajLoom VAE as it is stored: a patch convolution and a dense output.

The published network sees a field (2, H, W) that repeats one position over each p x p cell, minus
an anchor per pixel, and is only ever read at each cell's top-left pixel. On such fields the
convolution is a linear map of two numbers and the output two rows of its matrix: `collapse` gives
that network, on cells and exact, which is all that runs. This form exists to convert in both
directions without loss and to check against recorded dense fields.
"""

from collections.abc import Mapping

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.systems.base import Posterior
from kinecast.systems.trajloom.cells import anchors
from kinecast.systems.trajloom.vae import VAE, VAEConfig


class DenseVAE(VAE):
    """The same network between a field of pixels and a field of pixels."""

    def __init__(self, config: VAEConfig, patch: int, *, offsets: bool = True) -> None:
        super().__init__(config)
        self.patch, self.offsets = patch, offsets
        self.embed = nn.Conv2d(2, config.width, patch, stride=patch)
        self.head = nn.Linear(config.width, 2 * patch**2)

    def encode_field(self, field: Float[Tensor, "b t 2 H W"]) -> Posterior:
        """Posterior of absolute normalised positions, one per pixel."""
        rows = self.embed((field - self.anchor(field)).flatten(0, 1))
        return self._posterior(rearrange(rows, "(b t) d h w -> b t (h w) d", b=len(field)))

    def decode_field(self, z: Float[Tensor, "b s n c"]) -> Float[Tensor, "b t 2 H W"]:
        """Absolute normalised positions, one per pixel."""
        field: Tensor = rearrange(
            self.head(self._tokens(z)),
            "b t (h w) (p q c) -> b t c (h p) (w q)",
            h=self.config.grid[0],
            p=self.patch,
            q=self.patch,
        )
        return field + self.anchor(field)

    def anchor(self, like: Tensor) -> Float[Tensor, "1 1 2 H W"]:
        """Position of each pixel's centre, or 0 for a network that works on positions."""
        h, w = (self.patch * cells for cells in self.config.grid)
        grid = anchors(h, w).movedim(-1, 0)[None, None].to(like)
        return grid if self.offsets else torch.zeros_like(grid)


def collapse(dense: DenseVAE) -> VAE:
    """The same network on cells: offsets from the cells' centres in, and out for top-left pixels.

    With q the offset of a pixel from its cell's centre, conv(D - G) = (sum of the weights) (D -
    centre) - conv(q) in every cell, and conv(q) is the same in all of them. A network that works on
    positions takes and gives positions where this one takes offsets.
    """
    config, patch = dense.config, dense.patch
    cells = torch.tensor([config.grid[1], config.grid[0]], dtype=torch.float64)
    inside = anchors(patch, patch).double() / cells * dense.offsets  # (p, p, 2), xy
    state = {k: v.clone() for k, v in dense.state_dict().items()}
    kernel = state["embed.weight"].double()
    state["embed.weight"] = kernel.sum((2, 3)).float()
    state["embed.bias"] -= torch.einsum("dcpq,pqc->d", kernel, inside).float()
    state["head.weight"] = state["head.weight"][:2].clone()
    state["head.bias"] = state["head.bias"][:2] + inside[0, 0].float()
    vae = VAE(config)
    vae.load_state_dict(state)
    return vae


def spread(grid: tuple[int, int], patch: int, cells: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back from `collapse`: one network on pixels that does the same on fields of cells.

    Args:
        grid: (h, w) cells.
        patch: pixels of a cell's side.
        cells: weight and bias of the network's `embed` and `head`.

    Returns:
        The same four tensors of a `DenseVAE`: every pixel of a cell is read with the same weight,
        and every pixel of the output is told apart by its bias.
    """
    size = torch.tensor([grid[1], grid[0]], dtype=torch.float64)
    inside = (anchors(patch, patch).double() / size).flatten(0, 1)  # (p p, 2), xy
    kernel = cells["embed.weight"][:, :, None, None] / patch**2
    bias = cells["head.bias"].double() - inside
    return {
        "embed.weight": kernel.expand(-1, -1, patch, patch).contiguous(),
        "embed.bias": cells["embed.bias"],
        "head.weight": cells["head.weight"].repeat(patch**2, 1),
        "head.bias": bias.flatten().to(cells["head.bias"].dtype),
    }
