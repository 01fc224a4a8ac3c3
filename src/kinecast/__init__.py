"""Kinecast: forecast the motion of every point in a video.

    video = kinecast.open_video("clip.mp4")
    tracks = kinecast.track(video, stride=32)
    past, truth = tracks.split(81)
    futures = kinecast.load("trajloom-small").forecast(past, k=8, seed=0)
    scores = kinecast.evaluate(futures, truth)

Names are imported when they are first used: `import kinecast` alone is cheap.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Clip": "kinecast.core.clip",
    "Field": "kinecast.core.field",
    "Forecast": "kinecast.core.forecast",
    "Forecaster": "kinecast.forecast.forecaster",
    "Frame": "kinecast.core.cond",
    "Grid": "kinecast.core.grid",
    "Pokes": "kinecast.core.cond",
    "Tracks": "kinecast.core.tracks",
    "UserError": "kinecast.core.errors",
    "Video": "kinecast.core.video",
    "evaluate": "kinecast.metrics.evaluate",
    "list_models": "kinecast.forecast.models",
    "load": "kinecast.forecast.load",
    "open_video": "kinecast.io.video",
    "read": "kinecast.io.formats",
    "read_image": "kinecast.io.image",
    "render": "kinecast.viz.render",
    "synth": "kinecast.data.synth",
    "track": "kinecast.data.track",
    "write": "kinecast.io.formats",
}
__all__ = [*sorted(_PUBLIC), "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("kinecast")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kinecast' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
