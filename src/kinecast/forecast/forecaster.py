"""Forecaster: a system with its weights, ready to forecast from a history or an image."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import coords, rng
from kinecast.core.cond import Pokes
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.flow.guidance import guided
from kinecast.flow.sampler import SAMPLERS, Velocity, uniform_times
from kinecast.forecast.conditions import (
    Given,
    Image,
    Points,
    Start,
    check_given,
    check_guidance,
    from_history,
    from_image,
    window_of,
)
from kinecast.forecast.encoders import Encoders
from kinecast.forecast.memory import in_chunks, plan_chunk
from kinecast.systems.base import Cond, FieldBatch, Guided, QuerySystem, System

Progress = Callable[[int, int], None]


class Drawn(NamedTuple):
    """Some samples: normalised positions, all finite, and the probability that each is seen."""

    xy: Float[Tensor, "k t h w 2"]
    probability: Float[Tensor, "k t h w"]
    visibility: str  # where the probability comes from


class Forecaster:
    """What `kinecast.load` returns.

    Attributes:
        system: the network, on its device.
        name: of the checkpoint.
        provenance: what the weights are; goes into every forecast.
        encoders: of images and texts, for a system that takes their features.
    """

    def __init__(
        self,
        system: System,
        name: str,
        provenance: Mapping[str, Any] | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        assert isinstance(system, nn.Module)
        self._module = system.eval()
        self.system = system
        self.name = name
        self.provenance = {"model": name, **(provenance or {})}
        self.device = next((p.device for p in system.parameters()), torch.device("cpu"))
        self.encoders = encoders or Encoders(self.device)

    @torch.inference_mode()
    def forecast(
        self,
        history: Tracks | None = None,
        *,
        image: Image | Sequence[Image] | None = None,
        pokes: Pokes | None = None,
        text: str | None = None,
        points: Points | None = None,
        view: int = 0,
        episode_step: int | None = None,
        k: int = 8,
        seed: int = 0,
        horizon: int | None = None,
        steps: int | None = None,
        solver: str = "euler",
        guidance: float = 1.0,
        samples: Sequence[int] | None = None,
        chunk: int | None = None,
        progress: Progress | None = None,
    ) -> Forecast:
        """Draw futures of points, from a history or from an image, as the model asks.

        Args:
            history: tracks on a grid; of more frames than the model's window the last are used.
                Only visible positions are read: hidden ones may hold anything.
            image: one frame (uint8 RGB, or a `Frame`), or one for each view of the same moment.
            pokes: points of the image and where they shall be, for models that take them.
            text: what shall happen, for models that take it.
            points: which points of the image to follow: a grid, or (N, 2) pixels xy; by default a
                grid of about 390. A model with a grid of its own takes none.
            view: which of the views the points are on.
            episode_step: frames since the episode began, for models that ask; 0 by default.
            k: how many samples.
            seed: of the noise; sample i depends on (seed, i) alone.
            horizon: frames to forecast, the model's window by default. Beyond it each sample rolls
                forward on its own forecast; from an image there is no beyond.
            steps: equal steps of the sampler in time (dopri5 chooses its own), as published by
                default.
            solver: a name of `flow.sampler.SAMPLERS`.
            guidance: how far pokes or text lead away from the image alone (`flow.guidance`); 1 is
                none.
            samples: indices to draw instead of range(k), for example one of them again.
            chunk: samples in a batch: the one knob on memory, planned when None. Results depend on
                it by rounding only.
            progress: called with (samples times Euler steps done, in all).

        Returns:
            One future a sample, in pixels of the history's frame or of the image, finite
            everywhere; the first frame is the one after the history or the image. A point is
            visible where the network says so and it lies in the frame (a system that says nothing
            of visibility: where it lies in the frame; `source["visibility"]` tells which). The
            history of a forecast from an image is one frame: the points where they start.

        Raises:
            UserError: a condition that the model does not take, scattered points in a history, a
                grid or a length that the model does not take, no visible point in the window, pokes
                or points outside the image, a missing encoder, or weights that forecast no number.
        """
        needs = self.system.needs
        given = Given(history, image, pokes, text, points, view, episode_step)
        check_given(self.name, needs, given)
        horizon = window_of(needs) if horizon is None else horizon
        steps = needs.steps if steps is None else steps
        indices = list(range(k)) if samples is None else list(samples)
        _check_request(indices, horizon, steps, solver)
        check_guidance(self.name, self.system, guidance)
        if needs.condition != "history" and horizon > window_of(needs):
            raise UserError(
                f"expected a horizon of at most {window_of(needs)} frames: model {self.name} "
                f"forecasts from an image and cannot go on from there, got {horizon}"
            )
        if history is not None:
            start = from_history(self.name, needs, history, self.device)
        else:
            start = from_image(self.name, needs, given, self.device, self.encoders)
        cond = self.system.condition(start.batch)
        windows = -(-horizon // window_of(needs))
        counter = _Counter(progress, len(indices) * windows * steps)
        march = partial(
            self._sample,
            times=uniform_times(steps),
            solver=solver,
            guidance=guidance,
            counter=counter,
        )
        decode = partial(self._decode, start=start, view=view)

        def draw(some: Sequence[int]) -> Drawn:
            parts: list[Drawn] = []
            for window in range(windows):
                now = cond
                if parts:
                    now = self.system.condition(_rolled(parts[-1], start.history.size))
                noise = rng.sample_noise(seed, some, self.system.latent_shape(now), window)
                parts.append(decode(march(noise.to(self.device), now), now))
            xy, probability, source = _joined(parts, dim=1)
            return Drawn(xy[:, :horizon].cpu(), probability[:, :horizon].cpu(), source)

        if chunk is None:
            latent = self.system.latent_shape(cond)
            chunk = plan_chunk(self._module, latent, len(indices), needs.tokens)
        drawn = _joined(in_chunks(indices, chunk, draw), dim=0)
        drawing = {"seed": seed, "steps": steps, "solver": solver, **start.provenance}
        if guidance != 1.0:
            drawing["guidance"] = guidance
        return self._collect(drawn, start.history, drawing, indices)

    def batch(self, history: Tracks) -> FieldBatch:
        """The last window of a history as a batch of one; missing first frames are hidden ones."""
        check_given(self.name, self.system.needs, Given(history))
        batch = from_history(self.name, self.system.needs, history, self.device).batch
        assert isinstance(batch, FieldBatch)
        return batch

    def _sample(
        self,
        noise: Float[Tensor, "k *latent"],
        cond: Cond,
        times: Float[Tensor, " times"],
        solver: str,
        guidance: float,
        counter: "_Counter",
    ) -> Float[Tensor, "k *latent"]:
        """One window's latents of some samples."""
        steered: Velocity = partial(self.system.velocity, cond=cond)
        if isinstance(self.system, Guided) and guidance != 1.0:
            free = partial(self.system.velocity, cond=self.system.unconditional(cond))
            steered = guided(steered, free, guidance)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            v = steered(z, t)
            counter.add(len(z))
            return v

        state = self.system.source(noise, cond)
        return SAMPLERS[solver](velocity, state, times, self.system.pin(cond))

    def _decode(self, z: Float[Tensor, "k *latent"], cond: Cond, start: Start, view: int) -> Drawn:
        """One window of some samples."""
        size = start.history.size
        if start.queries is None:
            xy, logits = self.system.decode(z, cond)
        else:
            xy, logits = cast(QuerySystem, self.system).decode(z, cond, start.queries, view)
        first = self.system.needs.frames - window_of(self.system.needs)  # an image's own frame
        xy = xy[:, first:].float()
        if not torch.isfinite(xy).all():
            raise UserError(
                f"model {self.name} forecast positions that are not numbers; its weights are "
                "damaged or its training diverged: use another checkpoint"
            )
        inside = coords.inside(coords.denormalise(xy, size), size)
        probability = inside.float()  # where a sample has left the frame, nothing can be seen
        if logits is None:
            return Drawn(xy, probability, "inside the frame")
        return Drawn(xy, probability * torch.sigmoid(logits[:, first:].float()), "forecast")

    def _collect(
        self,
        drawn: Drawn,
        history: Tracks,
        provenance: Mapping[str, Any],
        indices: Sequence[int],
    ) -> Forecast:
        """The samples as values of the history's frame."""
        pixels = coords.denormalise(drawn.xy, history.size).flatten(2, 3).numpy()
        seen = drawn.probability.flatten(2).numpy()
        provenance = {**self.provenance, **provenance, "visibility": drawn.visibility}
        futures = [
            Tracks(
                xy=pixels[i],
                visible=seen[i] > 0.5,
                size=history.size,
                fps=history.fps,
                grid=history.grid,
                source={**provenance, "sample": index},
            )
            for i, index in enumerate(indices)
        ]
        return Forecast(tuple(futures), seen.astype(np.float16), history)


class _Counter:
    """Counts network evaluations and reports them."""

    def __init__(self, report: Progress | None, total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    def add(self, count: int) -> None:
        self._done += count
        if self._report is not None:
            self._report(min(self._done, self._total), self._total)


def _joined(parts: Sequence[Drawn], dim: int) -> Drawn:
    xy, probability = (torch.cat([part[i] for part in parts], dim) for i in (0, 1))
    return Drawn(xy, probability, parts[0].visibility)


def _rolled(drawn: Drawn, size: Size) -> FieldBatch:
    """Each sample's forecast as its own next history."""
    return FieldBatch(xy=drawn.xy, visible=drawn.probability > 0.5, size=size)


def _check_request(indices: Sequence[int], horizon: int, steps: int, solver: str) -> None:
    if not indices or min(indices) < 0:
        raise UserError(f"expected at least one sample, of index >= 0, got {list(indices)}")
    if horizon < 1:
        raise UserError(f"expected a horizon of at least 1 frame, got {horizon}")
    if steps < 1:
        raise UserError(f"expected at least 1 sampler step, got {steps}")
    if solver not in SAMPLERS:
        raise UserError(f"expected a solver of {', '.join(SAMPLERS)}, got {solver!r}")
