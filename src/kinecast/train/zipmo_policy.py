"""Stage `policy`: actions from plans of a planner that stays as it is.

Source: ZipMo, section 4 (robotics) and appendix A: behavioural cloning with a squared loss, of
plans that are sampled anew each time, in 10 steps.
"""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import rng
from kinecast.flow.sampler import euler, uniform_times
from kinecast.systems.zipmo.policy import PolicyHead, policy_loss
from kinecast.train.draw import normal
from kinecast.train.image_item import ImageItem
from kinecast.train.loop import stage_key
from kinecast.train.recipe import Optim
from kinecast.train.schedule import batch_size
from kinecast.train.zipmo_clips import Clips, see, training_clips
from kinecast.train.zipmo_model import PolicyModel, TrainedLibero

NOISE_SEED = 1_000_033
MEAN_CLIPS = 256


class PolicyStage:
    """Mean of 0.99^k times the squared error of the action k steps ahead."""

    name = "policy"

    def __init__(
        self,
        system: TrainedLibero,
        clips: Clips,
        optim: Optim,
        model: PolicyModel,
        device: torch.device,
    ) -> None:
        assert system.policy is not None
        self.module: PolicyHead = system.policy.requires_grad_(True)
        self._system, self._clips, self._optim, self._model = system, clips, optim, model
        self._device = device
        self._held_out = [item.to(device) for item in clips.validation()]
        self._mean: Float[Tensor, "t a"] | None = None

    def batch(self, step: int) -> ImageItem:
        """Clips of a step."""
        return self._clips.batch(step, batch_size(self._optim, step), stage_key(self.name))

    def loss(self, batch: ImageItem, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Of plans from fresh noise."""
        shape = (len(batch), *self._shape())
        predicted = self._actions(batch, normal(draw, shape).to(self._device))
        return policy_loss(predicted, self._truth(batch)), {}

    def validate(self) -> dict[str, float]:
        """The loss on held-out clips, beside the training clips' mean actions, and no action."""
        if self._mean is None:
            self._mean = self._mean_actions()
        sums: dict[str, float] = {}
        first = 0
        for item in self._held_out:
            clips = list(range(first, first + len(item)))
            noise = rng.sample_noise(NOISE_SEED, clips, self._shape()).to(self._device)
            truth = self._truth(item)
            guesses = {
                "model": self._actions(item, noise).float(),
                "predict the mean": self._mean.to(truth).expand_as(truth),
                "no action": torch.zeros_like(truth),
            }
            for name, guess in guesses.items():
                loss = policy_loss(guess, truth).item() * len(item)
                sums[name] = sums.get(name, 0.0) + loss
            first += len(item)
        return {name: value / first for name, value in sums.items()}

    def finish(self) -> None:
        """Nothing to do."""

    @torch.no_grad()
    def plan(self, item: ImageItem, noise: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Sampled latents."""
        planner, vae = self._system.planner, self._system.vae
        assert self._system.image is not None
        assert item.text is not None
        image = see(self._system.image, item.pixels, self._model.vae.image_grid[0])
        start = item.steps if planner.config.start_time else None
        context = planner.context(image, planner.instruction(item.text, start), vae.position)
        return euler(partial(planner, context=context), noise, uniform_times(self._model.steps))

    def _actions(self, item: ImageItem, noise: Float[Tensor, "b n c"]) -> Float[Tensor, "b t a"]:
        assert item.states is not None
        position = self._system.vae.position[:, 1:]
        actions: Tensor = self.module(self.plan(item, noise), item.states[:, 0], position)
        return actions

    def _truth(self, item: ImageItem) -> Float[Tensor, "b t a"]:
        assert item.actions is not None
        return item.actions[:, : self._model.policy.horizon]

    def _shape(self) -> tuple[int, int]:
        return self._system.planner.config.views * self._model.vae.tokens, self._model.vae.channels

    def _mean_actions(self) -> Float[Tensor, "t a"]:
        clips = [self._truth(i).cpu() for i in training_clips(self._clips, MEAN_CLIPS)]
        return torch.cat(clips).mean(0)
