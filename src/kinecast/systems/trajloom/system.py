"""Our TrajLoom: the published generator around a learned mean, for any grid and any history.

    history -> HistoryEncoder -> tokens, mean future, scale
    future  = mean + codec.decode(scale * u),   u = flow from smooth noise, given the tokens

The latents code what is left of the future beside the mean, never the mean itself: it is added in
field space and no codec blurs it. So nothing asks the codec to be linear, and with `codec_depth` it
is not (`residual_codec.py`); zero latents are the mean exactly either way. What TrajLoom encodes as
offsets from grid anchors are offsets from the last observed position here: the same for points laid
on the last frame (anchor "now"), and still small for points laid earlier ("start").
"""

from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.systems.base import Cond, FieldBatch, Needs, Posterior
from kinecast.systems.trajloom.codec import LinearCodec
from kinecast.systems.trajloom.config import TrajLoomConfig
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.history import HistoryCode, HistoryEncoder
from kinecast.systems.trajloom.patches import to_cells, token_grid
from kinecast.systems.trajloom.residual_codec import ResidualCodec
from kinecast.systems.trajloom.source import SmoothSource

STAYS = 2.0  # logit of a point's visibility in the last frame, before the network has a say


class TrajLoom(nn.Module):
    """See the module; the contract is `systems.base.System`."""

    def __init__(self, config: TrajLoomConfig) -> None:
        super().__init__()
        self.config = config
        self.needs = Needs(condition="history", frames=config.frames)
        self.codec = (ResidualCodec if config.codec_depth else LinearCodec)(config.codec)
        self.history = HistoryEncoder(config.history, config.channels)
        self.source_noise = SmoothSource(config.channels)
        self.generator = Generator(config.generator)
        self.visibility = nn.Sequential(
            nn.Linear(config.width + config.channels, config.visibility_width),
            nn.GELU(),
            nn.Linear(config.visibility_width, config.patch**2 * config.frames),
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TrajLoom":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing.
        """
        known = asdict(TrajLoomConfig())
        if config.keys() != known.keys():
            raise UserError(
                f"expected the fields {', '.join(known)} in a trajloom configuration, "
                f"got {', '.join(config)}"
            )
        return cls(TrajLoomConfig(**config))

    def condition(self, history: FieldBatch) -> Cond:
        """Tokens, mean, scale and the generator's context; computed once per clip."""
        return self.around(self.history(history), history)

    def around(self, code: HistoryCode, history: FieldBatch) -> dict[str, Any]:
        """The condition that a history's code makes."""
        h, w = history.xy.shape[2:4]
        return {
            "last": history.xy[:, -1:],
            "seen": history.visible[:, -1:],
            "size": history.size,
            "cells": (h, w),
            "grid": token_grid(h, w, self.config.patch),
            "tokens": code.tokens,
            "mean": code.mean,
            "scale": code.log_scale.exp(),
            "context": self.generator.context(code.tokens[:, None], positions=code.positions),
        }

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """(1, n, c): one latent step holds the whole window."""
        rows, columns = cond["grid"]
        return 1, rows * columns, self.config.channels

    def source(self, noise: Float[Tensor, "b 1 n c"], cond: Cond) -> Float[Tensor, "b 1 n c"]:
        """Noise that is smooth across the frame."""
        return self.source_noise(noise[:, 0], cond["grid"])[:, None]

    def velocity(
        self, z_t: Float[Tensor, "b 1 n c"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b 1 n c"]:
        """The velocity between two Gaussians of the same spread, plus what the network adds."""
        gaussian = (2 * t - 1) / ((1 - t) ** 2 + t**2)
        return gaussian[:, None, None, None] * z_t + self.generator(z_t, t, cond["context"]).float()

    def pin(self, cond: Cond) -> None:
        """Nothing is held."""
        return

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """Residual latents in units of the predicted scale; the codec is deterministic."""
        moved = coords.displacement_to_reference(future.xy - cond["last"], future.size)
        z = self.codec.encode(moved - cond["mean"]) / cond["scale"]
        return Posterior(z[:, None], torch.zeros_like(z[:, None]))

    def decode(
        self, z: Float[Tensor, "b 1 n c"], cond: Cond
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"]]:
        """Positions, and visibility logits from the tokens and the decoded motion."""
        moved = self.displacement(z, cond)
        xy = cond["last"] + coords.displacement_from_reference(moved, cond["size"])
        return xy, self.visibility_logits(moved, cond)

    def displacement(self, z: Float[Tensor, "b 1 n c"], cond: Cond) -> Float[Tensor, "b t h w 2"]:
        """Motion from the last observed position, reference pixels."""
        moved: Tensor = cond["mean"] + self.codec.decode(z[:, 0] * cond["scale"], *cond["cells"])
        return moved

    def visibility_logits(
        self, moved: Float[Tensor, "b t h w 2"], cond: Cond
    ) -> Float[Tensor, "b t h w"]:
        """Logits for a future given as displacements in reference pixels.

        The network says how they differ from a point that stays as it was last seen.
        """
        latent = self.codec.encode(moved)
        latent = latent.sign() * latent.abs().log1p()
        tokens = cond["tokens"].expand(len(latent), -1, -1)
        logits = self.visibility(torch.cat([tokens, latent], dim=-1)).float()
        logits = logits.unflatten(-1, (self.config.patch**2, self.config.frames, 1))
        rows, columns = cond["cells"]
        same = torch.where(cond["seen"], STAYS, -STAYS)
        return same + to_cells(logits, rows, columns, self.config.patch)[..., 0]
