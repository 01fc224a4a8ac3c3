"""Sizes of the regressors, and what they see."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.ranges import Count

Config = TypeVar("Config")


@dataclass(frozen=True)
class HistoryConfig:
    """From a history.

    Attributes:
        frames: the most history it takes, and the frames it forecasts.
        width, heads, depth: of the transformer over points.
    """

    frames: Count = 81
    width: Count = 192
    heads: Count = 3
    depth: Count = 4


@dataclass(frozen=True)
class ImageConfig:
    """From an image, and a text where `text` is a width.

    Attributes:
        frames: of the window, the image's own included.
        size: (W, H) that an image is resized to.
        encoder: of the image, by its name in `encoders`.
        encoder_size: (W, H) of the image that the encoder is given; None: `size`.
        features: channels of an image token.
        tokens: (rows, columns) of them.
        text: channels of a text's token; None: it takes no text.
        text_encoder: of the text, where it takes one.
        width, heads, depth: of the transformer over image and text; the one that reads it for each
            point has as many blocks.
    """

    frames: int
    size: Size
    encoder: str
    encoder_size: Size | None
    features: int
    tokens: tuple[int, int]
    text: int | None = None
    text_encoder: str = "bert"
    width: int = 192
    heads: int = 3
    depth: int = 4


def known(kind: type[Config], values: Any) -> Config:
    """A configuration from the `model` section of config.json.

    Raises:
        UserError: a field is unknown or missing.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(values, Mapping) or values.keys() != set(names):
        raise UserError(
            f"expected the fields {', '.join(names)} in a regression configuration, "
            f"got {', '.join(values) if isinstance(values, Mapping) else values!r}"
        )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
