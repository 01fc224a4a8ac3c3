"""Checkpoints: a folder with config.json, model.safetensors and README.md (the card)."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_folder

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


def save_checkpoint(
    folder: str | Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    card: str,
    dtype: torch.dtype | None = None,
    beside: Mapping[str, bytes] | None = None,
) -> None:
    """Write a checkpoint whole or not at all; the same values give the same bytes.

    Args:
        folder: where; an existing checkpoint there is replaced.
        config: JSON-able.
        tensors: by name; written from the CPU.
        card: Markdown: licence, training data, figures.
        dtype: of floating tensors in the file, or None to keep theirs.
        beside: further files of the folder, by name.

    Raises:
        UserError: the folder cannot be written.
    """
    stored = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in tensors.items()
    }
    with atomic_folder(folder) as temporary:
        (temporary / CONFIG).write_text(json.dumps(dict(config), indent=2) + "\n", "utf-8")
        (temporary / WEIGHTS).write_bytes(safetensors.torch.save(stored))
        (temporary / CARD).write_text(card, "utf-8")
        for name, content in (beside or {}).items():
            (temporary / name).write_bytes(content)


def load_checkpoint(folder: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config and the tensors of a checkpoint; floating tensors as float32, on the CPU.

    Raises:
        UserError: not a checkpoint folder, or a file in it is damaged.
    """
    folder = Path(folder)
    config = read_config(folder)
    path = folder / WEIGHTS
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"expected weights in {path}, got a damaged file ({error})") from error
    floats = {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
    return config, floats


def read_config(folder: str | Path) -> dict[str, Any]:
    """The config of a checkpoint, without its tensors.

    Raises:
        UserError: not a checkpoint folder, or config.json is damaged.
    """
    folder = Path(folder)
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"expected a checkpoint folder with {CONFIG} and {WEIGHTS}, "
            f"got {folder} without {' and '.join(missing)}"
        )
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"expected JSON in {path}, got: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"expected a JSON object in {path}, got {type(config).__name__}")
    return config


def load_into(module: torch.nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Copy tensors into a module; every name and shape must agree.

    Args:
        module: its parameters and buffers are overwritten.
        tensors: by name, as in the module's state.
        name: what to call the checkpoint in the message.

    Raises:
        UserError: tensors are missing, unexpected or misshapen; the module is left untouched.
    """
    check_fit(module, tensors, name)
    module.load_state_dict(dict(tensors))


def check_fit(module: torch.nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Whether tensors fit a module (which may be on the meta device), by name and shape.

    Raises:
        UserError: tensors are missing, unexpected or misshapen.
    """
    state = module.state_dict()
    missing = sorted(state.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - state.keys())
    misshapen = [
        f"{key} (expected {tuple(state[key].shape)}, got {tuple(tensors[key].shape)})"
        for key in sorted(state.keys() & tensors.keys())
        if state[key].shape != tensors[key].shape
    ]
    problems = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    if any(problems.values()):
        text = "; ".join(f"{len(v)} {k}: {_first(v)}" for k, v in problems.items() if v)
        raise UserError(
            f"the tensors of {name} do not fit its configuration: {text}; "
            "use weights and config.json of one checkpoint"
        )


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(names: Iterable[str], count: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
