"""How WHN's arms are measured: exact held-out clips of gliding layers, several futures of each."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.best_of_k import best_of_k
from kinecast.metrics.fvmd_tracks import fvmd_tracks
from kinecast.metrics.lrtl import lrtl
from kinecast.metrics.scene_variance import scene_variance
from kinecast.train import recipes
from kinecast.train.ablate.arm import Scores, Trained
from kinecast.train.chunk_pool import VALIDATION_SEED
from kinecast.train.image_sources import grid_of
from kinecast.train.images import ImageClips
from kinecast.train.recipe import ImageData
from kinecast.train.stage import OwnBatches, Stage
from kinecast.train.supervision import scene_of
from kinecast.train.whn_flow import FlowStage

SAMPLES = 8
GROUPS = 4  # of clips, for a distance of sets: so that it has an interval too
FVMD, BEST, LRTL, VARIANCE = "FVMD", "best of 8, MSE (px^2)", "LRTL (px)", "scene variance (px^2)"
BACKGROUND = -1

Futures = Float[np.ndarray, "k t n 2"]


def flow_scores(trained: Trained, data: ImageData) -> Scores:
    """Of `SAMPLES` futures of every held-out clip.

    Args:
        trained: a WHN.
        data: whose held-out clips are exact, whatever the arm was trained on.
    """
    return scores_of(*futures_of(trained, data), data)


def futures_of(
    trained: Trained, data: ImageData
) -> tuple[list[Futures], list[Float[np.ndarray, "t n 2"]]]:
    """`SAMPLES` futures of every held-out clip, and its truth, in pixels."""
    futures, truths = [], []
    with ImageClips(data, 0, trained.clips, trained.device) as pool:
        stage = FlowStage(trained.plan.system, pool, trained.device, "logit-normal", SAMPLES)
        for samples, item in stage.futures():
            futures += list(samples)
            truths += list(item.xy[:, 0].cpu().numpy())
    return futures, truths


def scores_of(
    futures: list[Futures], truths: list[Float[np.ndarray, "t n 2"]], data: ImageData
) -> Scores:
    """Of futures and truth of the held-out clips, in their order."""
    scores: dict[str, list[float]] = {
        BEST: [best_of_k(xy, truth[None]) for xy, truth in zip(futures, truths, strict=True)],
        LRTL: [rigidity(xy, objects_of(data, i)) for i, xy in enumerate(futures)],
        VARIANCE: [scene_variance(xy) for xy in futures],
    }
    clips = list(zip(futures, truths, strict=True))
    groups = [clips[g::GROUPS] for g in range(GROUPS)]
    return {FVMD: [_fvmd(group, data) for group in groups if len(group) > 1], **scores}


def objects_of(data: ImageData, index: int) -> Int[np.ndarray, " n"]:
    """The thing that each grid point of held-out clip `index` was laid on."""
    scene = scene_of(data, VALIDATION_SEED, index)
    points = grid_of(data).points().reshape(-1, 2)
    owner = np.full(len(points), BACKGROUND)
    for number, layer in enumerate(scene.layers[1:]):
        owner[layer.covers(points, 0)] = number
    return owner


def rigidity(futures: Futures, objects: Int[np.ndarray, " n"]) -> float:
    """LRTL, mean over futures and things; NaN where every thing is smaller than six points."""
    try:
        each = [list(lrtl(xy, objects).values()) for xy in futures]
    except UserError:
        return float("nan")
    return float(np.mean(each))


def watched(recipe: Any, pool: Any, device: torch.device) -> "_WatchedPlan":
    """As `recipes.build`; the flow is also validated by LRTL, of one future a clip (figure 8)."""
    return _WatchedPlan(recipes.build(recipe, pool, device), recipe, pool, device)


class _WatchedPlan:
    """A plan whose stage `flow` is watched."""

    def __init__(self, plan: Any, recipe: Any, pool: Any, device: torch.device) -> None:
        self._plan, self._recipe, self._pool, self._device = plan, recipe, pool, device
        self.system = plan.system

    def stage(self, name: str) -> Stage[Any]:
        """As the plan's, or watched."""
        stage: Stage[Any] = self._plan.stage(name)
        data = self._recipe.data
        if name != "flow":
            return stage
        exact = replace(data, shards="") if data.shards else data
        return _WatchedStage(stage, self.system, exact, self._device)

    def export(self, folder: Any) -> None:
        """As the plan's."""
        self._plan.export(folder)


class _WatchedStage:
    """A flow's stage, with one more score in its validations."""

    def __init__(
        self, stage: Stage[Any], system: Any, data: ImageData, device: torch.device
    ) -> None:
        self._stage, self._data = stage, data
        self.module = stage.module
        self.loss, self.finish = stage.loss, stage.finish
        if isinstance(stage, OwnBatches):
            self.batch = stage.batch
        with ImageClips(data, 0, Path(data.cache), device) as pool:
            self._one = FlowStage(system, pool, device, "logit-normal", samples=1)
        self._objects = [objects_of(data, i) for i in range(data.validation)]

    def validate(self) -> dict[str, float]:
        """The stage's scores and LRTL."""
        futures = [xy for samples, _ in self._one.futures() for xy in samples]
        each = [rigidity(xy, o) for xy, o in zip(futures, self._objects, strict=True)]
        return {**self._stage.validate(), LRTL: float(np.nanmean(each))}


def _fvmd(clips: list[tuple[Futures, Float[np.ndarray, "t n 2"]]], data: ImageData) -> float:
    """Mean over the samples' places: as many sets as there are samples."""
    count = len(clips[0][0])
    sets = [
        [(_field(xy[k], data), _field(truth, data)) for xy, truth in clips] for k in range(count)
    ]
    return float(np.mean([fvmd_tracks(pairs).combined for pairs in sets]))


def _field(xy: Float[np.ndarray, "t n 2"], data: ImageData) -> Field:
    """Seen everywhere: WHN says nothing of visibility, and scores all points."""
    grid = grid_of(data)
    shaped = xy.reshape(len(xy), grid.h, grid.w, 2).astype(np.float32)
    seen = np.ones(shaped.shape[:3], bool)
    return Field(shaped, seen, data.size, grid.stride, grid.origin)
