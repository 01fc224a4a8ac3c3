"""Load a model: a checkpoint folder becomes a Forecaster. Never the network."""

from pathlib import Path

from kinecast.core import device as devices
from kinecast.forecast.encoders import Encoders
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.models import find
from kinecast.forecast.prepare import Precision, prepare
from kinecast.io import checkpoint
from kinecast.systems.registry import build

DEFAULT_MODEL = "trajloom-small"


def load(
    model: str | Path = DEFAULT_MODEL,
    device: str = "auto",
    *,
    precision: Precision = "fp32",
    compile: bool = False,
    image_encoder: str | Path | None = None,
    text_encoder: str | Path | None = None,
) -> Forecaster:
    """A model, ready to forecast.

    Args:
        model: a bundled name, a name in $KINECAST_HOME/models, or a checkpoint folder.
        device: auto, cuda, cuda:N, mps or cpu.
        precision: fp32, bf16 or fp16, of the large matrix products. Coordinates, times and the
            flow's state are in float32 in any case.
        compile: compile the velocity, once for each shape: pays after some dozens of forecasts.
        image_encoder, text_encoder: weights of the encoders that the model takes features from, if
            any; by default they are looked for in $KINECAST_HOME/encoders and in transformers'
            cache, when a forecast first asks for them.

    Raises:
        UserError: unknown model, device or precision, or a damaged checkpoint (missing, extra or
            misshapen tensors, an unknown configuration).
    """
    where = devices.resolve(device)
    folder = find(model)
    config, tensors = checkpoint.load_checkpoint(folder.path)
    system = build(config)
    checkpoint.load_into(system, tensors, folder.name)
    prepare(system, where, precision, compile)
    provenance = {"system": config["system"], "weights_sha256": folder.sha256()}
    if precision != "fp32":
        provenance["precision"] = precision
    paths = (None if given is None else Path(given) for given in (image_encoder, text_encoder))
    return Forecaster(system, folder.name, provenance, Encoders(where, *paths))
