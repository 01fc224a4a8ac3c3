"""An encoder by its name."""

from pathlib import Path

import torch

from kinecast.core.coords import Size
from kinecast.core.errors import UserError, did_you_mean
from kinecast.encoders.base import ImageEncoder, TextEncoder, VideoEncoder
from kinecast.encoders.bert import Bert
from kinecast.encoders.dinov2 import DinoV2
from kinecast.encoders.umt5 import UMT5
from kinecast.encoders.wan_vae import WanVAE

IMAGES = (
    "dinov2-small",
    "dinov2-base",
    "dinov2-large",
    "dinov2-with-registers-small",
    "dinov2-with-registers-base",
    "dinov2-with-registers-large",
)
TEXTS = ("bert", "umt5")
VIDEOS = ("wan-vae",)
Where = torch.device | str


def image_encoder(
    name: str, size: Size | None = None, source: str | Path | None = None, device: Where = "cpu"
) -> ImageEncoder:
    """A DINOv2 of `IMAGES`; arguments as of `dinov2.DinoV2`.

    Raises:
        UserError: an unknown name, or no weights on this machine.
    """
    _check(name, IMAGES)
    return DinoV2(source, name, size, device)


def text_encoder(name: str, source: str | Path | None = None, device: Where = "cpu") -> TextEncoder:
    """One of `TEXTS`; see `bert.Bert`, `umt5.UMT5`.

    Raises:
        UserError: an unknown name, a missing extra, or no weights on this machine.
    """
    _check(name, TEXTS)
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
