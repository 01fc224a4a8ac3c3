"""What ZipMo is trained on at each size, and where a policy's demonstrations come from."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from kinecast.core.errors import UserError
from kinecast.train.demos import DemoClips
from kinecast.train.image_sources import ACTING
from kinecast.train.recipe import ImageData, Recipe
from kinecast.train.whn_network import text_width
from kinecast.train.zipmo_model import PokeModel, PolicyModel, TextModel, VAEModel

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


def check_data(model: VAEModel, data: ImageData) -> None:
    """Refuse clips that the recipe's networks cannot be trained on, before any of them is.

    Raises:
        UserError: other views than a planner takes, tokens of a text that it does not take, or no
            robot whose actions a policy can learn.
    """
    if isinstance(model, PokeModel) and data.views != 1:
        raise UserError(f"expected data.views=1 for a planner of pokes, got {data.views}")
    if not isinstance(model, TextModel):
        return
    if data.views != model.planner.views:
        raise UserError(
            f"expected data.views={model.planner.views}, as model.planner.views says, "
            f"got {data.views}"
        )
    width = text_width(data.text_encoder)
    if width != model.planner.text_width:
        raise UserError(
            f"expected data.text_encoder of {model.planner.text_width} channels "
            f"(model.planner.text_width), got {data.text_encoder}, which has {width}"
        )
    if isinstance(model, PolicyModel) and not (isinstance(data, DemoData) and data.demos):
        _check_robot(data, model.policy.horizon)


def _check_robot(data: ImageData, horizon: int) -> None:
    others = [family for family in data.families if family not in ACTING]
    if others:
        raise UserError(
            f"expected data.families of a robot with its actions ({', '.join(ACTING)}) to train a "
            f"policy on, got {others[0]}; or give data.demos=FOLDER of LIBERO's recordings"
        )
    if data.frames < horizon:
        raise UserError(
            f"expected data.frames of at least model.policy.horizon={horizon}, got {data.frames}"
        )


def demonstrations(recipe: Recipe, device: torch.device) -> DemoClips | None:
    """What the policy is trained on, if not what the planner is.

    Raises:
        UserError: no such folder, no demonstrations in it, or too few for a batch.
    """
    data = recipe.data
    assert isinstance(data, DemoData)
    if not data.demos:
        return None
    folder = Path(data.demos)
    if not folder.exists():
        raise UserError(f"expected data.demos as a folder of .hdf5 demonstrations, got {folder}")
    clips = DemoClips(folder, data, recipe.model.policy.horizon, recipe.seed, device)
    clips.check_batch(recipe.stages["policy"].batch)
    return clips
