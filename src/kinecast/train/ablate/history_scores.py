"""How TrajLoom's arms are measured, on the held-out clips of their pool."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.flow.sampler import SAMPLERS
from kinecast.metrics import displacement
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.fvmd_long import fvmd_long
from kinecast.systems.trajloom.losses import explained_variance
from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train.ablate.arm import Scores, Trained
from kinecast.train.paper_vae import held
from kinecast.train.stage import Batch
from kinecast.train.validate import Validation, clip_of

SAMPLES = 2  # futures a clip
GROUPS = 4  # of clips, for a distance of sets: so that it has an interval too
VEPE, EXPLAINED = "VEPE (px)", "variance by location (%)"
FVMD, FLOW_TV, DIVCURL, ADE = "FVMD-Long", "FlowTV x100", "DivCurlE x1000", "ADE (px)"


@torch.no_grad()
def vae_scores(trained: Trained) -> Scores:
    """Of each clip's future: endpoint error of its reconstruction, and figure 3b's share."""
    system: PaperTrajLoom = trained.plan.trajloom
    scores: dict[str, list[float]] = {VEPE: [], EXPLAINED: []}
    for batch in trained.pool.validation():
        _, future = batch.to(trained.device).fields()
        future = held(future)
        x = system.relative(future.xy)
        gap = coords.displacement_to_pixels(system.vae(x)[0].float() - x, batch.size).norm(dim=-1)
        for i, seen in enumerate(future.visible):
            scores[VEPE].append(gap[i][seen].mean().item())
            shares = explained_variance(x[i].flatten(1, 2), seen.flatten(1))
            scores[EXPLAINED].append(shares.mean().item())
    return scores


def flow_scores(trained: Trained, sampler: Literal["euler", "dopri5"] = "euler") -> Scores:
    """Of sampled futures, beside the truth: the diagnostics of table 5, and the mean error.

    The adaptive solver chooses its own steps; the others take ten.
    """
    system: PaperTrajLoom = trained.plan.trajloom
    batches = trained.pool.validation()
    validation = Validation(batches, SAMPLES, sampler=SAMPLERS[sampler])
    scores: dict[str, list[float]] = {FLOW_TV: [], DIVCURL: [], ADE: []}
    pairs: list[list[tuple[Field, Field]]] = []
    first = 0
    for batch in batches:
        futures = validation.futures(system, batch.to(trained.device), first)
        first += len(batch)
        for i, samples in enumerate(futures):
            _, truth = clip_of(batch, i)
            fields = [_field(xy, batch, i) for xy in samples]
            scores[FLOW_TV].append(100 * _mean(flow_tv, fields))
            scores[DIVCURL].append(1000 * _mean(divcurl_energy, fields))
            everything = np.ones(truth.count, bool)
            scores[ADE].append(displacement.of_samples(samples, truth, everything)["sample_ade"])
            pairs.append([(field, Field.of(truth)) for field in fields])
    groups = [pairs[g::GROUPS] for g in range(GROUPS)]
    distances = [
        float(np.mean([fvmd_long([clip[k] for clip in group]).combined for k in range(SAMPLES)]))
        for group in groups
        if len(group) > 1
    ]
    return {FVMD: distances, **scores}


def _field(xy: np.ndarray, batch: Batch, i: int) -> Field:
    """A forecast (t, n, 2), seen where the truth is: the diagnostics are masked by it."""
    grid, visible = batch.grid, _visible(batch, i)
    shaped = xy.reshape(len(xy), grid.h, grid.w, 2).astype(np.float32)
    return Field(shaped, visible[: len(xy)], batch.size, grid.stride, grid.origin)


def _visible(batch: Batch, i: int) -> np.ndarray:
    seen: Tensor = batch.visible[i, batch.history :]
    return seen.cpu().numpy()


def _mean(score: Callable[[Field], float], fields: Sequence[Field]) -> float:
    """Over the samples; NaN for a clip whose truth shows no neighbours together."""
    try:
        return float(np.mean([score(field) for field in fields]))
    except UserError:
        return float("nan")
