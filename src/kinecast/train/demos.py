"""Windows of a robot's recorded demonstrations: two views, a text, states and actions.

LIBERO's own layout (its data set, or `kinecast libero`) and ATM's are read, both by their
importers. A window may begin at any step of an episode; past its end the last action is repeated.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.data.importers import importer
from kinecast.data.importers.libero import VIEWS, hdf5_files
from kinecast.encoders.load import text_encoder
from kinecast.io.hdf5 import dataset, open_hdf5, whole
from kinecast.io.image import resize_image
from kinecast.train.image_item import ImageItem
from kinecast.train.recipe import ImageData

ORDER = 15  # key of the order of windows
HELD_OUT = 10  # every so many-th demonstration is for validation alone
STATES = ("joint_states", "gripper_states")
DEVICE = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Demo:
    """One episode.

    Attributes:
        videos: of each view.
        text: what was to be done.
        states: seven joint angles and two fingers before each step.
        actions: of each step.
    """

    videos: tuple[Video, ...]
    text: str
    states: Float32[np.ndarray, "t 9"]
    actions: Float32[np.ndarray, "t 7"]

    def __len__(self) -> int:
        return len(self.actions)


class DemoClips:
    """Windows of demonstrations, drawn by step; counterpart of `images.ImageClips`.

    Attributes:
        data: what was asked for; `size`, `views`, `text_encoder` and `validation` of it apply.
    """

    def __init__(
        self,
        folder: Path,
        data: ImageData,
        horizon: int,
        seed: int,
        device: torch.device = DEVICE,
    ) -> None:
        """Find the demonstrations.

        Args:
            folder: with .hdf5 files, or one of them.
            data: see above.
            horizon: actions of a window.
            seed: of the order.
            device: that the text encoder runs on.

        Raises:
            UserError: no demonstrations, too few of them, or other numbers of views and states.
        """
        self.data, self._horizon, self._seed = data, horizon, seed
        demos = list(read_demos(folder))
        if len(demos) < 2:
            raise UserError(
                f"expected at least 2 demonstrations in {folder} (one is held out), got "
                f"{len(demos)}; record more with kinecast libero --demos"
            )
        held_out = demos[:: -max(2, min(HELD_OUT, len(demos)))]
        windows = _windows([demo for demo in demos if demo not in held_out])
        shuffled = torch.randperm(len(windows), generator=rng.generator(ORDER))
        self._train = [windows[i] for i in shuffled.tolist()]  # the first ones stand for all
        self._held_out = _windows(held_out)
        if data.views != len(VIEWS):
            raise UserError(
                f"expected data.views={len(VIEWS)} for demonstrations, got {data.views}"
            )
        texts = sorted({demo.text for demo in demos})
        encoder = text_encoder(data.text_encoder, data.text_weights or None, device)
        self._tokens = dict(zip(texts, encoder.encode(texts), strict=True))

    @property
    def clips_of_one_size(self) -> int:
        """Windows in all."""
        return len(self._train)

    @property
    def passes(self) -> int:
        """All windows are one chunk."""
        return self.data.reuse

    def batch(self, step: int, batch: int, *keys: int) -> ImageItem:
        """The windows of a step; (seed, keys, step) decide which.

        Raises:
            UserError: more windows asked than there are.
        """
        self.check_batch(batch)
        count = len(self._train)
        number, k = divmod(step, count // batch)
        order = torch.randperm(count, generator=rng.generator(self._seed, *keys, ORDER, number))
        return self.take(number, order[k * batch : (k + 1) * batch])

    def check_batch(self, batch: int) -> None:
        """Refuse a batch of more windows than there are.

        Raises:
            UserError: says how many there are.
        """
        count = len(self._train)
        if batch > count:
            raise UserError(f"expected a batch of at most {count} (all windows), got {batch}")

    def take(self, number: int, indices: Tensor) -> ImageItem:
        """Some windows, of an order that has nothing to do with their demonstrations."""
        return self._item([self._train[i] for i in indices.tolist()])

    def validation(self, batch: int = 16) -> list[ImageItem]:
        """Windows of held-out demonstrations, evenly spread over them."""
        count = min(self.data.validation, len(self._held_out))
        spread = np.linspace(0, len(self._held_out) - 1, count).round().astype(int)
        some = [self._held_out[i] for i in spread]
        return [self._item(some[start : start + batch]) for start in range(0, count, batch)]

    def _item(self, windows: list[tuple[Demo, int]]) -> ImageItem:
        T, views, count = self._horizon, self.data.views, len(windows)
        pixels = [
            np.stack([resize_image(v[start : start + 1][0], self.data.size) for v in demo.videos])
            for demo, start in windows
        ]
        rows = [(demo, np.minimum(np.arange(s, s + T), len(demo) - 1)) for demo, s in windows]
        return ImageItem(
            xy=torch.zeros(count, views, T, 0, 2),
            visible=torch.zeros(count, views, T, 0, dtype=torch.bool),
            pixels=torch.from_numpy(np.stack(pixels)),
            texts=tuple(demo.text for demo, _ in windows),
            size=self.data.size,
            grid=None,
            text=torch.stack([self._tokens[demo.text] for demo, _ in windows]).float(),
            states=torch.from_numpy(np.stack([demo.states[row] for demo, row in rows])),
            actions=torch.from_numpy(np.stack([demo.actions[row] for demo, row in rows])),
            steps=torch.tensor([start for _, start in windows]),
        )


def read_demos(path: Path) -> Iterator[Demo]:
    """Every demonstration of a folder or file, in LIBERO's layout or ATM's.

    Raises:
        UserError: what the importers say; no actions or states, or of other lengths.
    """
    first, _ = next(iter(hdf5_files(path)))
    with open_hdf5(first) as file:
        layout = "atm" if "root" in file else "libero"
    read: Iterable[Any] = importer(layout).read(path, {"view": "both"})
    for _, group in groupby(read, key=lambda clip: clip.id.rpartition("/")[0]):
        yield _demo(list(group), layout)


def _demo(views: list[Any], layout: str) -> Demo:
    source = views[0].tracks.source if layout == "atm" else views[0].source
    actions, states = "root/actions", "root/extra_states"
    if layout == "libero":
        actions, states = f"data/{source['demo']}/actions", f"data/{source['demo']}/obs"
    with open_hdf5(source["file"]) as file:
        told = whole(dataset(file, actions, "f", (None, 7)))
        felt = [whole(dataset(file, f"{states}/{name}", "f", (len(told), None))) for name in STATES]
    return Demo(
        tuple(view.video for view in views),
        views[0].caption,
        np.concatenate(felt, axis=1).astype(np.float32),
        told.astype(np.float32),
    )


def _windows(demos: list[Demo]) -> list[tuple[Demo, int]]:
    return [(demo, start) for demo in demos for start in range(len(demo))]
