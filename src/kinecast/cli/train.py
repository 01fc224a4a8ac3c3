"""`kinecast train`: train a recipe."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

from kinecast.core.errors import UserError

if TYPE_CHECKING:
    from kinecast.train.recipe import Recipe


def train(
    words: Positional[tuple[str, ...]] = (),
    *,
    out: Path | None = None,
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    motion: Path | None = None,
    vae: Path | None = None,
    init: Path | None = None,
    device: str = "auto",
    shard: bool = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Train a recipe: kinecast train RECIPE [size=tiny] [steps=200] [key=value ...] --out DIR.

    The same command continues a run that was interrupted. On several devices or machines:
    torchrun --nproc-per-node=N --no-python kinecast train ..., or accelerate launch likewise.

    Args:
        words: the recipe's name, then key=value words that change its fields.
        out: the run's folder.
        list_: name the recipes and stop.
        motion: folder of recorded motion for the simulated worlds.
        vae: trained VAE for a recipe that needs one: a checkpoint or run folder, or a run's
            system.safetensors.
        init: weights to start from, as far as they fit: a checkpoint folder (of import-weights, or
            of another size), a run folder, or a run's system.safetensors.
        device: auto, cuda, mps or cpu.
        shard: split the network over the processes (FSDP2) instead of copying it to each (DDP).
        json_: print one JSON object.
    """
    from kinecast.train.recipes import RECIPES, build
    from kinecast.train.run import to_json
    from kinecast.train.run import train as run
    from kinecast.train.stopping import Stopped, end_on_sigterm
    from kinecast.train.team import assemble
    from kinecast.train.warm import trains_vae_first

    if list_:
        print(json.dumps({"recipes": list(RECIPES)}) if json_ else "\n".join(RECIPES))
        return
    if out is None and words:
        raise UserError("expected --out DIR, the run's folder, got none")
    recipe = recipe_of_words(words, motion)
    assert out is not None
    for option, path in (("--init", init), ("--vae", vae)):
        if path is not None and not path.exists():
            raise UserError(f"expected {option} as a checkpoint or run folder, got {path}")
    team = assemble(device, shard)
    if team.main and vae is None and trains_vae_first(recipe):
        print(f"no --vae: {recipe.name} trains its own first", file=sys.stderr)
    try:
        with end_on_sigterm():
            result = run(recipe, build, out, team.device, init, vae=vae, team=team)
    except Stopped as stopped:
        if team.main:
            print(f"kinecast train: {stopped}", file=sys.stderr)
        raise SystemExit(128 + stopped.signum) from None
    if not team.main:
        return
    if json_:
        print(to_json(result))
        return
    for what, written in result.paths.items():
        print(f"{what}: {written}")


def recipe_of_words(words: Sequence[str], motion: Path | None) -> "Recipe":
    """The recipe that the words of a command mean.

    Raises:
        UserError: no such recipe, size or key.
    """
    from kinecast.train.recipe import with_words
    from kinecast.train.recipes import RECIPES, recipe_of

    if not words:
        raise UserError(f"expected a recipe, got none; recipes: {', '.join(RECIPES)}")
    name, changes = words[0], list(words[1:])
    size = [word for word in changes if word.startswith("size=")]
    changes = [word for word in changes if word not in size]
    if motion is not None:
        if not motion.is_dir():
            raise UserError(f"expected --motion as a folder of recorded motion, got {motion}")
        changes.append(f"data.motion={motion.resolve()}")
    recipe = recipe_of(name, size[-1].removeprefix("size=")) if size else recipe_of(name)
    return with_words(recipe, changes)
