"""Files of published weights: which tensors are in one, under which names.

Outer layouts (all from the authors' loaders): a plain state dict; one inside a dictionary under
"vae", "generator", "model", "predictor", "state_dict", "model_state_dict" or "ema_state_dict"; keys
that begin with "module." (distributed training) and "_orig_mod." (torch.compile), in any order.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from kinecast.core.errors import UserError

Weights = Literal["model", "ema"]
LAYERS: dict[Weights, tuple[str, ...]] = {
    "model": ("vae", "generator", "model", "predictor", "state_dict", "model_state_dict"),
    "ema": ("ema_state_dict",),
}
PREFIXES = ("module.", "_orig_mod.")


@dataclass(frozen=True)
class Layout:
    """How tensors lie in a file.

    Attributes:
        pickled: a pickle (torch.save), not safetensors.
        layers: names of the dictionaries around them, outermost first.
        prefix: of every key.
    """

    pickled: bool
    layers: tuple[str, ...] = ()
    prefix: str = ""


def read_tensors(path: str | Path, weights: Weights | None = None) -> dict[str, Tensor]:
    """The tensors of a file by their published names, without outer layout and prefixes.

    Args:
        path: safetensors, or a pickle of tensors and plain containers (torch.save).
        weights: the trained ("model") or the averaged ("ema") ones of a file that has both; None
            takes the trained ones, or the averaged ones of a file that has no others.

    Raises:
        UserError: no such file, a damaged one, a pickle with code in it, or no tensors in it.
    """
    return read_layout(path, weights)[0]


def read_layout(
    path: str | Path, weights: Weights | None = None
) -> tuple[dict[str, Tensor], Layout]:
    """As `read_tensors`, and how they lie in the file."""
    path = Path(path)
    pickled = _is_pickle(path)
    state, layers = _peeled(_pickled(path) if pickled else _safetensors(path), weights, path)
    named: dict[str, Tensor] = {}
    prefixes = set()
    for key, value in state.items():
        name = _bare(str(key))
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise UserError(f"expected only tensors in {path}, got {kind} under {key!r}")
        if name in named:
            raise UserError(f"expected every tensor of {path} once, got {name} twice")
        named[name] = value
        prefixes.add(str(key).removesuffix(name))
    prefix = prefixes.pop() if len(prefixes) == 1 else ""
    return named, Layout(pickled, layers, prefix)


def write_layout(path: Path, tensors: Mapping[str, Tensor], layout: Layout) -> None:
    """Write tensors as `read_layout` found them."""
    state = {layout.prefix + name: value.contiguous() for name, value in tensors.items()}
    if not layout.pickled:
        # safetensors refuses tensors that share memory
        path.write_bytes(safetensors.torch.save({k: v.clone() for k, v in state.items()}))
        return
    content: dict[str, Any] = state
    for layer in reversed(layout.layers):
        content = {layer: content}
    torch.save(content, path)


def _is_pickle(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise UserError(f"expected a file of weights at {path}, got: {error.strerror}") from error
    return start == b"PK" or start[:1] == b"\x80"  # torch.save's archive, or its older plain pickle


def _pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error) and "weights_only" not in str(error):
            raise UserError(f"expected weights in {path}, got a damaged pickle") from error
        raise UserError(
            f"expected only tensors and plain containers in {path}, got a pickle with code in it, "
            "which is never run; ask its author for safetensors"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    first = str(error).partition("\n")[0]
    return UserError(f"expected weights in {path}, got a damaged file ({first})")


def _peeled(
    content: Any, weights: Weights | None, path: Path
) -> tuple[Mapping[Any, Any], tuple[str, ...]]:
    """The innermost dictionary of tensors, and the names of those around it."""
    layers: tuple[str, ...] = ()
    while isinstance(content, Mapping):
        names = LAYERS[weights] if weights else (*LAYERS["model"], *LAYERS["ema"])
        inner = next((n for n in names if isinstance(content.get(n), Mapping)), None)
        if inner is not None:
            content, layers, weights = content[inner], (*layers, inner), None
        elif any(isinstance(value, Tensor) for value in content.values()) and weights != "ema":
            return content, layers
        else:
            break
    found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
    raise UserError(
        f"expected {f'{weights} weights' if weights else 'tensors'} in {path}, "
        f"got {found or 'nothing'}"
    )


def _bare(key: str) -> str:
    while True:
        prefix = next((p for p in PREFIXES if key.startswith(p)), None)
        if prefix is None:
            return key
        key = key.removeprefix(prefix)
