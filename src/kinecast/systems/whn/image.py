"""The image that all is conditioned on, as tokens that blocks attend to."""

from collections.abc import Iterable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.nn.attention import KeyValue
from kinecast.nn.embed import sincos_2d


class ImageTokens(nn.Module):
    """Features of image patches, projected, plus their places (rows, columns of the table).

    Only the number of tokens is checked: the published Cityscapes networks number 16 rows of 32
    patches as 32 rows of 16, and were trained so.
    """

    def __init__(self, features: int, table: tuple[int, int], width: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.position: Tensor
        self.register_buffer("position", sincos_2d(*table, width))

    def forward(self, features: Float[Tensor, "g m f"]) -> Float[Tensor, "g m d"]:
        """Context of g clips.

        Raises:
            UserError: another number of tokens or channels than the network's.
        """
        wanted = len(self.position), self.project.in_features
        if tuple(features.shape[1:]) != wanted:
            raise UserError(
                f"expected image features of (tokens, channels) {wanted}, "
                f"got {tuple(features.shape[1:])}; use the encoder and the image size of the model"
            )
        tokens: Tensor = self.project(features) + self.position
        return tokens


def keys_of(blocks: Iterable[Any], tokens: Float[Tensor, "g m d"]) -> list[KeyValue]:
    """Each block's keys and values of the image."""
    return [block["cross"].op.project(tokens) for block in blocks]
