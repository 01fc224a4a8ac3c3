"""Stage `codec`: the linear codec in closed form, and the training of what corrects it."""

import torch
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.systems.trajloom import losses
from kinecast.systems.trajloom.codec import LinearCodec
from kinecast.systems.trajloom.patches import to_tokens
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.history_pool import HistoryPool
from kinecast.train.small_mean import target
from kinecast.train.stage import Batch

CODEC_CLIPS = 512  # of the first chunk; their tokens are 50,000 examples
HUBER = 1.0  # reference pixels: where the penalty turns linear


class CodecStage:
    """Closed form: the principal directions of how patches of cells move in a window."""

    def __init__(self, system: TrajLoom, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._pool = system, pool

    def finish(self) -> None:
        """Fit the codec to futures, seen from the last frame of the history."""
        fit_linear(self._system, self._pool)


class ResidualCodecStage:
    """The corrections of a residual codec, around the linear codec that was just fitted.

    The losses are those of the paper's VAE (TrajLoom, eq. 1 to 5) without the KL term: the codec is
    deterministic, and its latents start at unit scale. They are taken in reference pixels, not in
    normalised coordinates, where every error would be in the square part of the Huber penalty and
    the wildest clips would be all that counts.
    """

    def __init__(self, system: TrajLoom, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system.codec
        self._codec = system.codec
        self._held_out = [batch.to(device) for batch in pool.validation()]
        fit_linear(system, pool)  # always the same; a run that is continued then loads its weights

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Masked Huber, temporal and multi-scale spatial consistency; `draw` is not needed."""
        history, future = batch.fields()
        moved, visible = target(history, future), future.visible
        again = self._codec.decode(self._codec.encode(moved), *moved.shape[2:4])
        weights = losses.VAELossWeights(huber=HUBER)
        terms = {
            "reconstruction": losses.reconstruction(again, moved, visible, weights.huber).mean(),
            "temporal": losses.temporal(again, moved, visible).mean(),
            "spatial": losses.spatial(again, moved, visible).mean(),
        }
        loss = (
            terms["reconstruction"]
            + weights.temporal * terms["temporal"]
            + weights.spatial * terms["spatial"]
        )
        return loss, {name: term.item() for name, term in terms.items()}

    def validate(self) -> dict[str, float]:
        """Pixels between futures and their reconstruction (VEPE), beside the linear codec's."""
        sums, count = {"model": 0.0, "linear": 0.0}, 0
        for batch in self._held_out:
            history, future = batch.fields()
            moved, seen = target(history, future), future.visible
            h, w = moved.shape[2:4]
            linear = LinearCodec.decode(self._codec, LinearCodec.encode(self._codec, moved), h, w)
            guesses = {
                "model": self._codec.decode(self._codec.encode(moved), h, w),
                "linear": linear,
            }
            for name, guess in guesses.items():
                error = coords.displacement_from_reference(guess - moved, batch.size)
                distance = coords.displacement_to_pixels(error, batch.size).norm(dim=-1)
                sums[name] += distance[seen].double().sum().item()
            count += int(seen.sum())
        return {name: value / max(count, 1) for name, value in sums.items()}

    def finish(self) -> None:
        """Nothing to do."""


def fit_linear(system: TrajLoom, pool: HistoryPool) -> None:
    """Fit the linear part of the codec to futures of the first chunk."""
    config = system.config
    features = config.patch**2 * config.frames * 2
    moment = torch.zeros(features, features, dtype=torch.float64)
    step, count = 32, 0
    for number, some in enumerate(pool.spread(CODEC_CLIPS).split(step)):
        batch = pool.take(0, 0, some, torch.Generator().manual_seed(number * step))
        history, future = batch.fields()
        moved = coords.displacement_to_reference(
            future.xy.clamp(-2, 2) - history.xy[:, -1:].clamp(-2, 2), batch.size
        )
        seen = to_tokens(future.visible[..., None].float(), config.patch).mean((2, 3, 4)) > 0.5
        tokens = to_tokens(moved, config.patch).flatten(2)[seen].double()
        moment += tokens.T @ tokens
        count += len(tokens)
    system.codec.fit(moment / count)
