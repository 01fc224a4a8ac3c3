"""What a user gives a model to forecast from -> what its system takes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from kinecast.core import coords
from kinecast.core.cond import Frame, Pokes
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.forecast.encoders import Encoders
from kinecast.forecast.guess import fill_hidden
from kinecast.io.image import resize_image
from kinecast.systems.base import FieldBatch, Guided, ImageBatch, Needs, System

MIN_HISTORY = 2
Image = Frame | UInt8[np.ndarray, "H W 3"]
Points = Grid | Float32[np.ndarray, "n 2"]


@dataclass(frozen=True)
class Given:
    """What a forecast is asked to start from; None is not given.

    Attributes:
        history: tracks on a grid.
        image: one frame, or one a view of the same moment.
        pokes: in pixels of the first view.
        text: what shall happen.
        points: where points are laid on the image: a grid, or (N, 2) pixels xy.
        view: which view they are laid on.
        episode_step: frames since the episode began.
    """

    history: Tracks | None = None
    image: Image | Sequence[Image] | None = None
    pokes: Pokes | None = None
    text: str | None = None
    points: Points | None = None
    view: int = 0
    episode_step: int | None = None


@dataclass(frozen=True)
class Start:
    """Where a forecast starts.

    Attributes:
        batch: a batch of one, for `System.condition`.
        history: the same points as the user knows them; of an image, one frame.
        queries: normalised starts, for a system that answers any points.
        provenance: what steers it; JSON-able.
    """

    batch: FieldBatch | ImageBatch
    history: Tracks
    queries: Float[Tensor, "h w 2"] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def window_of(needs: Needs) -> int:
    """Frames that a system forecasts at once; an image's own frame is none of them."""
    return needs.frames if needs.condition == "history" else needs.frames - 1


def takes(needs: Needs) -> str:
    """What a model forecasts from, in words."""
    if needs.condition == "history":
        return "a history of tracks"
    words = ["an image" if needs.views == 1 else f"{needs.views} images of one moment"]
    if needs.pokes is not None:
        least, most = needs.pokes
        words.append(f"{most} pokes" if least == most else f"{least} to {most} pokes")
    if needs.text is not None:
        words.append("a text")
    return " and ".join(words)


def check_kinds(name: str, needs: Needs, got: Collection[str]) -> None:
    """Refuse a combination of "history", "image", "pokes" and "text" that a model does not take.

    Raises:
        UserError: says what the model forecasts from, and what it was given.
    """
    allowed = {needs.condition} | {kind for kind in ("pokes", "text") if getattr(needs, kind)}
    needed = allowed - ({"pokes"} if needs.pokes and not needs.pokes[0] else set())
    if not needed <= set(got) <= allowed:
        words = {"history": "a history", "image": "an image", "pokes": "pokes", "text": "a text"}
        given = " and ".join(text for kind, text in words.items() if kind in got) or "nothing"
        raise UserError(f"model {name} forecasts from {takes(needs)}, got {given}")


def check_guidance(name: str, system: System, guidance: float) -> None:
    """Refuse a scale that means nothing, or that a system has no use for.

    Raises:
        UserError: says which.
    """
    if not 1.0 <= guidance < float("inf"):
        raise UserError(f"expected a guidance of at least 1 (which is none), got {guidance}")
    if guidance != 1.0 and not isinstance(system, Guided):
        raise UserError(f"model {name} takes no guidance, got {guidance}; leave it out")


def check_given(name: str, needs: Needs, given: Given) -> None:
    """Refuse what a model does not take, and the lack of what it does.

    Raises:
        UserError: says what the model takes, and what it was given.
    """
    kinds = ("history", "image", "pokes", "text")
    check_kinds(name, needs, [kind for kind in kinds if getattr(given, kind) is not None])
    if given.episode_step is not None and not (needs.episode_step and given.episode_step >= 0):
        raise UserError(
            f"expected an episode step >= 0, for a model that asks for one, got "
            f"{given.episode_step} for model {name}"
        )
    if given.points is not None and (needs.condition == "history" or needs.grid is not None):
        where = "those of the history" if needs.grid is None else f"its own {_cells(needs.grid)}"
        raise UserError(f"model {name} forecasts {where} and takes no other points; leave them out")
    if not 0 <= given.view < needs.views:
        raise UserError(
            f"expected a view from 0 to {needs.views - 1} for model {name}, got {given.view}"
        )


def from_history(name: str, needs: Needs, history: Tracks, device: torch.device) -> Start:
    """The last window of a history as a batch of one; missing first frames are hidden ones.

    Raises:
        UserError: scattered points, a grid or a length that the model does not take, or no visible
            point in the window.
    """
    if needs.frame is not None and history.size != needs.frame:
        W, H = needs.frame
        raise UserError(
            f"model {name} takes points of {W}x{H} frames, got a history of "
            f"{history.size[0]}x{history.size[1]}; resize the video, then track it"
        )
    window = history.window(max(0, len(history) - needs.frames), len(history))
    if len(window) < MIN_HISTORY or (len(window) < needs.frames and not needs.short_history):
        least = MIN_HISTORY if needs.short_history else needs.frames
        raise UserError(
            f"expected a history of at least {least} frames for model {name}, "
            f"got {len(window)}; forecast from a later frame, or use a longer video"
        )
    if not window.visible.any():
        raise UserError(
            f"expected visible points in the last {len(window)} frames of the history, got "
            "none; track the video again, with points laid on a frame of these"
        )
    window = replace(window, xy=fill_hidden(window))
    field_ = Field.of(window)
    if needs.grid is not None and field_.grid != needs.grid:
        raise UserError(
            f"model {name} takes points on {needs.grid}, got {field_.grid}; "
            "track the video on that grid"
        )
    missing = ((needs.frames - len(window), 0), (0, 0), (0, 0))
    xy = np.pad(coords.normalise(field_.xy, field_.size), (*missing, (0, 0)), mode="edge")
    batch = FieldBatch(
        xy=torch.from_numpy(xy)[None].to(device),
        visible=torch.from_numpy(np.pad(field_.visible, missing))[None].to(device),
        size=field_.size,
    )
    return Start(batch, history)


