"""`vae:NAME`: a model's autoencoder as a contestant, which is shown the future and gives it back.

It is no forecast: TrajLoom's table 2 asks how exactly the latents hold a future. The posterior's
mean is decoded; points that the truth hides without a position are guessed on the way in.
"""

from typing import Any

import numpy as np
import torch

from kinecast.bench.case import Case
from kinecast.bench.contestants.model import Model, no_history
from kinecast.core import coords
from kinecast.core.field import Field
from kinecast.core.tracks import Tracks
from kinecast.forecast.conditions import Given, from_image
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.guess import fill_hidden
from kinecast.forecast.models import ModelFolder, find
from kinecast.systems.base import Cond, FieldBatch

KEY = "autoencoder"  # of the source of what it gives back


class Autoencoder:
    """Of a checkpoint folder.

    Attributes:
        name: of the folder, and what of it.
    """

    def __init__(self, folder: ModelFolder, device: str) -> None:
        self.name = f"{folder.name}@vae"
        self._model = Model(folder, device)

    def facts(self) -> dict[str, Any]:
        """See `Contestant`."""
        return {**self._model.facts(), "kind": "sanity", "what": KEY}

    def refuses(self, case: Case) -> str | None:
        """See `Contestant`."""
        needs, grid = self._model.forecaster.system.needs, case.history.grid
        if grid is None:
            return "takes points on a grid"
        if needs.condition == "history":
            if (reason := no_history(needs, case)) is not None:
                return reason
        elif needs.grid is None:
            return "has no grid of points to reconstruct"
        elif (grid.h, grid.w) != (needs.grid.h, needs.grid.w):
            return f"takes its own grid of {needs.grid.h}x{needs.grid.w} points"
        elif case.frame is None or (needs.text is not None and case.text is None):
            return "takes an image" if case.frame is None else "takes a text"
        if not case.horizon <= needs.frames <= case.horizon + len(case.history):
            return f"reconstructs {needs.frames} frames"
        return None

    @torch.inference_mode()
    def forecast(self, case: Case, k: int, seed: int) -> list[Tracks]:
        """The truth as it comes out again, one sample."""
        forecaster = self._model.forecaster
        needs, system = forecaster.system.needs, forecaster.system
        window = _last(case, needs.frames)
        if needs.frame is not None:
            window = window.resized(needs.frame)
        field = Field.of(_finite(window))
        batch = FieldBatch(
            xy=torch.from_numpy(coords.normalise(field.xy, field.size))[None].to(forecaster.device),
            visible=torch.from_numpy(field.visible)[None].to(forecaster.device),
            size=field.size,
        )
        cond = _condition(forecaster, case)
        xy = system.decode(system.encode(batch, cond).mean, cond)[0][:, -case.horizon :]
        pixels = coords.denormalise(xy[0].float().cpu(), case.size).flatten(1, 2).numpy()
        source = {**forecaster.provenance, KEY: self.name}
        return [Tracks(pixels, coords.inside(pixels, case.size), case.size, source=source)]


def autoencoder(spec: str, device: str) -> Autoencoder:
    """The autoencoder of the model of that name, or in that folder.

    Raises:
        UserError: no model is there, or no such device.
    """
    return Autoencoder(find(spec), device)


def _condition(forecaster: Forecaster, case: Case) -> Cond:
    needs = forecaster.system.needs
    if needs.condition == "history":
        history = case.history if needs.frame is None else case.history.resized(needs.frame)
        return forecaster.system.condition(forecaster.batch(history))
    given = Given(image=case.frame, text=case.text if needs.text else None)
    start = from_image(forecaster.name, needs, given, forecaster.device, forecaster.encoders)
    return forecaster.system.condition(start.batch)


def _last(case: Case, frames: int) -> Tracks:
    """The last frames of history and truth."""
    past, future = case.history, case.truth
    xy = np.concatenate([past.xy, future.xy])[-frames:]
    visible = np.concatenate([past.visible, future.visible])[-frames:]
    return Tracks(xy, visible, case.size, fps=future.fps, grid=past.grid)


def _finite(tracks: Tracks) -> Tracks:
    known = np.isfinite(tracks.xy)
    xy = np.where(known, tracks.xy, fill_hidden(tracks)).astype(np.float32)
    return Tracks(xy, tracks.visible, tracks.size, fps=tracks.fps, grid=tracks.grid)
