"""A linear codec over whole windows, fitted in closed form.

A token's future, T frames of p x p cells and two coordinates, is projected on the C directions that
hold most of the motion of the training worlds (their principal components, not centred, so that
rest maps to zero exactly). Motion is smooth in time, so a quarter of the numbers keeps it to a
fraction of a pixel: with C = 2 p^2 T the linear map would be exact.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.systems.trajloom.patches import to_cells, to_tokens


@dataclass(frozen=True)
class CodecConfig:
    """Sizes of a codec.

    Attributes:
        frames: of the window.
        patch: cells on a side of a token.
        channels: latent channels of a token.
        depth: blocks of the transformers that correct the linear codec on either side; 0: none.
        width, heads: of these transformers.
    """

    frames: int
    patch: int
    channels: int
    depth: int = 0
    width: int = 64
    heads: int = 1


class LinearCodec(nn.Module):
    """Displacement fields (reference pixels) <-> latents of unit scale per channel."""

    basis: Tensor
    scale: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        features = config.patch**2 * config.frames * 2
        self.register_buffer("basis", torch.zeros(config.channels, features))
        self.register_buffer("scale", torch.ones(config.channels))  # RMS per channel, pixels

    def encode(self, moved: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b n c"]:
        """Latents in units of each channel's scale."""
        with torch.autocast(moved.device.type, enabled=False):
            return to_tokens(moved, self.config.patch).flatten(2) @ self.basis.T / self.scale

    def decode(self, z: Float[Tensor, "b n c"], h: int, w: int) -> Float[Tensor, "b t h w 2"]:
        """Displacements of h x w cells."""
        return self._cells(self._tokens(z), h, w)

    def fit(self, second_moment: Float[Tensor, "f f"]) -> None:
        """Take the leading principal directions of E[x x^T] over tokens (float64)."""
        values, vectors = torch.linalg.eigh(second_moment.double())
        lead = slice(-self.config.channels, None)
        self.basis.copy_(vectors[:, lead].T.flip(0))
        self.scale.copy_(values[lead].flip(0).clamp(min=1e-12).sqrt())

    def _tokens(self, z: Float[Tensor, "b n c"]) -> Float[Tensor, "b n f"]:
        """The linear map from latents to the displacements of each token's cells."""
        with torch.autocast(z.device.type, enabled=False):
            return (z.float() * self.scale) @ self.basis

    def _cells(self, tokens: Float[Tensor, "b n f"], h: int, w: int) -> Float[Tensor, "b t h w 2"]:
        patches = tokens.unflatten(2, (self.config.patch**2, self.config.frames, 2))
        return to_cells(patches, h, w, self.config.patch)
