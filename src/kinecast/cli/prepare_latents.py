"""`kinecast prepare-latents`: encode a recipe's clips before it is trained."""

import json
import sys
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.cli.train import recipe_of_words
from kinecast.core import device as devices
from kinecast.core.errors import UserError


def prepare_latents(
    words: Positional[tuple[str, ...]] = (),
    *,
    vae: Path,
    out: Path,
    motion: Path | None = None,
    device: str = "auto",
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Write the clips of a recipe, their latents and the latents' statistics.

    Then train on them: kinecast train RECIPE ... data.cache=OUT --vae VAE --out RUN, with the same
    words. A run without this makes the same files while it trains.

    Args:
        words: the recipe's name, then key=value words, as for kinecast train.
        vae: trained VAE: a checkpoint or run folder, or a run's system.safetensors.
        out: the folder; what is there is kept.
        motion: folder of recorded motion for the simulated worlds.
        device: auto, cuda, mps or cpu.
        json_: print one JSON object.
    """
    from kinecast.train import prepare_latents as latents
    from kinecast.train.recipes import build
    from kinecast.train.stopping import end_on_sigterm

    recipe = recipe_of_words(words, motion)
    if not vae.exists():
        raise UserError(f"expected --vae as a checkpoint or run folder, got {vae}")

    def report(path: Path) -> None:
        print(path, file=sys.stderr)

    with end_on_sigterm():
        prepared = latents.prepare_latents(recipe, build, vae, out, devices.resolve(device), report)
    if json_:
        print(json.dumps(latents.to_json(prepared)))
        return
    print(f"{prepared.files} files of latents, {prepared.bytes / 1e6:.1f} MB")
    for what, path in prepared.paths.items():
        print(f"{what}: {path}")
