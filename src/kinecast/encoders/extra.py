"""Networks of transformers and diffusers, from local folders alone."""

from pathlib import Path
from typing import Any

from kinecast.core.errors import UserError

EXTRA = "encoders"  # what brings the two packages


def network(kind: Any, folder: Path, **options: Any) -> Any:
    """A network of transformers or diffusers with the weights of a folder, to be run.

    The libraries draw what a file lacks at random; here that is an error. No pickles are read.

    Raises:
        UserError: the folder lacks a file, or the weights lack tensors of the network.
    """
    options |= {"use_safetensors": True, "output_loading_info": True}
    model, found = pretrained(kind, folder, **options)
    lacking = sorted(found["missing_keys"]) + sorted(map(str, found["mismatched_keys"]))
    if lacking:
        raise UserError(
            f"expected all weights of {kind.__name__} in {folder}, got {len(lacking)} missing or "
            f"misshapen ({', '.join(lacking[:3])}); use weights and config.json of one model"
        )
    return model.eval().requires_grad_(False)


def pretrained(kind: Any, folder: Path, **options: Any) -> Any:
    """`kind.from_pretrained` of a folder; the network is never asked.

    Raises:
        UserError: the folder lacks a file, or holds something else.
    """
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"cannot load {kind.__name__} from {folder}: {first}") from error
