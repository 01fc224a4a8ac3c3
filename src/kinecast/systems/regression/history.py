"""One future from a history of tracks: a transformer over points, trained to be near on average.

Source: ATM (arXiv 2401.00025) and Tra-MoE (arXiv 2411.14519) forecast tracks so, by regression,
from an image and a text; here it is what the points did that is looked at, and no image.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.nn.block import gated_block
from kinecast.systems.base import Cond, FieldBatch, Needs, Posterior
from kinecast.systems.regression.base import Regressor
from kinecast.systems.regression.config import HistoryConfig, known
from kinecast.systems.regression.parts import Head, Place

SPEED = 8  # frames over which a clip's speed is measured
STILL = 0.1  # reference pixels a frame: about the jitter of a tracker
STAYS = 2.0  # logit of a point's visibility in the last frame, before the network has a say


class HistoryRegression(Regressor):
    """The contract is `systems.base.System`; the answer is (points, frames and coordinates).

    Motion is seen and forecast in units of the clip's own, so that a clip that moves twice as fast
    is forecast to move about twice as far. A linear map of each point's own motion goes past the
    transformer: a damped line is found by it at once.
    """

    def __init__(self, config: HistoryConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.needs = Needs("history", config.frames, steps=1)
        self.embed = nn.Sequential(nn.Linear(3 * config.frames + 1, D), nn.GELU(), nn.Linear(D, D))
        self.place = Place(D)
        self.blocks = nn.ModuleList(gated_block(D, config.heads) for _ in range(config.depth))
        self.head = Head(D, config.frames)
        self.line = nn.Linear(config.frames, config.frames, bias=False)
        nn.init.zeros_(self.line.weight)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "HistoryRegression":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing.
        """
        return cls(known(HistoryConfig, config))

    def to_config(self) -> dict[str, Any]:
        """The `model` section that `from_config` builds this network from."""
        return asdict(self.config)

    def condition(self, history: FieldBatch) -> Cond:
        """The forecast itself: all there is to compute."""
        xy, visible = (x.flatten(2, 3) for x in (history.xy, history.visible))
        last = xy[:, -1:]
        moved = coords.displacement_to_reference(xy - last, history.size)
        missing = self.config.frames - xy.shape[1]
        moved = F.pad(moved, (0, 0) * 2 + (missing, 0))
        visible = F.pad(visible, (0, 0, missing, 0))
        present = visible.any(-1)[..., None, None]
        moved = moved * present  # whatever a missing frame was filled with
        unit = _unit(moved, present)
        points = torch.cat([_squeezed(moved / unit), visible[..., None].to(moved)], dim=-1)
        tokens = points.transpose(1, 2).flatten(2)  # (b, n, 3 t)
        loudness = unit.log()[:, 0].expand(-1, tokens.shape[1], -1)
        tokens = self.embed(torch.cat([tokens, loudness], dim=-1))
        tokens = tokens + self.place(last[:, 0], history.size)
        for block in self.blocks:
            tokens = block(tokens)
        offsets, logits = self.head(tokens)
        straight = self.line((moved / unit).permute(0, 2, 3, 1)).float().mT  # (b, n, t, 2)
        same = torch.where(visible[:, -1], STAYS, -STAYS)[..., None]
        return {
            "answer": (straight + offsets).flatten(2),
            "logits": logits + same,
            "unit": unit,
            "last": history.xy[:, -1:],
            "size": history.size,
        }

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """A future as the answer would have to be."""
        moved = coords.displacement_to_reference(future.xy - cond["last"], future.size)
        z = (moved.flatten(2, 3) / cond["unit"]).transpose(1, 2).flatten(2)
        return Posterior(z, torch.zeros_like(z))

    def decode(
        self, z: Float[Tensor, "b n e"], cond: Cond
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"]]:
        """Positions and visibility logits."""
        cells = cond["last"].shape[2:4]
        moved = z.unflatten(-1, (-1, 2)).transpose(1, 2) * cond["unit"]
        offsets = coords.displacement_from_reference(moved.unflatten(2, cells), cond["size"])
        logits = cond["logits"].transpose(1, 2).unflatten(2, cells)
        return cond["last"] + offsets, logits.expand(len(z), -1, -1, -1)


def _unit(
    moved: Float[Tensor, "b t n 2"], present: Bool[Tensor, "b t 1 1"]
) -> Float[Tensor, "b 1 1 1"]:
    """How far points go in `SPEED` frames, as fast as they were on average in the last `SPEED`."""
    recent = slice(-SPEED - 1, None)
    steps = (present[:, recent].sum(1, keepdim=True) - 1).clamp(min=1)
    far = moved[:, recent].norm(dim=-1).amax(1).mean(-1)
    return SPEED * (far[:, None, None, None] / steps + STILL)


def _squeezed(x: Tensor) -> Tensor:
    """sign(x) log(1 + |x|): far points in a wild clip stay within a few units."""
    return x.sign() * x.abs().log1p()
