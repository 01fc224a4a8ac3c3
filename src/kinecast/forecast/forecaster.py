"""Forecaster: a system with its weights, ready to forecast histories."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import coords, rng
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.flow.sampler import SAMPLERS, uniform_times
from kinecast.forecast.guess import fill_hidden
from kinecast.forecast.memory import in_chunks, plan_chunk
from kinecast.systems.base import Cond, FieldBatch, System

STEPS = 10  # TrajLoom, section 3.3.4: Euler, 10 uniform steps
MIN_HISTORY = 2
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
    """

    def __init__(
        self, system: System, name: str, provenance: Mapping[str, Any] | None = None
    ) -> None:
        assert isinstance(system, nn.Module)
        self._module = system.eval()
        self.system = system
        self.name = name
        self.provenance = {"model": name, **(provenance or {})}
        self.device = next((p.device for p in system.parameters()), torch.device("cpu"))

    @torch.inference_mode()
    def forecast(
        self,
        history: Tracks,
        *,
        k: int = 8,
        seed: int = 0,
        horizon: int | None = None,
        steps: int = STEPS,
        solver: str = "euler",
        samples: Sequence[int] | None = None,
        chunk: int | None = None,
        progress: Progress | None = None,
    ) -> Forecast:
        """Draw futures of every point of a history.

        Args:
            history: tracks on a grid; of more frames than the model's window the last are used.
                Only visible positions are read: hidden ones may hold anything.
            k: how many samples.
            seed: of the noise; sample i depends on (seed, i) alone.
            horizon: frames to forecast, the model's window by default. Beyond it each sample rolls
                forward on its own forecast.
            steps: equal steps of the sampler in time (dopri5 chooses its own).
            solver: a name of `flow.sampler.SAMPLERS`.
            samples: indices to draw instead of range(k), for example one of them again.
            chunk: samples in a batch: the one knob on memory, planned when None. Results depend on
                it by rounding only.
            progress: called with (samples times Euler steps done, in all).

        Returns:
            One future a sample, in pixels of the history's frame, finite everywhere. A point is
            visible where the network says so and it lies in the frame (a system that says nothing
            of visibility: where it lies in the frame; `source["visibility"]` tells which).

        Raises:
            UserError: scattered points, a grid or a length that the model does not take, no visible
                point in the window, or weights that forecast no number.
        """
        needs = self.system.needs
        horizon = needs.frames if horizon is None else horizon
        indices = list(range(k)) if samples is None else list(samples)
        _check_request(indices, horizon, steps, solver)
        batch = self.batch(history)
        cond = self.system.condition(batch)
        windows = -(-horizon // needs.frames)
        counter = _Counter(progress, len(indices) * windows * steps)

        def draw(some: Sequence[int]) -> Drawn:
            parts: list[Drawn] = []
            for window in range(windows):
                now = self.system.condition(_rolled(parts[-1], history.size)) if parts else cond
                noise = rng.sample_noise(seed, some, self.system.latent_shape(now), window)
                z = self._sample(noise.to(self.device), now, uniform_times(steps), solver, counter)
                parts.append(self._decode(z, now, history.size))
            xy, probability, source = _joined(parts, dim=1)
            return Drawn(xy[:, :horizon].cpu(), probability[:, :horizon].cpu(), source)

        if chunk is None:
            chunk = plan_chunk(self._module, self.system.latent_shape(cond), len(indices))
        drawn = _joined(in_chunks(indices, chunk, draw), dim=0)
        drawing = {"seed": seed, "steps": steps, "solver": solver}
        return self._collect(drawn, history, drawing, indices)

    def batch(self, history: Tracks) -> FieldBatch:
        """The last window of a history as a batch of one; missing first frames are hidden ones."""
        needs = self.system.needs
        _check_condition(history, needs.condition)
        window = history.window(max(0, len(history) - needs.frames), len(history))
        if len(window) < MIN_HISTORY or (len(window) < needs.frames and not needs.short_history):
            least = MIN_HISTORY if needs.short_history else needs.frames
            raise UserError(
                f"expected a history of at least {least} frames for model {self.name}, "
                f"got {len(window)}; forecast from a later frame, or use a longer video"
            )
        if not window.visible.any():
            raise UserError(
                f"expected visible points in the last {len(window)} frames of the history, got "
                "none; track the video again, with points laid on a frame of these"
            )
        window = replace(window, xy=fill_hidden(window))
        field = Field.of(window)
        if needs.grid is not None and field.grid != needs.grid:
            raise UserError(
                f"model {self.name} takes points on {needs.grid}, got {field.grid}; "
                "track the video on that grid"
            )
        missing = ((needs.frames - len(window), 0), (0, 0), (0, 0))
        xy = np.pad(coords.normalise(field.xy, field.size), (*missing, (0, 0)), mode="edge")
        return FieldBatch(
            xy=torch.from_numpy(xy)[None].to(self.device),
            visible=torch.from_numpy(np.pad(field.visible, missing))[None].to(self.device),
            size=field.size,
        )

    def _sample(
        self,
        noise: Float[Tensor, "k *latent"],
        cond: Cond,
        times: Float[Tensor, " times"],
        solver: str,
        counter: "_Counter",
    ) -> Float[Tensor, "k *latent"]:
        """One window's latents of some samples."""

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            v = self.system.velocity(z, t, cond)
            counter.add(len(z))
            return v

        state = self.system.source(noise, cond)
        return SAMPLERS[solver](velocity, state, times, self.system.pin(cond))

    def _decode(self, z: Float[Tensor, "k *latent"], cond: Cond, size: Size) -> Drawn:
        """One window of some samples."""
        xy, logits = self.system.decode(z, cond)
        xy = xy.float()
        if not torch.isfinite(xy).all():
            raise UserError(
                f"model {self.name} forecast positions that are not numbers; its weights are "
                "damaged or its training diverged: use another checkpoint"
            )
        inside = coords.inside(coords.denormalise(xy, size), size)
        probability = inside.float()  # where a sample has left the frame, nothing can be seen
        if logits is None:
            return Drawn(xy, probability, "inside the frame")
        return Drawn(xy, probability * torch.sigmoid(logits.float()), "forecast")

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


def _check_condition(history: Tracks, condition: str) -> None:
    if condition != "history":
        raise UserError(f"this model forecasts from {condition}, got a history of tracks")
