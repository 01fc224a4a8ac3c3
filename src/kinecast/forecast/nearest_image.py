"""Nearest neighbours of a picture: the futures of the training clips that look most like it.

Pictures are compared by the features of an encoder, in `CELLS` x `CELLS` cells of the frame; with
`pixels` by the picture itself, made small. Each of the K nearest clips is a sample: every point
goes on as that point of the clip did that lay nearest, place for place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, UInt8

from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.encoders.base import ImageEncoder
from kinecast.encoders.load import image_encoder
from kinecast.forecast.nearest_store import (
    Future,
    Futures,
    future_of,
    load_index,
    places,
    save_index,
    spread,
)
from kinecast.io.image import resize_image

KIND = "image"
CELLS = 4  # a side: things in other places are other pictures
SIDES = {"pixels": 32}  # pixels of the square that an encoder is given
SIDE = 224  # those of DINOv2
POINTS = 400  # kept of a clip
AT_ONCE = 32  # pictures encoded at a time


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """Training clips, by their first picture.

    Attributes:
        looks: features of the first pictures.
        futures: what the points did after it.
        encoder: of the features: a name of `encoders.load`.
        about: where the clips are from; JSON-able.
    """

    looks: Float32[np.ndarray, "c e"]
    futures: Futures
    encoder: ImageEncoder
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.futures)

    @classmethod
    def build(
        cls,
        clips: Iterable[tuple[UInt8[np.ndarray, "H W 3"], Clip]],
        frames: int,
        encoder: str = "pixels",
        about: Mapping[str, Any] | None = None,
    ) -> "ImageIndex":
        """Index clips as they come; their pictures are encoded some at a time and not kept.

        Args:
            clips: the first picture of each, RGB, and its tracks. Those of fewer than `frames + 1`
                frames, or in whose first frame no point is seen, are left out.
            frames: of the future, >= 1.
            encoder: "pixels", or a DINOv2 whose weights are on this machine.
            about: where they are from.

        Raises:
            UserError: no clip is left, or an encoder that is not here.
        """
        made = encoder_of(encoder)
        looks: list[Float32[np.ndarray, "b e"]] = []
        futures: list[Future] = []
        pictures: list[UInt8[np.ndarray, "H W 3"]] = []
        for picture, clip in clips:
            points = np.flatnonzero(clip.tracks.visible[0])
            if len(clip.tracks) <= frames or not len(points):
                continue
            some = np.resize(points[spread(len(points), POINTS)], POINTS)
            futures.append(future_of(clip.tracks, 0, frames, some, clip.id))
            pictures.append(square(picture, encoder))
            if len(pictures) == AT_ONCE:
                looks.append(looks_of(made, pictures))
                pictures = []
        if not futures:
            raise UserError(
                f"expected clips of at least {frames + 1} frames to find neighbours in, got none"
            )
        looks += [looks_of(made, pictures)] if pictures else []
        note = {**(about or {}), "encoder": encoder}
        return cls(np.concatenate(looks), Futures.of(futures), made, note)

    def save(self, path: str | Path) -> None:
        """Write it whole or not at all, as .safetensors; the same clips give the same bytes."""
        save_index(path, KIND, self.futures, self.looks, self.about)

    @classmethod
    def load(cls, path: str | Path) -> "ImageIndex":
        """The index of a file.

        Raises:
            UserError: no such index, a damaged file, or its encoder is not here.
        """
        futures, looks, about = load_index(path, KIND)
        return cls(looks, futures, encoder_of(str(about["encoder"])), about)

    def forecast(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        points: Float32[np.ndarray, "n 2"],
        horizon: int,
        k: int = 8,
    ) -> list[Tracks]:
        """K futures, that of the most similar picture first; always the same.

        Args:
            image: RGB.
            points: where they are in it; pixels.
            horizon: frames, at most those of the index.
            k: at most the number of clips.

        Raises:
            UserError: more than the index holds, or numbers that ask for nothing.
        """
        if not 1 <= horizon <= self.futures.frames or not 1 <= k <= len(self):
            raise UserError(
                f"expected a horizon of 1 to {self.futures.frames} frames and 1 to {len(self)} "
                f"samples (the frames and clips of the index), got {horizon} and {k}"
            )
        size: Size = (image.shape[1], image.shape[0])
        look = looks_of(self.encoder, [square(image, str(self.about["encoder"]))])[0]
        apart = ((self.looks - look) ** 2).sum(axis=1)
        where = places(points, size)
        futures = []
        for clip in np.argsort(apart, kind="stable")[:k]:
            gap = where[:, None] - self.futures.place[clip]
            match = (gap**2).sum(axis=-1).argmin(axis=1)
            xy, seen = self.futures.follow(points, size, clip, match, horizon)
            source = {"neighbour": self.futures.ids[clip]}
            futures.append(Tracks(xy.astype(np.float32), seen, size, source=source))
        return futures


def encoder_of(name: str) -> ImageEncoder:
    """The encoder of a name, of square pictures.

    Raises:
        UserError: an unknown name, or no weights on this machine.
    """
    return image_encoder(name)


def square(image: UInt8[np.ndarray, "H W 3"], encoder: str) -> UInt8[np.ndarray, "s s 3"]:
    """A picture as its encoder is given it, whatever its shape."""
    side = SIDES.get(encoder, SIDE)
    return resize_image(image, (side, side))


@torch.inference_mode()
def looks_of(
    encoder: ImageEncoder, pictures: Sequence[UInt8[np.ndarray, "s s 3"]]
) -> Float32[np.ndarray, "b e"]:
    """Features of square pictures, averaged over the tokens of each cell."""
    tokens = encoder.encode(torch.from_numpy(np.stack(pictures)))
    side = int(tokens.shape[1] ** 0.5)
    maps = tokens.transpose(1, 2).unflatten(2, (side, side))
    return F.adaptive_avg_pool2d(maps, CELLS).flatten(1).float().numpy()
