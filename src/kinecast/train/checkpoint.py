"""Training state on disk: one safetensors file, written to a temporary name and renamed.

Random numbers need no state: every draw is keyed by the step (`core.rng`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path

ADVICE = "name a whole .safetensors file; one that a run made for itself is made anew if deleted"


def save(path: Path, tensors: Mapping[str, Tensor], note: Mapping[str, Any] | None = None) -> None:
    """Write tensors and a JSON note; a reader sees the whole file or the one before it.

    Raises:
        UserError: the file cannot be written (full disk, no permission).
    """
    flat = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        with atomic_path(path) as temporary:
            save_file(flat, temporary, metadata={"note": json.dumps(dict(note or {}))})
    except SafetensorError as error:  # it reports a full disk in its own words
        raise UserError(
            f"cannot write {path}: {error}; free space or choose another folder, "
            "then run the same command to continue"
        ) from error


def load(path: Path, advice: str = ADVICE) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and note of `save`.

    Raises:
        UserError: no such file, or not one of ours; ends in `advice`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(metadata.get("note", "{}"))
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read {path}: {error}; {advice}") from error


def pack_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors: "<parameter index>.<field>"."""
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, entry in optimiser.state_dict()["state"].items()
        for name, value in entry.items()
    }


def unpack_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `pack_optimiser`, into an optimiser over the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    whole = optimiser.state_dict()
    optimiser.load_state_dict({**whole, "state": state})


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names under a prefix, so that several state dicts share one file."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def part(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `prefixed`: the names under one prefix."""
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
