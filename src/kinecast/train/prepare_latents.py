"""Encode a recipe's clips before it is trained, and take the statistics of their latents."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from kinecast.core.errors import UserError
from kinecast.train.pools import open_pool
from kinecast.train.recipe import Recipe
from kinecast.train.run import Build, plan_of, write_json
from kinecast.train.stage import CachedLatents
from kinecast.train.warm import VAE, check_vae, load_vae, with_trained_vae

STATISTICS = "statistics.json"


@dataclass(frozen=True)
class Prepared:
    """What `kinecast prepare-latents --json` prints.

    Attributes:
        recipe: its name.
        files: of latents; bytes: of all of them.
        statistics: what the system keeps of its latents (mean and deviation of each channel).
        paths: absolute paths written.
    """

    recipe: str
    files: int
    bytes: int
    statistics: dict[str, list[float]]
    paths: dict[str, str]


def prepare_latents(
    recipe: Recipe,
    build: Build,
    vae: Path,
    out: Path,
    device: torch.device,
    report: Callable[[Path], None] = lambda path: None,
) -> Prepared:
    """Write clips, latents and statistics to `out`: the `data.cache` of runs with the same VAE.

    What is there is kept; a run without it would make the same files as it goes.

    Args:
        recipe: that will be trained on them.
        build: makes its networks and stages.
        vae: trained weights, as `warm.load_vae` takes them.
        out: folder.
        device: where the VAE runs.
        report: called with each file.

    Raises:
        UserError: the recipe keeps no latents, or the weights are not of its VAE.
    """
    recipe, out = with_trained_vae(recipe), out.absolute()
    check_vae(recipe, vae)
    with open_pool(recipe, out, device) as pool:
        plan = plan_of(build, recipe, pool, device)
        load_vae(plan.system, vae)
        plan.system.eval()
        plan.stage(VAE).finish()
        kept = plan.system.state_dict()
        statistics = {k: v for k, v in plan.system.named_buffers(recurse=False) if k in kept}
        for name in (name for name in recipe.stages if name != VAE):
            stage: Any = plan.stage(name)
            if isinstance(stage, CachedLatents):
                break
        else:
            raise UserError(
                f"recipe {recipe.name} keeps no latents: it encodes its clips as it is trained; "
                "train it straight away"
            )
        files = []
        for path in stage.latents.fill():
            report(path)
            files.append(path)
    folder: Path = stage.latents.folder
    values = {name: value.flatten().tolist() for name, value in statistics.items()}
    write_json(folder / STATISTICS, {"vae": str(vae), **values})
    return Prepared(
        recipe=recipe.name,
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        statistics=values,
        paths={"cache": str(out), "latents": str(folder), "statistics": str(folder / STATISTICS)},
    )


def to_json(prepared: Prepared) -> dict[str, Any]:
    """Plain values."""
    return asdict(prepared)
