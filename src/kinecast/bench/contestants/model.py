"""`model:NAME?solver=...&steps=N`: a model of ours, given of a case what its system asks for.

Without options it is sampled as published. What a model cannot be given it refuses. A model with
points of its own forecasts those, and a point of the case moves as the four around it do.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from kinecast.bench.case import Case
from kinecast.bench.readers.options import Options, parse
from kinecast.core import coords
from kinecast.core import device as devices
from kinecast.core.cond import Frame, Pokes
from kinecast.core.forecast import Forecast
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.flow.sampler import SAMPLERS
from kinecast.forecast.conditions import MIN_HISTORY, window_of
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.load import load
from kinecast.forecast.models import ModelFolder, find
from kinecast.io.checkpoint import CONFIG
from kinecast.systems.base import Needs

RUN_MODEL = "model"  # what `kinecast train` calls the checkpoint in a run's folder
OPTIONS = (f"solver={'|'.join(SAMPLERS)}", "steps=N of the sampler")
EDGE = 1e-3  # pixels that a point which has left the frame is moved inside


class Model:
    """A checkpoint folder; its weights are read when a case first asks for them.

    Args:
        folder: where it is.
        device: that it runs on.
        solver, steps: of the sampler, where they are not the published ones.

    Attributes:
        name: of the folder (of the run, for a run's model), and of a sampler that is stated.
    """

    def __init__(
        self,
        folder: ModelFolder,
        device: str,
        solver: str | None = None,
        steps: int | None = None,
    ) -> None:
        sampler = {"solver": solver, "steps": steps}
        self._sampler: dict[str, Any] = {k: v for k, v in sampler.items() if v is not None}
        name = folder.path.resolve().parent.name if folder.name == RUN_MODEL else folder.name
        self.name = "@".join((name, *(str(v) for v in self._sampler.values())))
        self._folder, self._device = folder, str(devices.resolve(device))

    @cached_property
    def forecaster(self) -> Forecaster:
        """The model itself."""
        return load(self._folder.path, self._device)

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        config = (self._folder.path / CONFIG).read_bytes()
        return {
            "kind": "model",
            "config_sha256": hashlib.sha256(config).hexdigest(),
            "weights_sha256": self._folder.sha256(),
            "device": self._device,
            **self._sampler,
        }

    def facts(self) -> dict[str, Any]:
        """See `Contestant`."""
        return dict(self._facts)

    def refuses(self, case: Case) -> str | None:
        """See `Contestant`."""
        needs = self.forecaster.system.needs
        return no_history(needs, case) if _from_history(needs) else _no_image(needs, case)

    def forecast(self, case: Case, k: int, seed: int) -> Forecast:
        """K samples."""
        needs = self.forecaster.system.needs
        if _from_history(needs):
            history = case.history if needs.frame is None else case.history.resized(needs.frame)
            drawn = self.forecaster.forecast(
                history, k=k, seed=seed, horizon=case.horizon, **self._sampler
            )
            return _resized(drawn, case)
        frames, view = _views(needs, case)
        drawn = self.forecaster.forecast(
            image=frames,
            view=view,
            pokes=_pokes(needs, case),
            text=case.text if needs.text else None,
            points=_points(case) if needs.grid is None else None,
            episode_step=case.about.get("episode_step") if needs.episode_step else None,
            k=k,
            seed=seed,
            horizon=case.horizon,
            **self._sampler,
        )
        return at_points(drawn, case)


def model(spec: str, device: str) -> Model:
    """The model of that name, or in that folder.

    Raises:
        UserError: no model is there, no such device, or an option that is none.
    """
    place, stated = parse(spec)
    options = Options(stated, OPTIONS, "model")
    solver = options.choice("solver", tuple(SAMPLERS), "euler") if "solver" in options else None
    return Model(find(place), device, solver, options.whole("steps", least=1))


def _from_history(needs: Needs) -> bool:
    return needs.condition == "history"


def no_history(needs: Needs, case: Case) -> str | None:
    """Why a model that forecasts from a history cannot take the case's, or None."""
    history = case.history
    if history.grid is None:
        return "takes points on a grid"
    if needs.frame is not None:
        W, H = needs.frame
        history = history.resized(needs.frame)
        if history.grid is None:
            return f"takes frames of the shape of {W}x{H}"
    if needs.grid is not None and history.grid != needs.grid:
        return f"takes its own grid of {needs.grid.h}x{needs.grid.w} points"
    least = MIN_HISTORY if needs.short_history else needs.frames
    if len(history) < least:
        return f"takes a history of at least {least} frames"
    if not history.visible[-needs.frames :].any():
        return f"takes points that are seen in the last {needs.frames} frames"
    return None


def _no_image(needs: Needs, case: Case) -> str | None:
    if case.frame is None:
        return "takes an image"
    if len(case.views) + 1 < needs.views:
        return f"takes {needs.views} views of a moment"
    if needs.text is not None and case.text is None:
        return "takes a text"
    if needs.pokes is not None and len(case.poked) < needs.pokes[0]:
        return f"takes at least {needs.pokes[0]} pokes"
    if case.horizon > window_of(needs):
        return f"forecasts at most {window_of(needs)} frames from an image"
    return None


def _pokes(needs: Needs, case: Case) -> Pokes | None:
    """As many as the model takes; the time of a case is its horizon, that of a model its window."""
    if needs.pokes is None or case.pokes is None:
        return None
    most, share = needs.pokes[1], np.float32(case.horizon / window_of(needs))
    p = case.pokes
    return Pokes(p.start[:most], p.end[:most], p.time[:most] * share)


def _views(needs: Needs, case: Case) -> tuple[list[Frame] | None, int]:
    """The pictures of a moment in the model's order, and which of them the points are on.

    A case of several views says in `about["view"]` which is its own.
    """
    if case.frame is None:
        return None, 0
    view = int(case.about.get("view", 0)) if needs.views > 1 else 0
    frames = list(case.views)
    frames.insert(view, case.frame)
    return frames[: needs.views], view


def _inside(case: Case) -> Float32[np.ndarray, "n 2"]:
    """The points where the image shows them, at the nearest place where they have left it."""
    return np.clip(case.points(), EDGE, np.array(case.size, np.float32) - EDGE)


def _points(case: Case) -> Grid | Float32[np.ndarray, "n 2"]:
    """As a grid where they lie on one at that moment: a model may decode a grid jointly."""
    grid, starts = case.history.grid, _inside(case)
    if grid is not None and np.array_equal(grid.points().reshape(-1, 2), starts):
        return grid
    return starts


def _resized(drawn: Forecast, case: Case) -> Forecast:
    if drawn.history.size == case.size:
        return drawn
    futures = tuple(future.resized(case.size) for future in drawn)
    return Forecast(futures, drawn.visible_prob, case.history)


def at_points(drawn: Forecast, case: Case) -> Forecast:
    """The case's points, as far from where they are as the forecast's points there have moved.

    The forecast's points are the case's, or a grid, and then a point moves as the four around it
    do; beyond the grid, as its border does.
    """
    starts, wanted = drawn.history.xy[0], case.points()
    moved = torch.from_numpy(np.stack([future.xy for future in drawn]) - starts)
    probability = torch.from_numpy(drawn.visible_prob.astype(np.float32))[..., None]
    if not (len(starts) == len(wanted) and np.abs(starts - _inside(case)).max() < 0.01):
        at = _places(starts, wanted)
        moved, probability = _sampled(moved, starts, at), _sampled(probability, starts, at)
    xy = (wanted + moved.numpy()).astype(np.float32)
    seen = np.where(coords.inside(xy, case.size), probability[..., 0].numpy(), 0)
    futures = [
        Tracks(xy=xy[i], visible=seen[i] > 0.5, size=case.size, source=drawn[i].source)
        for i in range(len(drawn))
    ]
    return Forecast(tuple(futures), seen.astype(np.float16), case.history)


def _places(
    starts: Float32[np.ndarray, "m 2"], wanted: Float32[np.ndarray, "n 2"]
) -> Float[Tensor, "1 1 n 2"]:
    """Where points are among those of a grid: -1 its first column or row, 1 its last one."""
    first, last = starts[0], starts[-1]
    return torch.from_numpy(2 * (wanted - first) / (last - first) - 1)[None, None].float()


def _sampled(
    values: Float[Tensor, "k t m c"],
    starts: Float32[np.ndarray, "m 2"],
    at: Float[Tensor, "1 1 n 2"],
) -> Float[Tensor, "k t n c"]:
    k, t, _, c = values.shape
    w = len(np.unique(starts[:, 0].round(3)))
    planes = values.unflatten(2, (-1, w)).permute(0, 1, 4, 2, 3).reshape(1, k * t * c, -1, w)
    found = F.grid_sample(planes, at, padding_mode="border", align_corners=True)
    return found.reshape(k, t, c, -1).transpose(2, 3)
