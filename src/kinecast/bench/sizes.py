"""The published networks by name, with random weights: as fast as with the published ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from kinecast.core.errors import UserError, did_you_mean
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.paper import PaperConfig, PaperTrajLoom
from kinecast.systems.whn.presets import published
from kinecast.systems.whn.system import WHN
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.system import ZipMo


def _trajloom() -> nn.Module:
    return PaperTrajLoom(
        PaperConfig(generator=GeneratorConfig(), frame=(832, 480), history_seen=False)
    )


def _whn(name: str, size: str) -> Callable[[], nn.Module]:
    scale = (1.0,) * 8 if name == "kubric" else ()
    return lambda: WHN(published(name, size, scale))


def _zipmo(planner: PlannerConfig) -> Callable[[], nn.Module]:
    return lambda: ZipMo(ZipMoConfig(planner=planner))


SIZES: dict[str, Callable[[], Any]] = {
    "trajloom-paper": _trajloom,
    "whn-s": _whn("kubric", "S"),
    "whn-b": _whn("kubric", "B"),
    "whn-l": _whn("kubric", "L"),
    "whn-libero": _whn("libero-atm", "B"),
    "whn-physion": _whn("physion", "B"),
    "whn-physics101": _whn("physics101", "B"),
    "whn-cityscapes-b": _whn("cityscapes", "B"),
    "whn-cityscapes-l": _whn("cityscapes", "L"),
    "zipmo-sparse": _zipmo(PlannerConfig()),
    "zipmo-dense": _zipmo(replace(PlannerConfig(), pokes=40, fill=False)),
    "zipmo-libero": lambda: ZipMoLibero(ZipMoLiberoConfig()),
}


def random_weights(size: str) -> Any:
    """A published network with fresh weights, the same on each call.

    Raises:
        UserError: an unknown name.
    """
    if size not in SIZES:
        raise UserError(
            f"expected --size {', '.join(SIZES)}, got {size!r}{did_you_mean(size, SIZES)}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SIZES[size]()
