"""Features kept on disk, so that an item is encoded once for all."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.encoders.base import Encoder
from kinecast.io.atomic import atomic_path
from kinecast.io.home import home

FEATURES = "features"


class Cached:
    """An encoder that looks on the disk first; itself an encoder.

    A feature's file is named by the encoder's name, the SHA-256 of its weights and that of the
    item's bytes, dtype and shape: whatever changes one of them is another file.

    Args:
        encoder: asked for what is not there, all at once.
        folder: where; None: `cache/features` in kinecast's home.
    """

    def __init__(self, encoder: Encoder, folder: str | Path | None = None) -> None:
        self.encoder, self.name, self.width = encoder, encoder.name, encoder.width
        root = home() / "cache" / "features" if folder is None else Path(folder)
        key = f"{encoder.name}\n{encoder.digest}".encode()
        safe = re.sub(r"[^A-Za-z0-9.-]+", "_", encoder.name)
        self.folder = root / f"{safe}-{hashlib.sha256(key).hexdigest()[:16]}"

    @property
    def digest(self) -> str:
        """That of the encoder."""
        return self.encoder.digest

    def encode(self, items: Tensor | Sequence[str], /) -> Tensor:
        """Features, from the disk where they are there.

        Raises:
            UserError: a file of the cache is damaged, or cannot be written.
        """
        paths = [self.folder / f"{item_hash(item)}.safetensors" for item in items]
        missing = {p: item for p, item in zip(paths, items, strict=True) if not p.is_file()}
        if missing:
            features = self.encoder.encode(_together(list(missing.values())))
            for path, feature in zip(missing, features, strict=True):
                with atomic_path(path) as temporary:
                    safetensors.torch.save_file({FEATURES: feature.contiguous()}, temporary)
        return torch.stack([_read(path) for path in paths])


def item_hash(item: str | Tensor) -> str:
    """SHA-256 of a text's bytes, or of a tensor's dtype, shape and bytes."""
    if isinstance(item, str):
        return hashlib.sha256(item.encode()).hexdigest()
    array = item.cpu().contiguous().numpy()
    state = hashlib.sha256(f"{array.dtype} {array.shape}\n".encode())
    state.update(array.data)
    return state.hexdigest()


def _together(items: list[Any]) -> Any:
    return items if isinstance(items[0], str) else torch.stack(items)


def _read(path: Path) -> Tensor:
    try:
        return safetensors.torch.load_file(path)[FEATURES]
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"expected features in {path}, got a damaged file; delete it") from error
