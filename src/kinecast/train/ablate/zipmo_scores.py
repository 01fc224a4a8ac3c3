"""How ZipMo's arms are measured, on held-out clips of gliding layers."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from kinecast.core import rng
from kinecast.systems.zipmo.losses import pck
from kinecast.train.ablate.arm import Scores, Trained
from kinecast.train.ablate.zipmo_variants import VariantStage
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.recipe import ImageData
from kinecast.train.zipmo_clips import all_tracks, see, some_of
from kinecast.train.zipmo_planner import STEPS, PokeStage
from kinecast.train.zipmo_score import pixels_apart

PCK = "PCK (%)"  # mean over 1, 2, 4, 8 and 16 pixels of a 256 x 256 frame
MIN_MSE = "best of 4, MSE (px^2)"
_DRAW = 17  # key of the tracks that are encoded


def vae_scores(
    trained: Trained, data: ImageData, queries: str = "all", trackers: tuple[str, ...] = ()
) -> Scores:
    """PCK of each clip's reconstruction.

    Args:
        trained: a VAE.
        data: whose held-out clips are exact, whatever the arm was trained on.
        queries: "encoded" tracks, "unseen" ones that were not encoded, or "all" of them.
        trackers: kinds of estimated tracks that are reconstructed too.
    """
    stage = trained.plan.stage("vae")
    assert isinstance(stage, VariantStage)
    half = trained.plan.model.tracks
    part = {"all": slice(None), "encoded": slice(half), "unseen": slice(half, None)}[queries]
    scores: dict[str, list[float]] = {}
    for kind in ("exact", *trackers):
        name = PCK if kind == "exact" else f"{PCK} of {kind} tracks"
        scores[name] = []
        for index, item in enumerate(_held_out(trained, data, kind)):
            ours, theirs = stage.reconstructed(item, rng.generator(_DRAW, index))
            scores[name] += [
                100 * pck(a[None, part], b[None, part]).mean().item()
                for a, b in zip(ours, theirs, strict=True)
            ]
    return scores


def planner_scores(trained: Trained, data: ImageData, steps: int = STEPS) -> Scores:
    """Error of the nearest of the sampled futures, points and frames after the first."""
    stage = trained.plan.stage("planner")
    assert isinstance(stage, PokeStage)
    model, system = trained.plan.model, trained.plan.system
    errors: list[float] = []
    for index, item in enumerate(_held_out(trained, data, "exact")):
        draw = rng.generator(_DRAW, index)
        tracks = some_of(all_tracks(item, model.frames), len(item), 2 * model.tracks, draw)
        image = see(system.image, item.pixels, model.vae.image_grid[0])
        context, _ = stage.told(item, tracks, image)
        futures = stage.futures(item, tracks[:, :, 0], context, len(errors), steps)
        apart = torch.stack([pixels_apart(xy, tracks, item.size) for xy in futures])
        errors += apart[..., 1:].square().mean((2, 3)).amin(0).tolist()
    return {MIN_MSE: errors}


def _held_out(trained: Trained, data: ImageData, kind: str) -> Iterator[ImageItem]:
    """The held-out clips with exact tracks, or with tracks of another kind of the same points."""
    asked = replace(data, supervision=kind)
    with ImageClips(asked, 0, trained.clips, trained.device) as pool:
        for item in pool.validation():
            yield item.to(trained.device)
