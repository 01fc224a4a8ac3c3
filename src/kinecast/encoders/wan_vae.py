"""Wan 2.1's video VAE, as TrajLoom takes the frames that have been seen.

Source: TrajLoom, appendix E.1: frames at a quarter of their size, posterior mean, normalised per
channel.
"""

from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.encoders.extra import EXTRA, network
from kinecast.encoders.files import digest, find_files

REPOSITORIES = ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "Wan-AI/Wan2.1-T2V-14B-Diffusers")
CONFIG = "vae/config.json"
SHRINK = 4
CELL = 8  # pixels of the shrunk frame a side
STEP = 4  # frames that share a step of the latent, after the first


class WanVAE:
    """Videos of T frames, T - 1 divisible by 4 -> latents of 1 + (T - 1)/4 steps.

    Args:
        source: a folder with `vae`, or None to look for Wan 2.1's.
        device: where it runs, in float32.

    Raises:
        MissingExtraError: diffusers is not installed.
        UserError: no such folder, or one that does not hold it.
    """

    name = f"wan-vae-mean-1/{SHRINK}"

    def __init__(
        self, source: str | Path | None = None, device: torch.device | str = "cpu"
    ) -> None:
        diffusers = optional("diffusers", EXTRA)
        self.folder = find_files(source, REPOSITORIES, CONFIG) / "vae"
        self.device = device
        self.model = network(diffusers.AutoencoderKLWan, self.folder).to(device)
        config = self.model.config
        self.width = int(config.z_dim)
        self.mean, self.deviation = (
            torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)
            for values in (config.latents_mean, config.latents_std)
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its files."""
        return digest(self.folder)

    def encode(self, items: UInt8[Tensor, "b T H W 3"]) -> Float[Tensor, "b s h w d"]:
        """Normalised posterior means.

        Raises:
            UserError: a number of frames or a frame size that does not divide into latents.
        """
        return torch.stack([self._latent(video) for video in items])

    @torch.no_grad()
    def _latent(self, video: UInt8[Tensor, "T H W 3"]) -> Float[Tensor, "s h w d"]:
        T, H, W, _ = video.shape
        side = SHRINK * CELL
        if T % STEP != 1 or H % side or W % side:
            raise UserError(
                f"expected {STEP} n + 1 frames with sides that {side} divides, "
                f"got {T} frames of {W}x{H}; crop or resize the video"
            )
        frames = video.permute(0, 3, 1, 2)
        size = (H // SHRINK, W // SHRINK)
        small = torch.cat(
            [
                F.interpolate(part / 127.5 - 1, size, mode="bilinear", align_corners=False)
                for part in frames.split(STEP)  # a whole video in float32 would be gigabytes
            ]
        )
        x = small.transpose(0, 1)[None].to(self.device)
        mean = self.model.encode(x).latent_dist.mode()[0].float().cpu()
        return ((mean - self.mean) / self.deviation).permute(1, 2, 3, 0)
