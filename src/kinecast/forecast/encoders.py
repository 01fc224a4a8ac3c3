"""The encoders that a system takes features from, loaded when they are first asked."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.encoders.base import Encoder
from kinecast.encoders.cache import Cached
from kinecast.encoders.load import image_encoder, text_encoder
from kinecast.systems.base import Features


class Encoders:
    """Features of images and texts, kept on disk.

    Args:
        device: where encoders run.
        image, text: folders of their weights; None: kinecast's home, then transformers' cache.
    """

    def __init__(
        self, device: torch.device, image: Path | None = None, text: Path | None = None
    ) -> None:
        self._device, self._image, self._text = device, image, text
        self._load_image, self._load_text = cache(self._image_of), cache(self._text_of)

    def image(
        self, features: Features, images: Sequence[UInt8[np.ndarray, "H W 3"]]
    ) -> Float[Tensor, "b m f"]:
        """Tokens of images of one size.

        Raises:
            UserError: the encoder's weights are not on this machine, or are of another width.
        """
        return self._load_image(features).encode(torch.from_numpy(np.stack(images)))

    def text(self, features: Features, text: str) -> Float[Tensor, "1 l e"]:
        """Tokens of a text.

        Raises:
            UserError: the encoder's package is not installed, its weights are not on this machine,
                or are of another width.
        """
        return self._load_text(features).encode([text])

    def _image_of(self, features: Features) -> Cached:
        size, name = features.size, features.encoder
        return _cached(image_encoder(name, size, self._image, self._device), features)

    def _text_of(self, features: Features) -> Cached:
        return _cached(text_encoder(features.encoder, self._text, self._device), features)


def _cached(encoder: Encoder, features: Features) -> Cached:
    if encoder.width != features.width:
        raise UserError(
            f"expected an encoder {features.encoder} of {features.width} channels, got one of "
            f"{encoder.width}; use the weights that the model was trained with"
        )
    return Cached(encoder)
