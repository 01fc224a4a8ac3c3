"""Two small genuine image systems: one with a grid of its own, one that answers any points."""

import torch
from torch import nn

from kinecast.core import coords
from kinecast.core.grid import Grid
from kinecast.systems.base import Features, Needs, Posterior

FRAMES = 5
OWN_SIZE = (48, 32)
OWN_GRID = Grid(4, 6, stride=8.0, origin=(4.0, 4.0))


class Drift(nn.Module):
    """The whole grid drifts as the image's features say, plus noise; like WHN on points.

    Its latent is the window itself, whose first frame is held.
    """

    def __init__(self, spread=0.1, text=False):
        super().__init__()
        self.spread = nn.Parameter(torch.tensor(spread))
        self.needs = Needs(
            "image",
            FRAMES,
            OWN_GRID,
            steps=3,
            frame=OWN_SIZE,
            features=Features("dinov2-small", 2, size=(24, 16)),
            text=Features("bert", 2) if text else None,
        )

    def condition(self, given):
        drift = given.features[:, 0].mean(1)
        if given.text is not None:
            drift = drift + given.text[:, 0]
        start = coords.normalise(torch.from_numpy(OWN_GRID.points()), OWN_SIZE)
        time = torch.arange(FRAMES)[:, None, None, None]
        return {"window": start + time * drift[:, None, None, None]}

    def latent_shape(self, cond):
        return tuple(cond["window"].shape[1:])

    def source(self, noise, cond):
        return torch.cat([cond["window"][:, :1].expand(len(noise), *noise[:, :1].shape[1:]),
                          noise[:, 1:]], dim=1)  # fmt: skip

    def velocity(self, z_t, t, cond):
        t = t[:, None, None, None, None]
        noise = (z_t - t * cond["window"]) / (1 - t + t * self.spread)
        return cond["window"] + (self.spread - 1) * noise

    def pin(self, cond):
        return (torch.arange(FRAMES) == 0)[None, :, None, None, None], None

    def encode(self, future, cond):
        return Posterior(future.xy, torch.zeros_like(future.xy))

    def decode(self, z, cond):
        return z, None


class Pull(nn.Module):
    """Every point goes where the pokes go on average, and stays without; its latent is that pull.

    Guidance is linear in it, so that its weight can be read off.
    """

    def __init__(self, spread=0.0, pokes=(0, 3), views=1, episode=False):
        super().__init__()
        self.spread = nn.Parameter(torch.tensor(spread))
        self.needs = Needs("image", FRAMES, pokes=pokes, views=views, steps=4, episode_step=episode)
        self.evaluations = 0

    def condition(self, given):
        moved = given.pokes[..., 2:4] - given.pokes[..., :2]
        pull = (moved / given.pokes[..., 4:].clamp(min=0.1)).sum(1) / max(1, moved.shape[1])
        light = given.pixels.float().mean((2, 3, 4)) / 255
        return {"pull": pull, "light": light, "step": given.episode_step}

    def unconditional(self, cond):
        return {**cond, "pull": torch.zeros_like(cond["pull"])}

    def latent_shape(self, cond):
        return (2,)

    def source(self, noise, cond):
        return self.spread * noise

    def velocity(self, z_t, t, cond):
        self.evaluations += len(z_t)
        return cond["pull"].expand_as(z_t)

    def pin(self, cond):
        return None

    def encode(self, future, cond):
        pull = future.xy[:, -1] - future.xy[:, 0]
        return Posterior(pull.mean((1, 2)), torch.ones(len(pull), 2))

    def decode(self, z, cond, queries, view=0):
        time = torch.linspace(0, 1, FRAMES)[None, :, None, None, None]
        light = cond["light"][:, view, None, None, None, None]
        moved = time * (z[:, None, None, None] + light + (cond["step"] or 0))
        return queries + moved, None
