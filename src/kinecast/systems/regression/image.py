"""One future of any points from an image, and a text where the model takes one.

Source: ATM (arXiv 2401.00025), whose track transformer regresses the future of any query points
from an image and an instruction; Tra-MoE (arXiv 2411.14519) likewise. Here the points don't see
each other: what is forecast of one does not depend on which others are asked for.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.nn.block import gated_block
from kinecast.nn.embed import sincos_2d
from kinecast.systems.base import Cond, Features, FieldBatch, ImageBatch, Needs, Posterior
from kinecast.systems.regression.base import Regressor
from kinecast.systems.regression.config import ImageConfig, known
from kinecast.systems.regression.parts import REACH, Head, Place, keys_of, read, reading_block

SEEN = 2.0  # logit of a point's visibility before the network has a say


class ImageRegression(Regressor):
    """The contract is `systems.base.QuerySystem`; a point's answer is made when it is asked for."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.needs = Needs(
            condition="image",
            frames=config.frames,
            steps=1,
            frame=config.size,
            features=Features(config.encoder, config.features, config.encoder_size),
            text=None if config.text is None else Features(config.text_encoder, config.text),
        )
        self.image = nn.Linear(config.features, D)
        self.text = None if config.text is None else nn.Linear(config.text, D)
        self.position: Tensor
        self.register_buffer("position", sincos_2d(*config.tokens, D), persistent=False)
        self.place = Place(D)
        self.blocks = nn.ModuleList(gated_block(D, config.heads) for _ in range(config.depth))
        self.readers = nn.ModuleList(reading_block(D, config.heads) for _ in range(config.depth))
        self.head = Head(D, config.frames - 1)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ImageRegression":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing.
        """
        return cls(known(ImageConfig, config))

    def to_config(self) -> dict[str, Any]:
        """The `model` section that `from_config` builds this network from."""
        return asdict(self.config)

    def condition(self, given: ImageBatch) -> Cond:
        """What each block of readers takes from image and text; once per clip.

        Raises:
            UserError: no image features, or of another shape; a missing or an unwanted text.
        """
        rows, columns = self.config.tokens
        wanted = rows * columns, self.config.features
        got = None if given.features is None else tuple(given.features.shape[2:])
        if got != wanted:
            raise UserError(
                f"expected image features of (tokens, channels) {wanted}, got {got}; use the "
                "encoder and the image size of the model"
            )
        if (given.text is None) != (self.text is None):
            raise UserError(
                f"expected {'no' if self.text is None else 'a'} text for this regression model, "
                f"got {'none' if given.text is None else 'one'}"
            )
        assert given.features is not None
        seen = self.image(given.features[:, 0]) + self.position
        tokens = seen
        if self.text is not None:
            tokens = torch.cat([seen, self.text(given.text)], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        under = tokens[:, : rows * columns].unflatten(1, (rows, columns))
        return {
            "under": under,
            "keys": keys_of(self.readers, tokens),
            "answer": under.new_zeros(len(under), 1),
            "size": given.size,
        }

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """A number that means nothing: there is nothing to draw."""
        z = future.xy.new_zeros(len(future.xy), 1)
        return Posterior(z, z)

    def decode(
        self, z: Float[Tensor, "b 1"], cond: Cond, queries: Float[Tensor, "h w 2"], view: int = 0
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"]]:
        """Positions of points laid at `queries`, that of the image's own frame first."""
        clips = len(cond["under"])
        start = queries[None].expand(clips, -1, -1, -1)
        offsets, logits = self.answer(start.flatten(1, 2), cond)
        shape = (len(z), -1, *queries.shape[:2])
        xy = torch.cat(
            [start.flatten(1, 2)[:, :, None], offsets + start.flatten(1, 2)[:, :, None]], 2
        )
        first = torch.full_like(logits[..., :1], SEEN)
        seen = torch.cat([first, logits], dim=2)
        return (
            xy.transpose(1, 2).unflatten(2, queries.shape[:2]).expand(*shape, 2),
            seen.transpose(1, 2).unflatten(2, queries.shape[:2]).expand(shape),
        )

    def answer(
        self, start: Float[Tensor, "b n 2"], cond: Cond
    ) -> tuple[Float[Tensor, "b n t 2"], Float[Tensor, "b n t"]]:
        """Normalised displacements after the image's own frame, and visibility logits."""
        tokens = self.place(start, cond["size"]) + _under(cond["under"], start)
        offsets, logits = self.head(read(self.readers, tokens, cond["keys"]))
        return coords.displacement_from_reference(REACH * offsets, cond["size"]), logits + SEEN


def _under(tokens: Float[Tensor, "b h w d"], xy: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n d"]:
    """Image tokens at points, interpolated between the middles of their patches."""
    maps = tokens.permute(0, 3, 1, 2)
    found = F.grid_sample(maps, xy[:, :, None].to(maps), padding_mode="border", align_corners=False)
    return found[..., 0].transpose(1, 2)
