"""Start from weights that are there: a trained VAE, or all that fits of another network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.io.checkpoint import CONFIG, load_checkpoint, load_into, read_config
from kinecast.train import checkpoint
from kinecast.train.latents import weights_hash
from kinecast.train.provenance import Origin, licence_of
from kinecast.train.recipe import Recipe

VAE = "vae"  # what every system calls its autoencoder, and every recipe the stage that trains it
RECIPE, SYSTEM = "recipe.json", "system.safetensors"
# What a VAE sees, which shapes do not tell: a recipe's key, and where an exported model has it.
SEEN = {
    "model.offsets": "model.offsets",
    "model.frames": "model.frames",
    "data.encoder": "model.layout.encoder",
    "data.encoder_size": "model.layout.encoder_size",
}


@dataclass(frozen=True)
class Taken:
    """What `--init` did.

    Attributes:
        source: where the tensors came from.
        taken: names of those that fit.
        misshapen: names of those with another shape here.
        missing: names here that are not there.
        unused: names there that are not here.
    """

    source: str
    taken: list[str]
    misshapen: list[str]
    missing: list[str]
    unused: list[str]

    def line(self) -> str:
        """For a reader."""
        left = [
            f"{len(names)} {what}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
            for what, names in (
                ("of another shape", self.misshapen),
                ("not there", self.missing),
                ("not used", self.unused),
            )
            if names
        ]
        return "; ".join([f"{len(self.taken)} tensors taken from {self.source}", *left])


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint folder, of a run's folder, or of a run's system.safetensors.

    Raises:
        UserError: it is none of them.
    """
    if path.is_file():
        return checkpoint.load(path)[0]
    if (path / CONFIG).is_file():
        config, tensors = load_checkpoint(path)
        return tensors | _measured(config.get("model", {}))
    stages = sorted(path.glob(f"*/{SYSTEM}"), key=lambda file: file.stat().st_mtime_ns)
    if (path / RECIPE).is_file() and stages:
        return checkpoint.load(stages[-1])[0]
    raise UserError(
        f"expected a checkpoint folder ({CONFIG} and weights), the folder of a run with a finished "
        f"stage, or its {SYSTEM}, got {path}"
    )


def _measured(model: Mapping[str, Any]) -> dict[str, Tensor]:
    """What ZipMo's networks keep with their weights in training, and in their config once exported.

    A planner that is taken over is used with the scale of latents that it was trained on.
    """
    if not {"shift", "scale"} <= model.keys():
        return {}
    return {"moments": torch.tensor([model["shift"], model["scale"]])}


def began_from(recipe: Recipe, option: str, path: Path) -> Recipe:
    """The recipe with the weights that a run of it begins from.

    Args:
        recipe: any.
        option: "init" or "vae".
        path: as `tensors_of` takes it.

    Raises:
        UserError: as `tensors_of`.
    """
    path = path.absolute()
    weights = tensors_of(_trained_vae(path) if option == VAE else path)
    origin = Origin(option, path.name, weights_hash(weights), licence_of(path))
    return replace(recipe, origins=(*recipe.origins, origin))


def with_trained_vae(recipe: Recipe) -> Recipe:
    """The recipe without the training of its VAE; the statistics of its latents are still taken.

    Raises:
        UserError: it trains no VAE, or nothing else.
    """
    if VAE not in recipe.stages or len(recipe.stages) == 1:
        what = "trains nothing but a VAE" if VAE in recipe.stages else "has no VAE"
        raise UserError(f"expected --vae with a recipe that needs one, but {recipe.name} {what}")
    stages = {**recipe.stages, VAE: replace(recipe.stages[VAE], steps=0)}
    return replace(recipe, stages=stages)


def trains_vae_first(recipe: Recipe) -> bool:
    """Whether the recipe trains a VAE for the sake of what comes after it."""
    return len(recipe.stages) > 1 and VAE in recipe.stages and recipe.stages[VAE].steps > 0


def check_vae(recipe: Recipe, path: Path) -> None:
    """Refuse a VAE that was trained to see other things than the recipe shows it.

    Raises:
        UserError: its shapes would fit, what it was trained on does not; names the key.
    """
    run = path.parent.parent if path.is_file() else path
    if (run / RECIPE).is_file():
        there, names = json.loads((run / RECIPE).read_text()), {key: key for key in SEEN}
    elif (path / CONFIG).is_file():
        there, names = read_config(path), SEEN
    else:
        return
    here = json.loads(json.dumps(recipe.to_json()))
    for key, name in names.items():
        ours, theirs = _at(here, key), _at(there, name)
        if ours is not None and theirs is not None and ours != theirs:
            raise UserError(
                f"expected a VAE that was trained with {key}={_spelt(ours)}, got one trained with "
                f"{_spelt(theirs)} in {path}; give the recipe {key}={_spelt(theirs)}"
            )


def _at(table: Any, key: str) -> Any:
    for name in key.split("."):
        table = table.get(name) if isinstance(table, dict) else None
    return table


def _spelt(value: Any) -> str:
    """As a word of a recipe spells it."""
    if isinstance(value, list):
        return ",".join(map(_spelt, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trained_vae(path: Path) -> Path:
    """Of a run, the stage that trained its VAE: later ones, which may not be done, leave it."""
    stage = path / VAE / SYSTEM
    return stage if stage.is_file() else path


def load_vae(system: nn.Module, path: Path) -> None:
    """Give the system's VAE trained weights, and what was trained together with it.

    Where that is more than `system.vae`, the system has a method `vae_parts`: from the names of
    all tensors to {prefix: module}.

    Raises:
        UserError: there is no VAE in `path`, or it is of another architecture.
    """
    there = tensors_of(_trained_vae(path))
    parts_of: Any = getattr(system, "vae_parts", lambda names: {VAE: getattr(system, VAE)})
    for prefix, module in parts_of(there.keys()).items():
        _load_part(module, f"{prefix}.", there, path)


def _load_part(module: nn.Module, prefix: str, there: Mapping[str, Tensor], path: Path) -> None:
    tensors = {k.removeprefix(prefix): v for k, v in there.items() if k.startswith(prefix)}
    if not tensors:
        raise UserError(f"expected the weights of a VAE in {path}, got none named {prefix}*")
    try:
        load_into(module, tensors, str(path))
    except UserError as error:
        raise UserError(
            f"the VAE of {path} is not the one this recipe needs: {error}; choose the size= and "
            "model.* words that it was trained with"
        ) from error


@torch.no_grad()
def load_fitting(system: nn.Module, path: Path) -> Taken:
    """Take over the tensors whose names and shapes agree; the others keep their start.

    Raises:
        UserError: none does.
    """
    there, state = tensors_of(path), system.state_dict()
    common = sorted(there.keys() & state.keys())
    taken = [name for name in common if there[name].shape == state[name].shape]
    if not taken:
        raise UserError(f"expected weights that fit the recipe's network, got none in {path}")
    for name in taken:
        state[name].copy_(there[name])
    return Taken(
        source=str(path),
        taken=taken,
        misshapen=sorted(set(common) - set(taken)),
        missing=sorted(state.keys() - there.keys()),
        unused=sorted(there.keys() - state.keys()),
    )
