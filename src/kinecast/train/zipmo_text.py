"""Stage `planner` of several views, told by a text; and what its frames and texts are dropped for.

Source: ZipMo, section 4 (robotics) and appendix A; the released LIBERO planner.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from kinecast.systems.zipmo.libero import LiberoPlanner
from kinecast.train.draw import rows
from kinecast.train.image_item import ImageItem
from kinecast.train.zipmo_clips import AtStep, Yx
from kinecast.train.zipmo_model import TextModel
from kinecast.train.zipmo_planner import Planning


class TextStage(Planning):
    """The text, and with a start time the episode's step; both as the planner takes them."""

    _planner: LiberoPlanner
    _model: TextModel

    def context(
        self, batch: AtStep, tracks: Yx, image: Float[Tensor, "b v m i"], draw: torch.Generator
    ) -> dict[str, Any]:
        """With texts, and then frames, left out at random."""
        item, clips = batch.clips, len(batch)
        text = _chosen(clips, self._model.drop_text, draw).to(image.device)
        frame = _chosen(clips, self._model.drop_frame, draw).to(image.device)
        instruction = self._instruction(item)
        nothing = self._planner.no_instruction(clips, self._start(item))
        instruction = torch.where(text[:, None, None], nothing, instruction)
        if self._model.drop_frame:
            image = torch.where(frame[:, None, None, None], self._planner.no_text, image)
        return self._planner.context(image, instruction, self._vae.position)

    def told(
        self, item: ImageItem, tracks: Yx, image: Float[Tensor, "b v m i"]
    ) -> tuple[dict[str, Any], dict[str, Yx]]:
        """The text; no trivial guess knows it."""
        return self._planner.context(image, self._instruction(item), self._vae.position), {}

    def _instruction(self, item: ImageItem) -> Float[Tensor, "b s w"]:
        assert item.text is not None
        return self._planner.instruction(item.text, self._start(item))

    def _start(self, item: ImageItem) -> Int64[Tensor, " b"] | None:
        return item.steps if self._planner.config.start_time else None


def _chosen(clips: int, share: float, draw: torch.Generator) -> Bool[Tensor, " b"]:
    return rows(draw, clips, lambda n: torch.rand(n, generator=draw)) < share
