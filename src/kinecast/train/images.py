"""Clips with pictures to train image-conditioned systems on; the counterpart of `pool.WorldPool`.

Image and text tokens are made once a chunk, on the trainer's device, and kept beside it under the
encoder's name and the hash of its weights.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.shards import open_shard
from kinecast.encoders.base import Encoder
from kinecast.encoders.load import image_encoder, text_encoder
from kinecast.train import checkpoint
from kinecast.train.chunk_pool import VALIDATION_SEED, ChunkPool, Layout
from kinecast.train.image_item import ImageItem
from kinecast.train.image_sources import (
    PicturedClip,
    check_families,
    from_shard,
    grid_of,
    make,
    version,
)
from kinecast.train.once import made_once
from kinecast.train.recipe import ImageData
from kinecast.train.shard_split import REPEATS, Stored, chunked, split, too_few
from kinecast.train.supervision import PARTIAL, check_supervision

__all__ = ["ImageClips", "ImageItem", "grid_of"]

STEP_PX = 1 / 16  # stored resolution of positions: exact to 0.03 px
AT_ONCE = 16  # pictures or texts encoded at a time
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Clips as stored: int16 steps of 1/16 px from where each point was laid."""

    tensors: dict[str, Tensor]
    texts: tuple[str, ...]
    size: Size
    grid: Grid | None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Tensor) -> ImageItem:
        """Some clips."""
        part = {name: value[indices] for name, value in self.tensors.items()}
        laid, offset = part.pop("laid"), part.pop("offset")
        tokens = {name: part.pop(name).float() for name in ("features", "text") if name in part}
        return ImageItem(
            xy=laid[:, :, None] + offset.float() * STEP_PX,
            visible=part.pop("visible"),
            pixels=part.pop("pixels"),
            texts=tuple(self.texts[i] for i in indices.tolist()),
            size=self.size,
            grid=self.grid,
            **tokens,
            **part,
        )


