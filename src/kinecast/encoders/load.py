"""An encoder by its name."""

from pathlib import Path

import torch

from kinecast.core.coords import Size
from kinecast.core.errors import UserError, did_you_mean
from kinecast.encoders.base import ImageEncoder, TextEncoder, VideoEncoder
from kinecast.encoders.bert import Bert
from kinecast.encoders.dinov2 import DinoV2
from kinecast.encoders.pixels import Pixels
from kinecast.encoders.umt5 import UMT5
from kinecast.encoders.wan_vae import WanVAE
from kinecast.encoders.words import Words

IMAGES = (
    "dinov2-small",
    "dinov2-base",
    "dinov2-large",
    "dinov2-with-registers-small",
    "dinov2-with-registers-base",
    "dinov2-with-registers-large",
    "pixels",
)
TEXTS = ("bert", "umt5", "words")
VIDEOS = ("wan-vae",)
Where = torch.device | str


def image_encoder(
    name: str, size: Size | None = None, source: str | Path | None = None, device: Where = "cpu"
) -> ImageEncoder:
    """One of `IMAGES`: a DINOv2, arguments as of `dinov2.DinoV2`; or `pixels.Pixels`.

    Raises:
        UserError: an unknown name, or no weights on this machine; weights for pixels.
    """
    _check(name, IMAGES)
    if name == "pixels":
        _check_no_weights(name, source)
        return Pixels(size)
    return DinoV2(source, name, size, device)


def text_encoder(name: str, source: str | Path | None = None, device: Where = "cpu") -> TextEncoder:
    """One of `TEXTS`; see `bert.Bert`, `umt5.UMT5`, `words.Words`.

    Raises:
        UserError: an unknown name, a missing extra, or no weights on this machine; weights for
            words.
    """
    _check(name, TEXTS)
    if name == "words":
        _check_no_weights(name, source)
        return Words()
    return Bert(source, device) if name == "bert" else UMT5(source, device)


def video_encoder(
    name: str, source: str | Path | None = None, device: Where = "cpu"
) -> VideoEncoder:
    """One of `VIDEOS`; see `wan_vae.WanVAE`.

    Raises:
        UserError: an unknown name, a missing extra, or no weights on this machine.
    """
    _check(name, VIDEOS)
    return WanVAE(source, device)


def _check(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise UserError(
            f"expected an encoder of {', '.join(known)}, got {name!r}{did_you_mean(name, known)}"
        )


def _check_no_weights(name: str, source: str | Path | None) -> None:
    if source is not None:
        raise UserError(f"expected no weights for the encoder {name}, which has none, got {source}")
