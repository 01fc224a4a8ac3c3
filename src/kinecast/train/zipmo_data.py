"""What ZipMo is trained on at each size, and where a policy's demonstrations come from."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from kinecast.core.errors import UserError
from kinecast.train.demos import DemoClips
from kinecast.train.images import ImageClips
from kinecast.train.recipe import ImageData, Recipe

OPEN_SET = ("layers", "movi-a", "rolling", "falling", "dominoes", "support", "springs", "grains")
TINY = ImageData(
    families=("layers-panned",), frames=6, size=(64, 48), stride=4.0, encoder="", clips=1024,
    chunk=256, reuse=2, validation=32,
)  # fmt: skip


@dataclass(frozen=True)
class DemoData(ImageData):
    """Clips of a robot.

    Attributes:
        demos: folder of LIBERO's recordings (`kinecast libero`) or of ATM's files to train the
            policy on, or "": the clips that the planner is trained on.
    """

    demos: str = ""


def open_set(size: str) -> ImageData:
    """Clips of one view, for pokes."""
    if size == "tiny":
        return TINY
    frame = (224, 224)
    if size == "small":
        return ImageData(frames=64, size=frame, points=256, encoder="")
    return ImageData(
        families=OPEN_SET, frames=64, size=frame, points=1024, encoder="", chunk=_chunk(size)
    )


def told(size: str) -> ImageData:
    """Clips of two views, with texts that tell where they go."""
    return replace(TINY, views=2, text_encoder="words") if size == "tiny" else robots(size)


def robots(size: str) -> ImageData:
    """Clips of two views of a robot, with texts, states and actions."""
    if size == "tiny":
        return replace(TINY, families=("reach",), views=2, text_encoder="words")
    return ImageData(
        families=("robot",),
        frames=16,
        size=(128, 128),
        points=512,
        views=2,
        encoder="",
        text_encoder="bert",
        chunk=_chunk(size),
    )


def _chunk(size: str) -> int:
    """Clips a chunk: no fewer than a planner takes at a time."""
    return 2048 if size == "paper" else 256


def demonstrations(
    recipe: Recipe, pool: ImageClips, device: torch.device
) -> ImageClips | DemoClips:
    """What the policy is trained on.

    Raises:
        UserError: no such folder, or no demonstrations in it.
    """
    data = recipe.data
    assert isinstance(data, DemoData)
    if not data.demos:
        return pool
    folder = Path(data.demos)
    if not folder.exists():
        raise UserError(f"expected data.demos as a folder of .hdf5 demonstrations, got {folder}")
    return DemoClips(folder, data, recipe.model.policy.horizon, recipe.seed, device)
