"""How far ZipMo is from the truth, and the trivial guesses that stand beside it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.train.zipmo_clips import Clips, Yx, all_tracks, training_clips

MEAN_CLIPS = 256


def pixels_apart(ours: Yx, theirs: Yx, size: Size) -> Float[Tensor, "r n t"]:
    """Distances in pixels of the frame."""
    gap = coords.displacement_to_pixels((ours - theirs).float().flip(-1), size)
    return gap.norm(dim=-1)


@dataclass(frozen=True, eq=False)
class Trivial:
    """Guesses that know the training clips, but not the image.

    Attributes:
        mean: displacement from the first frame, averaged over the training clips' points, for each
            view and frame: (y, x).
    """

    mean: Float[Tensor, "v t 2"]

    @classmethod
    def of(cls, pool: Clips, frames: int) -> "Trivial":
        """Of the pool's first clips."""
        total, count = torch.zeros(()), 0
        for item in training_clips(pool, MEAN_CLIPS):
            tracks = all_tracks(item, frames)
            moved = (tracks - tracks[:, :, :1]).cpu().mean(1).unflatten(0, (len(item), -1))
            total, count = total + moved.sum(0), count + len(item)
        return cls(total / count)

    def guesses(self, tracks: Yx) -> dict[str, Yx]:
        """Name -> the same tracks, known by their first positions alone."""
        start = tracks[:, :, :1]
        mean = self.mean.to(tracks).repeat(len(tracks) // len(self.mean), 1, 1)[:, None]
        return {"predict the mean": start + mean, "stay": start.expand_as(tracks)}


def nearest_poke(tracks: Yx, pokes: Float[Tensor, "r p 2 2"]) -> Yx:
    """Every point moves as the nearest poke does: in a straight line to its end.

    Args:
        tracks: known by their first positions alone.
        pokes: (start, end) of each.
    """
    start, frames = tracks[:, :, 0], tracks.shape[2]
    nearest = torch.cdist(start, pokes[:, :, 0]).argmin(-1)
    moved = torch.take_along_dim(pokes[:, :, 1] - pokes[:, :, 0], nearest[..., None], dim=1)
    share = torch.linspace(0, 1, frames, device=tracks.device)[:, None]
    return tracks[:, :, :1] + share * moved[:, :, None]
