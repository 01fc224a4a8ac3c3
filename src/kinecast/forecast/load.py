"""Load a model: a checkpoint folder becomes a Forecaster. Never the network."""

from pathlib import Path

from kinecast.core import device as devices
from kinecast.forecast.encoders import Encoders
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.models import find
from kinecast.io import checkpoint
from kinecast.systems.registry import build

DEFAULT_MODEL = "trajloom-small"


def load(
    model: str | Path = DEFAULT_MODEL,
    device: str = "auto",
    *,
    image_encoder: str | Path | None = None,
    text_encoder: str | Path | None = None,
) -> Forecaster:
    """A model, ready to forecast.

    Args:
        model: a bundled name, a name in $KINECAST_HOME/models, or a checkpoint folder.
        device: auto, cuda, cuda:N, mps or cpu.
        image_encoder, text_encoder: weights of the encoders that the model takes features from, if
            any; by default they are looked for in $KINECAST_HOME/encoders and in transformers'
            cache, when a forecast first asks for them.

    Raises:
        UserError: unknown model or device, or a damaged checkpoint (missing, extra or misshapen
            tensors, an unknown configuration).
    """
    where = devices.resolve(device)
    folder = find(model)
    config, tensors = checkpoint.load_checkpoint(folder.path)
    system = build(config)
    checkpoint.load_into(system, tensors, folder.name)
    provenance = {"system": config["system"], "weights_sha256": folder.sha256()}
    paths = (None if given is None else Path(given) for given in (image_encoder, text_encoder))
    return Forecaster(system.to(where), folder.name, provenance, Encoders(where, *paths))
