"""Stage `mean`: where each point goes on average, and how far it may stray."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.systems.base import Cond, FieldBatch
from kinecast.systems.trajloom.kinematic import damped_time, fit_line
from kinecast.systems.trajloom.patches import to_tokens
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.draw import own, share, whole
from kinecast.train.history_pool import HistoryPool
from kinecast.train.stage import Batch

OPPONENT = (4, 0.8)  # the damped fit whose error sets what an error is worth in each clip
SHORT = 24  # frames of the short horizon that counts as much as the whole window
FLOOR = 0.5  # reference pixels added to the opponent's error: still clips are not everything
MOVING = 0.02  # of the diagonal
SCALE_WEIGHT = 0.02
SHORTEST = 8  # frames of history
FIT_CLIPS = 512  # for the spread of the source noise
TYPICAL = 3.0  # residuals beyond this many scales don't set the spread of the source noise
EXTREME = 8.0  # scales at which the flow's targets are cut: the tails are long


class MeanStage:
    """L1 of the mean relative to a trivial forecast, and the likelihood of residual latents."""

    def __init__(self, system: TrajLoom, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._pool, self._device = system, pool, device
        self._held_out = [b.to(device) for b in pool.validation()]

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Half of the batches have their whole history, half a random part of it."""
        everyone = shortened(whole(draw, batch), draw)
        history, future = (share_of(draw, field) for field in everyone)
        code = self._system.history(history)
        moved = target(history, future)
        error = (code.mean - moved).norm(dim=-1)
        ratio = _relative(error, [(own(draw, w), own(draw, v)) for w, v in _values(*everyone)])
        residual = self._system.codec.encode(moved - code.mean.detach())
        seen = seen_share(everyone[1], self._system)
        total = seen.sum() / share(draw)[1]
        likelihood = _student(residual, code.log_scale, own(draw, seen), total)
        loss = ratio + SCALE_WEIGHT * likelihood
        return loss, {"ratio": ratio.item(), "nll": likelihood.item()}

    def validate(self) -> dict[str, float]:
        """Error of the mean over that of a fixed trivial forecast, mean over clips."""
        scores: dict[str, list[Tensor]] = {}
        for batch in self._held_out:
            for name, frames in (("whole", batch.history), ("short", min(SHORT, batch.history))):
                history, future = batch.shortened(frames).fields()
                moved = target(history, future)
                horizon = min(frames, len(moved[0]))
                seen = future.visible[:, :horizon]
                error = (self._system.history(history).mean - moved).norm(dim=-1)
                usual = (trivial(history, len(moved[0])) - moved).norm(dim=-1)
                ours, theirs = (average(e[:, :horizon], seen) for e in (error, usual))
                scores.setdefault(name, []).append(ours / (theirs + 0.1))
                scores.setdefault(f"{name} px", []).append(ours)
                scores.setdefault(f"damped_4_0.8 {name} px", []).append(theirs)
        means = {name: torch.cat(values).mean().item() for name, values in scores.items()}
        return {"model": (means["whole"] + means["short"]) / 2, **means}

    @torch.no_grad()
    def finish(self) -> None:
        """Fit the spread of the source noise to the residuals of the first chunk."""
        residuals, grid = [], (0, 0)
        for number, some in enumerate(self._pool.spread(FIT_CLIPS).split(32)):
            draw = torch.Generator().manual_seed(number * 32)
            batch = self._pool.take(0, 0, some, draw).to(self._device)
            history, future = batch.fields()
            cond = self._system.condition(history)
            residual = latent_target(self._system, future, cond)[:, 0]
            residuals.append(residual.clamp(-TYPICAL, TYPICAL))
            grid = cond["grid"]
        self._system.source_noise.fit(torch.cat(residuals), grid)


def shortened(batch: Batch, draw: torch.Generator) -> tuple[FieldBatch, FieldBatch]:
    """History and future; with probability 1/2 only the last part of the history."""
    if torch.rand((), generator=draw) < 0.5:
        return batch.fields()
    shortest = min(SHORTEST, batch.history)
    frames = int(torch.randint(shortest, batch.history + 1, (), generator=draw))
    return batch.shortened(frames).fields()


def share_of(draw: torch.Generator, field: FieldBatch) -> FieldBatch:
    """The clips of this share, of a field of the whole batch."""
    return FieldBatch(own(draw, field.xy), own(draw, field.visible), field.size)


