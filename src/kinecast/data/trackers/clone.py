"""Published trackers, loaded from the user's own clone of their code and weights file.

Nothing is bundled, downloaded or copied: the clone's module is imported from its folder, and its
modules leave `sys.modules` again, so that their common names (`utils`, `nets`) shadow nothing.
"""

import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from kinecast.core import device as devices
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.data.trackers.base import Follow, FollowingTracker


@dataclass(frozen=True)
class Published:
    """A published tracker.

    Attributes:
        name: in `get_tracker`.
        title: with the name of its weights.
        licence: of the code and the weights, in one line.
        repository: where its code is.
        module: what is imported from the clone.
        weights: where its weights are.
        convention: of its coordinates, in words; recorded.
        thresholds: recorded in the tracks' provenance.
        build: (module, weights file, device) -> network.
        follow: (network, device) -> way of following.
    """

    name: str
    title: str
    licence: str
    repository: str
    module: str
    weights: str
    convention: str
    thresholds: Mapping[str, Any]
    build: Callable[[ModuleType, Path, torch.device], Any]
    follow: Callable[[Any, torch.device], Follow]

    def load(self, weights: Path | None, code: Path | None, device: str) -> FollowingTracker:
        """The tracker.

        Raises:
            UserError: the clone or the weights are missing or not this tracker's, or the weights
                hold code; the message says what to get.
        """
        file = self.module.replace(".", "/") + ".py"
        get_code = f"git clone {self.repository} and give its folder: --code FOLDER"
        if code is None:
            raise UserError(f"expected a clone of {self.title}, got none; {get_code}")
        if not (code / file).is_file():
            raise UserError(f"expected {file} in {code}, got none; {get_code}")
        get_weights = f"get {self.weights} and give the file: --weights FILE"
        if weights is None:
            raise UserError(f"expected weights of {self.title}, got none; {get_weights}")
        if not weights.is_file():
            raise UserError(f"expected a file of weights, got {weights}; {get_weights}")
        where = devices.resolve(device)
        with _modules_of(code.resolve()):
            try:
                module = import_module(self.module)
            except ImportError as error:
                raise UserError(
                    f"{self.title} does not import from {code}: {error}; install what its clone "
                    "asks for"
                ) from error
            network = self.build(module, weights, where)
        with weights.open("rb") as file_:
            digest = hashlib.file_digest(file_, "sha256").hexdigest()
        return FollowingTracker(
            self.name,
            self.follow(network, where),
            self.thresholds,
            {
                "title": self.title,
                "licence": self.licence,
                "convention": self.convention,
                "repository": self.repository,
                "weights": {"file": weights.name, "sha256": digest},
                "torch": torch.__version__,
            },
        )


@contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """The folder first in the import path; what was imported from it is forgotten afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        for name in [name for name in set(sys.modules) - before if _is_of(folder, name)]:
            del sys.modules[name]
        sys.path.remove(str(folder))


def _is_of(folder: Path, name: str) -> bool:
    """Whether an imported module lies in a folder."""
    module = sys.modules[name]
    # a package without __init__ has only a __path__
    places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None) or ""]
    return any(Path(place).is_relative_to(folder) for place in places)


def state_of(weights: Path) -> dict[str, torch.Tensor]:
    """The tensors of a PyTorch weights file; one that holds anything to run is refused.

    Raises:
        UserError: it is not such a file.
    """
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or ["a damaged file"])[0]
        raise UserError(
            f"expected a PyTorch file of tensors, got {weights.name}: {reason}"
        ) from error
    for key in ("model", "state_dict"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(torch.is_tensor(part) for part in state.values()):
        raise UserError(f"expected a PyTorch file of named tensors, got {weights.name}")
    return state


def filled(network: torch.nn.Module, weights: Path, where: torch.device) -> torch.nn.Module:
    """The network with a file's tensors, for inference.

    Raises:
        UserError: the file does not fit the network.
    """
    try:
        network.load_state_dict(state_of(weights))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{weights.name} does not fit this clone's network: {reason}") from error
    return network.eval().to(where)


def resized(frames: UInt8[np.ndarray, "t h w 3"], size: Size) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Frames at (W, H); edge-aligned, so that `coords.resize` takes points along."""
    if frames.shape[2:0:-1] == size:
        return frames
    shrinks = size[0] * size[1] < frames.shape[1] * frames.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames])


def array(tensor: Any) -> np.ndarray:
    """A network's output as float32 on the CPU."""
    return np.asarray(tensor.detach().float().cpu().numpy())
