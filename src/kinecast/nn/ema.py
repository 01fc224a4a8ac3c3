"""Exponential moving average of a module's weights."""

import torch
from torch import Tensor, nn

UPDATES = "updates"


class EMA:
    """Averages the floating-point state of `module` and copies the rest, on the module's device.

    The decay grows as (1 + n) / (10 + n) up to `decay`, so that the average soon forgets the start.

    Raises:
        ValueError: decay outside [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"expected 0 <= decay < 1, got {decay}")
        self.decay = decay
        self.updates = 0
        self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1.0 - decay)
            else:
                self.weights[name].copy_(value)

    def copy_to(self, module: nn.Module) -> None:
        """Give `module` the averaged weights."""
        module.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Tensor]:
        """The average, and the number of updates, for an exact resume."""
        return {UPDATES: torch.tensor(self.updates), **self.weights}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a `state_dict`.

        Raises:
            ValueError: the names are not those of the module.
        """
        if state.keys() != {UPDATES, *self.weights}:
            raise ValueError(
                f"expected the average of the same module, "
                f"got other names: {sorted(state.keys() ^ {UPDATES, *self.weights})}"
            )
        self.updates = int(state[UPDATES])
        for name, value in self.weights.items():
            value.copy_(state[name])