def from_image(
    name: str,
    needs: Needs,
    given: Given,
    device: torch.device,
    encoders: Encoders,
) -> Start:
    """One moment as a batch of one, with the points to follow from it.

    Args:
        name: of the model, for messages.
        needs: of its system.
        given: checked by `check_given`.
        device: of the system.
        encoders: asked where `needs.features`, `needs.text` say so.

    Raises:
        UserError: another number of views, views of several sizes, pokes or points outside the
            frame, another number of pokes, or an encoder that is not here.
    """
    assert given.image is not None
    frames = _frames(name, needs, given.image)
    size, pokes = frames[0].size, None
    if needs.pokes is not None:
        pokes = _pokes(name, needs.pokes, given.pokes or Pokes.of(), size)
    history = replace(_laid(needs, given.points, size), fps=frames[0].fps)
    views = [f.image if needs.frame is None else resize_image(f.image, needs.frame) for f in frames]
    features = text = None
    if needs.features is not None:
        features = encoders.image(needs.features, views)[None].to(device)
    if needs.text is not None:
        assert given.text is not None
        text = encoders.text(needs.text, given.text).to(device)
    batch = ImageBatch(
        pixels=torch.from_numpy(np.stack(views))[None].to(device),
        size=size,
        features=features,
        pokes=None if pokes is None else pokes.to(device),
        text=text,
        episode_step=(given.episode_step or 0) if needs.episode_step else None,
    )
    queries = None
    if needs.grid is None:
        shape = (1, history.count) if history.grid is None else (history.grid.h, history.grid.w)
        starts = coords.normalise(history.xy[0], size).reshape(*shape, 2)
        queries = torch.from_numpy(starts).to(device)
    return Start(batch, history, queries, _provenance(given))


def _frames(name: str, needs: Needs, image: Image | Sequence[Image]) -> list[Frame]:
    images = [image] if isinstance(image, Frame | np.ndarray) else image
    frames = [one if isinstance(one, Frame) else Frame(one) for one in images]
    if len(frames) != needs.views or len({frame.size for frame in frames}) > 1:
        raise UserError(
            f"model {name} forecasts from {takes(needs)}, all of one size, got {len(frames)} of "
            f"{', '.join(f'{f.size[0]}x{f.size[1]}' for f in frames) or 'no size'}"
        )
    return frames


def _pokes(name: str, allowed: tuple[int, int], pokes: Pokes, size: Size) -> Float[Tensor, "1 p 5"]:
    least, most = allowed
    if not least <= len(pokes) <= most:
        wanted = f"exactly {most}" if least == most else f"at most {most}"
        raise UserError(f"model {name} takes {wanted} pokes, got {len(pokes)}")
    pokes.check_inside(size)
    ends = [coords.normalise(xy, size) for xy in (pokes.start, pokes.end)]
    return torch.from_numpy(np.concatenate([*ends, pokes.time[:, None]], axis=1))[None]


def _laid(needs: Needs, points: Points | None, size: Size) -> Tracks:
    """The points of the forecast in the frame they start from."""
    if needs.grid is not None:
        assert needs.frame is not None
        return _one_frame(needs.grid.points().reshape(-1, 2), needs.frame, needs.grid).resized(size)
    if points is None:
        points = Grid.over(size)
    if isinstance(points, Grid):
        return _one_frame(points.points().reshape(-1, 2), size, points)
    return _one_frame(np.asarray(points, np.float32), size, None)


def _one_frame(xy: Float32[np.ndarray, "n 2"], size: Size, grid: Grid | None) -> Tracks:
    inside = np.asarray(coords.inside(xy, size)) if xy.ndim == 2 and xy.shape[1] == 2 else None
    if inside is None or not len(xy) or not inside.all():
        raise UserError(
            f"expected points (N, 2) inside the {size[0]}x{size[1]} frame, in pixels xy, got "
            f"{xy.shape}" + ("" if inside is None else f" with {int((~inside).sum())} outside")
        )
    N = len(xy)
    return Tracks(xy[None], np.ones((1, N), bool), size, np.zeros(N, np.int64), grid=grid)


def _provenance(given: Given) -> dict[str, Any]:
    steering: dict[str, Any] = {}
    if given.pokes is not None:
        p = given.pokes
        rows = np.concatenate([p.start, p.end, p.time[:, None]], axis=1)
        steering["pokes"] = rows.astype(float).round(3).tolist()
    if given.text is not None:
        steering["text"] = given.text
    if given.episode_step is not None:
        steering["episode_step"] = given.episode_step
    return steering


def _cells(grid: Grid) -> str:
    return f"grid of {grid.h}x{grid.w} points"
