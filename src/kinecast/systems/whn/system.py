"""WHN: futures of a grid of points from one image, and a text where the model takes one.

The window's first frame is the image's own: its latent is that of the grid standing still, and the
flow holds it. As published it is a sample of the posterior; the noise's first frame draws it.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.systems.base import Cond, Features, FieldBatch, ImageBatch, Needs, Posterior
from kinecast.systems.whn.config import DenoiserConfig, Layout, VAEConfig, WHNConfig
from kinecast.systems.whn.denoiser import Denoiser
from kinecast.systems.whn.vae import VAE

STEPS = 9  # the published "10 steps" are 10 times, 9 updates between them


class WHN(nn.Module):
    """The contract is `systems.base.System`; latents are (frames, rows, columns, channels)."""

    def __init__(self, config: WHNConfig) -> None:
        super().__init__()
        self.config = config
        d, layout = config.denoiser, config.layout
        self.needs = Needs(
            condition="image",
            frames=d.frames,
            grid=config.grid,
            steps=STEPS,
            frame=layout.size,
            features=Features(layout.encoder, d.features, layout.encoder_size),
            text=None if d.text is None else Features(layout.text_encoder, d.text),
        )
        self.denoiser = Denoiser(d)
        self.vae = None if config.vae is None else VAE(config.vae)
        self.start: Tensor
        self.scale: Tensor
        start = coords.normalise(torch.from_numpy(config.grid.points()), layout.size)
        self.register_buffer("start", start[None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(config.scale), persistent=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "WHN":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing.
        """
        parts = dict(_known(WHNConfig, config, "a whn configuration"))
        layout = parts["layout"]
        if isinstance(layout, Mapping):  # checkpoints of before this field mean the published one
            layout = {"text_encoder": Layout.text_encoder, **layout}
        parts["layout"] = Layout(**_known(Layout, layout, "layout"))
        parts["denoiser"] = DenoiserConfig(**_known(DenoiserConfig, parts["denoiser"], "denoiser"))
        if parts["vae"] is not None:
            parts["vae"] = VAEConfig(**_known(VAEConfig, parts["vae"], "vae"))
        return cls(WHNConfig(**parts))

    def to_config(self) -> dict[str, Any]:
        """The `model` section that `from_config` builds this network from."""
        return asdict(self.config)

    def condition(self, given: ImageBatch) -> Cond:
        """Keys and values of every block, and the first frame's posterior; once per clip.

        Raises:
            UserError: no image features, a missing or an unwanted text, or ones of another shape.
        """
        return {**self.seen(given), **self.held(given)}

    def seen(self, given: ImageBatch) -> Cond:
        """What the denoiser alone takes of a condition; `velocity` needs no more.

        Raises:
            UserError: as `condition`.
        """
        text = None if given.text is None else given.text[:, 0]
        return {"denoiser": self.denoiser.context(_features(given), text)}

    def held(self, given: ImageBatch) -> Cond:
        """The first frame's posterior, and what the VAE takes of a condition: no denoiser is asked.

        Raises:
            UserError: no image features.
        """
        if self.vae is None:
            return {"first": Posterior(self.start, torch.zeros_like(self.start))}
        features = _features(given)
        keys = self.vae.context(features)
        first = self._latents(self.start.expand(len(features), -1, -1, -1, -1), keys)
        return {"vae": keys, "first": Posterior(first.mean[:, :1], first.scale[:, :1])}

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """(frames, rows, columns, channels)."""
        d = self.config.denoiser
        return d.frames, *d.grid, d.channels

    def source(self, noise: Float[Tensor, "b t h w c"], cond: Cond) -> Float[Tensor, "b t h w c"]:
        """Noise after a first frame that is clean."""
        first: Posterior = cond["first"]
        clean = first.mean + first.scale * noise[:, :1]
        return torch.cat([clean, noise[:, 1:]], dim=1)

    def velocity(
        self, z_t: Float[Tensor, "b t h w c"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b t h w c"]:
        """The denoiser's; of the first frame it means nothing."""
        velocity: Tensor = self.denoiser(z_t, t, cond["denoiser"])
        return velocity

    def pin(self, cond: Cond) -> tuple[Bool[Tensor, "1 t 1 1 1"], None]:
        """The first frame stays where `source` put it."""
        frame = torch.arange(self.config.denoiser.frames, device=self.start.device)
        return (frame == 0)[None, :, None, None, None], None

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """Latents in units of their scale; points themselves where there is no VAE."""
        if self.vae is None:
            return Posterior(future.xy, torch.zeros_like(future.xy))
        return self._latents(future.xy, cond["vae"])

    def decode(
        self, z: Float[Tensor, "b t h w c"], cond: Cond
    ) -> tuple[Float[Tensor, "b t rows columns 2"], None]:
        """Positions on the model's grid; WHN says nothing of visibility."""
        return z if self.vae is None else self.vae.decode(z * self.scale, cond["vae"]), None

    def _latents(self, xy: Float[Tensor, "b t h w 2"], keys: Any) -> Posterior:
        assert self.vae is not None
        posterior = self.vae.encode(xy, keys)
        return Posterior(posterior.mean / self.scale, posterior.scale / self.scale)


def _known(kind: type, values: Any, name: str) -> dict[str, Any]:
    """The fields of a dataclass, all and no others; lists become the tuples they were."""
    known = [field.name for field in fields(kind)]
    if not isinstance(values, Mapping) or values.keys() != set(known):
        raise UserError(
            f"expected the fields {', '.join(known)} in {name}, "
            f"got {', '.join(values) if isinstance(values, Mapping) else values!r}"
        )
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _features(given: ImageBatch) -> Float[Tensor, "b m f"]:
    if given.features is None:
        raise UserError("expected features of the image for a whn model, got none")
    return given.features[:, 0]