class ImageClips(ChunkPool[_Chunk]):
    """The training clips of a recipe; close it to end its processes."""

    def __init__(
        self, data: ImageData, seed: int, folder: Path, device: torch.device = CPU
    ) -> None:
        """Keep chunks in a sub-folder of `folder` named after what they depend on.

        Args:
            data: which clips.
            seed: of simulated clips, and of every order.
            folder: of this and other pools.
            device: that encoders run on.

        Raises:
            UserError: unknown families or encoders, too few clips, no weights of an encoder.
        """
        self.data, self._device = data, device
        check_supervision(data)
        self._grid = None if data.points or data.supervision in PARTIAL else grid_of(data)
        self._image, self._text = _encoders(data, device)
        self._chunks: list[Sequence[Stored]] = []
        self._validation: Sequence[Stored] = ()
        if data.shards:
            if data.views != 1:
                raise UserError(f"expected data.views=1 for clips of shards, got {data.views}")
            found = split(Path(data.shards), data.frames, data.validation)
            self._chunks, self._validation = chunked(found.train, data.chunk, seed), found.held_out
            layout = Layout(len(self._chunks), len(self._chunks[0]), 1, data.reuse, REPEATS)
            source = found.digest
        else:
            check_families(data)
            if data.clips < data.chunk or data.chunk < len(data.families):
                raise UserError(
                    f"expected data.clips >= data.chunk >= {len(data.families)} (a clip of each "
                    f"family), got {data.clips} and {data.chunk}"
                )
            layout = Layout(data.clips // data.chunk, data.chunk, 1, data.reuse)
            source = version(data.families)
        self._source = source
        super().__init__(self._digest(seed, data.chunk), seed, folder, layout, data.workers)

    @property
    def eye(self) -> str:
        """What made the image tokens, as a file name; "" where there are none."""
        return "" if self._image is None else _named(self._image)

    def batch(self, step: int, batch: int, *keys: int) -> ImageItem:
        """The clips of a step; (seed, keys, step) decide which.

        Raises:
            UserError: see `place`; or the process that makes clips died.
        """
        place = self.place(step, batch, *keys)
        return self.take(place.number, place.indices)

    def take(self, number: int, indices: Tensor) -> ImageItem:
        """Clips of pass `number` over the chunks."""
        return self.held(number // self.data.reuse).take(indices)

    def validation(self, batch: int = 16) -> list[ImageItem]:
        """Held-out clips, the same for every seed."""
        path = self.home / f"validation-{self._digest(VALIDATION_SEED, self.data.validation)}"
        path = path.with_suffix(".safetensors")
        count, stored = self.data.validation, self._validation
        made_once(path, lambda: _make_chunk(self.data, VALIDATION_SEED, 0, count, stored, path))
        chunk = self._read(path)
        starts = range(0, len(chunk), batch)
        return [chunk.take(torch.arange(a, min(a + batch, len(chunk)))) for a in starts]

    def _maker(self, number: int, path: Path) -> Callable[[], None]:
        start, clips = number * self.data.chunk, self.data.chunk
        stored = self._chunks[number] if self._chunks else ()
        return partial(_make_chunk, self.data, self.seed, start, clips, stored, path)

    def _read(self, path: Path) -> _Chunk:
        tensors, note = checkpoint.load(path)
        texts = tuple(note["texts"])
        if self._image is not None:
            pixels = tensors["pixels"]
            tokens = self._tokens(path, self._image, pixels.flatten(0, 1))
            tensors["features"] = tokens.unflatten(0, pixels.shape[:2])
        if self._text is not None:
            tensors["text"] = self._tokens(path, self._text, texts)
        return _Chunk(tensors, texts, self.data.size, self._grid)

    def _tokens(self, path: Path, encoder: Encoder, items: Any) -> Tensor:
        """Tokens of a chunk's pictures or texts, in half precision, from the disk if there."""
        beside = path.with_name(f"{path.stem}.{_named(encoder)}.safetensors")

        def make() -> None:
            parts = [
                encoder.encode(items[start : start + AT_ONCE]).half()
                for start in range(0, len(items), AT_ONCE)
            ]
            checkpoint.save(beside, {"tokens": torch.cat(parts)})

        made_once(beside, make)
        tensors, _ = checkpoint.load(beside)
        return tensors["tokens"]

    def _too_large(self, batch: int) -> str:
        if not self._chunks:
            return super()._too_large(batch)
        return too_few(self.clips_of_one_size, batch)

    def _digest(self, seed: int, clips: int) -> str:
        """A name for all that the clips of a file depend on."""
        names = ("frames", "size", "stride", "origin", "points", "views")
        facts = {name: getattr(self.data, name) for name in names}
        facts |= {"source": self._source, "seed": seed, "clips": clips, "step": STEP_PX}
        if not self._chunks:
            facts |= {"families": self.data.families, "supervision": self.data.supervision}
        else:  # what is held out is not in the chunks
            facts |= {"validation": self.data.validation}
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _named(encoder: Encoder) -> str:
    """An encoder and its weights, as a file name."""
    key = hashlib.sha256(f"{encoder.name}\n{encoder.digest}".encode()).hexdigest()[:12]
    return f"{encoder.name}.{key}"


def _encoders(data: ImageData, device: torch.device) -> tuple[Encoder | None, Encoder | None]:
    image: Encoder | None = None
    text: Encoder | None = None
    if data.encoder:
        weights = data.encoder_weights or None
        image = image_encoder(data.encoder, data.encoder_size, weights, device)
    if data.text_encoder:
        text = text_encoder(data.text_encoder, data.text_weights or None, device)
    return image, text


def _make_chunk(
    data: ImageData, seed: int, start: int, clips: int, stored: Sequence[Stored], path: Path
) -> None:
    """Make clips [start, start + clips) of the families, or take those stored; write one file."""
    if stored:
        made = [
            from_shard(data, open_shard(place.path)[place.index], VALIDATION_SEED + place.index)
            for place in stored
        ]
    else:
        made = [make(data, seed, index) for index in range(start, start + clips)]
    laid = _stack(made, "xy")[:, :, 0]
    offset = (_stack(made, "xy") - laid[:, :, None]) / STEP_PX
    tensors = {
        "laid": laid,
        "offset": offset.round().clamp(-32768, 32767).to(torch.int16),
        "visible": _stack(made, "visible"),
        "pixels": _stack(made, "pixels"),
    }
    if all(clip.states is not None for clip in made):
        tensors |= {name: _stack(made, name) for name in ("states", "actions", "steps")}
    checkpoint.save(path, tensors, {"texts": [clip.text for clip in made]})


def _stack(made: Sequence[PicturedClip], name: str) -> Tensor:
    return torch.from_numpy(np.stack([getattr(clip, name) for clip in made]))