def target(history: FieldBatch, future: FieldBatch) -> Float[Tensor, "b t h w 2"]:
    """Displacement from the last observed position, reference pixels.

    Points far outside the frame, where no one sees them, are held at half a frame outside.
    """
    xy = torch.where(future.visible[..., None], future.xy, future.xy.clamp(-2, 2))
    return coords.displacement_to_reference(xy - history.xy[:, -1:], future.size)


def latent_target(system: TrajLoom, future: FieldBatch, cond: Cond) -> Float[Tensor, "b 1 n c"]:
    """What the flow should arrive at; see `TrajLoom.encode`."""
    xy = torch.where(future.visible[..., None], future.xy, future.xy.clamp(-2, 2))
    return system.encode(FieldBatch(xy, future.visible, future.size), cond).mean.clamp(
        -EXTREME, EXTREME
    )


def seen_share(future: FieldBatch, system: TrajLoom) -> Float[Tensor, "b n"]:
    """Share of a token's points and frames that are seen; a little even where none is."""
    share = to_tokens(future.visible[..., None].float(), system.config.patch).mean((2, 3, 4))
    return share.clamp(min=0.02)


def moving(
    moved: Float[Tensor, "b t h w 2"], visible: Bool[Tensor, "b t h w"], size: Size
) -> Bool[Tensor, "b 1 h w"]:
    """Points that get farther than 2 % of the diagonal from where they were last."""
    reference = coords.displacement_to_reference(torch.tensor([[2.0, 2.0]]), size)
    return ((moved.norm(dim=-1) > MOVING * reference.norm()) & visible).any(1, keepdim=True)


def trivial(history: FieldBatch, frames: int) -> Float[Tensor, "b t h w 2"]:
    """The opponent's forecast, as displacements from the last frame in reference pixels."""
    moved = coords.displacement_to_reference(history.xy - history.xy[:, -1:], history.size)
    position, velocity = fit_line(moved.flatten(2, 3), history.visible.flatten(2), OPPONENT[0])
    travel = damped_time(frames, [OPPONENT]).to(moved)[0, None, :, None, None]
    path = position[:, None] + travel * velocity[:, None]
    return path.unflatten(2, history.xy.shape[2:4])


def worth(usual: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """What a pixel of error counts in each clip: half by the clip's own trivial error, half alike.

    Users see ratios in their own clip; the sum over many clips is what the wild ones make it.
    """
    return 0.5 / (usual + FLOOR) + 0.5 / (usual.mean() + FLOOR)


def _values(history: FieldBatch, future: FieldBatch) -> list[tuple[Tensor, Tensor]]:
    """What counts (b, t, h, w) and what a pixel counts (b,), per horizon, of all, moving points."""
    moved, visible = target(history, future), future.visible
    usual = (trivial(history, len(moved[0])) - moved).norm(dim=-1)
    moves = moving(moved, visible, future.size)
    values = []
    for horizon in (SHORT, moved.shape[1]):
        for weight in (visible[:, :horizon], visible[:, :horizon] & moves):
            values.append((weight, worth(average(usual[:, :horizon], weight))))
    return values


def _relative(error: Tensor, values: list[tuple[Tensor, Tensor]]) -> Float[Tensor, ""]:
    """Mean over clips, horizons, and all and moving points, of error over the trivial error."""
    terms = [
        (average(error[:, : weight.shape[1]], weight) * value).mean() for weight, value in values
    ]
    return torch.stack(terms).mean()


def average(
    error: Float[Tensor, "b t h w"], weight: Bool[Tensor, "b t h w"]
) -> Float[Tensor, " b"]:
    """Weighted mean of each clip; 0 where nothing counts."""
    weights = weight.flatten(1).float()
    return (error.flatten(1) * weights).sum(1) / weights.sum(1).clamp(min=1)


def _student(
    residual: Float[Tensor, "b n c"],
    log_scale: Float[Tensor, "b n c"],
    weight: Float[Tensor, "b n"],
    total: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Negative log-likelihood under a Student t of 5 degrees: outliers don't set the scale."""
    square = (residual * torch.exp(-log_scale)).square()
    nll = log_scale + 3.0 * torch.log1p(square / 5.0)
    return (nll.mean(-1) * weight).sum() / total
