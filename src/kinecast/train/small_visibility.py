"""Stage `visibility`: which points will be seen, from the tokens and the motion."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kinecast.core import coords
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.history_pool import HistoryPool
from kinecast.train.small_mean import shortened, target
from kinecast.train.stage import Batch


class VisibilityStage:
    """Binary cross-entropy on the exact future (TrajLoom, E.3); tested on generated ones."""

    def __init__(self, system: TrajLoom, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system = system
        self._held_out = [b.to(device) for b in pool.validation()]

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean over points and frames."""
        history, future = shortened(batch, draw)
        with torch.no_grad():
            code = self._system.history(history)
            cond = self._system.around(code, history)
            moved = target(history, future)
        logits = self._system.visibility_logits(moved, cond)
        loss = F.binary_cross_entropy_with_logits(logits, future.visible.float())
        return loss, {}

    def validate(self) -> dict[str, float]:
        """Error rate inside the frame on the mean forecast, beside "as in the last frame"."""
        wrong: dict[str, list[Tensor]] = {"model": [], "as last seen": []}
        for batch in self._held_out:
            history, future = batch.fields()
            code = self._system.history(history)
            logits = self._system.visibility_logits(code.mean, self._system.around(code, history))
            moved = coords.displacement_from_reference(code.mean, history.size)
            within = (history.xy[:, -1:] + moved).abs().amax(-1) <= 1
            for name, guess in (("model", logits > 0), ("as last seen", history.visible[:, -1:])):
                wrong[name].append(((guess & within) != future.visible).float().mean())
        return {name: torch.stack(values).mean().item() for name, values in wrong.items()}

    def finish(self) -> None:
        """Nothing to do."""
