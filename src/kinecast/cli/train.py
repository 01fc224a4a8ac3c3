"""`kinecast train`: train a recipe."""

import json
import sys
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.core import device as devices
from kinecast.core.errors import UserError


def train(
    words: Positional[tuple[str, ...]] = (),
    *,
    out: Path | None = None,
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    motion: Path | None = None,
    init: Path | None = None,
    device: str = "auto",
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Train a recipe: kinecast train RECIPE [size=tiny] [steps=200] [key=value ...] --out DIR.

    The same command continues a run that was interrupted.

    Args:
        words: the recipe's name, then key=value words that change its fields.
        out: the run's folder.
        list_: name the recipes and stop.
        motion: folder of recorded motion for the simulated worlds.
        init: system.safetensors of another run to start from.
        device: auto, cuda, mps or cpu.
        json_: print one JSON object.
    """
    from kinecast.train.recipe import with_words
    from kinecast.train.recipes import RECIPES, build, recipe_of
    from kinecast.train.run import to_json
    from kinecast.train.run import train as run
    from kinecast.train.stopping import Stopped

    if list_:
        print(json.dumps({"recipes": list(RECIPES)}) if json_ else "\n".join(RECIPES))
        return
    if not words:
        raise UserError(f"expected a recipe, got none; recipes: {', '.join(RECIPES)}")
    if out is None:
        raise UserError("expected --out DIR, the run's folder, got none")
    name, changes = words[0], list(words[1:])
    size = [word for word in changes if word.startswith("size=")]
    changes = [word for word in changes if word not in size]
    if motion is not None:
        if not motion.is_dir():
            raise UserError(f"expected --motion as a folder of recorded motion, got {motion}")
        changes.append(f"data.motion={motion.resolve()}")
    recipe = recipe_of(name, size[-1].removeprefix("size=")) if size else recipe_of(name)
    recipe = with_words(recipe, changes)
    if init is not None and not init.is_file():
        raise UserError(f"expected --init as the system.safetensors of a run, got {init}")
    try:
        result = run(recipe, build, out, devices.resolve(device), init=init, quiet=False)
    except Stopped as stopped:
        print(f"kinecast train: {stopped}", file=sys.stderr)
        raise SystemExit(128 + stopped.signum) from None
    if json_:
        print(to_json(result))
        return
    for what, path in result.paths.items():
        print(f"{what}: {path}")
