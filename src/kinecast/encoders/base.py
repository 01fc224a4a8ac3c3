"""What every encoder is: a name, a digest of its weights, and `encode`.

Features are float32 on the CPU: they are computed once and can be kept, see `cache`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from jaxtyping import Float, UInt8
from torch import Tensor


class Encoder(Protocol):
    """Features of items of one shape.

    Attributes:
        name: the encoder and its settings: all that features depend on beside weights and item.
        width: channels of a feature.
    """

    name: str
    width: int

    @property
    def digest(self) -> str:
        """SHA-256 of the files it was loaded from."""

    def encode(self, items: Any, /) -> Tensor:
        """Features, one row an item: those of an item do not depend on the others."""


class ImageEncoder(Encoder, Protocol):
    """RGB images of one size -> tokens of their patches, row-major."""

    def encode(self, items: UInt8[Tensor, "b H W 3"], /) -> Float[Tensor, "b m d"]:
        """Tokens."""


class TextEncoder(Encoder, Protocol):
    """Texts -> tokens; a pooled text is one token."""

    def encode(self, items: Sequence[str], /) -> Float[Tensor, "b l d"]:
        """Tokens."""


class VideoEncoder(Encoder, Protocol):
    """RGB videos of one size and length -> features of steps and cells."""

    def encode(self, items: UInt8[Tensor, "b T H W 3"], /) -> Float[Tensor, "b s h w d"]:
        """Features."""
