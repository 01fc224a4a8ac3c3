"""A clip of random numbers that a system takes: how fast it is does not depend on what moves."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords, rng
from kinecast.core.coords import Size
from kinecast.core.grid import Grid
from kinecast.systems.base import Features, FieldBatch, ImageBatch, Needs

HISTORY_SIZE: Size = (832, 480)  # where the system takes any; the published one of TrajLoom
IMAGE_SIZE: Size = (256, 256)
TRACKS = 40  # of a window to encode, for a system that takes scattered points; as in ZipMo's paper
PATCH = 14  # of DINOv2, whose tokens all image systems take


@dataclass(frozen=True)
class Example:
    """What a system's methods take.

    Attributes:
        given: for `condition`.
        future: for `encode`; for a system of several views, a row for each.
        queries: for `decode`, where the system has no grid of its own.
    """

    given: FieldBatch | ImageBatch
    future: FieldBatch
    queries: Float[Tensor, "h w 2"] | None


def example(needs: Needs, where: torch.device) -> Example:
    """Of a batch of one, always the same numbers."""
    if needs.condition == "history":
        size = needs.frame or HISTORY_SIZE
        field = _field(1, needs.frames, needs.grid or Grid.over(size), size, where)
        return Example(field, field, None)
    size = needs.frame or IMAGE_SIZE
    grid = needs.grid or Grid(1, TRACKS, stride=1.0, origin=(0.5, 0.5))
    future = _field(needs.views, needs.frames, grid, size, where)
    if needs.grid is not None:
        return Example(_image(needs, size, where), future, None)
    laid = torch.from_numpy(coords.normalise(Grid.over(size).points(), size))
    return Example(_image(needs, size, where), future, laid.to(where))


def _field(b: int, frames: int, grid: Grid, size: Size, where: torch.device) -> FieldBatch:
    xy = 2 * torch.rand(b, frames, grid.h, grid.w, 2, generator=rng.generator(0)) - 1
    visible = torch.ones(xy.shape[:-1], dtype=torch.bool)
    return FieldBatch(xy.to(where), visible.to(where), size)


def _image(needs: Needs, size: Size, where: torch.device) -> ImageBatch:
    draws = rng.generator(1)
    pixels = torch.randint(256, (1, needs.views, size[1], size[0], 3), generator=draws)
    pokes = text = features = None
    if needs.pokes is not None:
        pokes = torch.rand(1, needs.pokes[1], 5, generator=draws).to(where)
    if needs.text is not None:
        text = torch.randn(1, 1, needs.text.width, generator=draws).to(where)
    if needs.features is not None:
        features = _tokens(needs.features, needs.views, size).to(where)
    return ImageBatch(
        pixels=pixels.to(torch.uint8).to(where),
        size=size,
        features=features,
        pokes=pokes,
        text=text,
        episode_step=0 if needs.episode_step else None,
    )


def _tokens(features: Features, views: int, size: Size) -> Float[Tensor, "1 v m f"]:
    W, H = features.size or size
    count = (W // PATCH) * (H // PATCH)
    return torch.randn(1, views, count, features.width, generator=rng.generator(2))
