"""TrajLoom as published: VAE, generator and visibility predictor, on a fixed grid and window.

Source: TrajLoom, sections 3.1 to 3.3 and appendix E. History and caption streams are as the
generator's configuration says; this system feeds the history.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.grid import Grid
from kinecast.core.ranges import Strength
from kinecast.flow.stats import SMALLEST_STD, ChannelStats
from kinecast.systems.base import Cond, FieldBatch, Needs, Posterior
from kinecast.systems.trajloom.boundary import anchored
from kinecast.systems.trajloom.cells import from_offsets, to_offsets
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.vae import VAE, VAEConfig
from kinecast.systems.trajloom.visibility import (
    VisibilityConfig,
    VisibilityPredictor,
    expand,
    pool,
)


@dataclass(frozen=True)
class PaperConfig:
    """The three networks; the defaults are the published sizes without video and caption.

    Attributes:
        vae, generator, visibility: of the networks.
        frame: (W, H) of the frames whose cells' top-left pixels the networks take as points, as the
            published weights do; None: they take the centres of cells of any frame.
        history_seen: whether the generator is told which history points are visible. The authors'
            script does not tell it, though their network was built to be told.
        offsets: whether the VAE takes offsets from the cells' anchors, or positions as they are.
        anchored: whether the source's first step lies near the history's last one, or is noise.
        temporal, spatial: weights of the consistency regulariser that the VAE is trained with
            (eq. 3).

    Raises:
        UserError: they disagree in latents, grid or window.
    """

    vae: VAEConfig = field(default_factory=VAEConfig)
    generator: GeneratorConfig = field(
        default_factory=lambda: GeneratorConfig(video_channels=None, text_channels=None)
    )
    visibility: VisibilityConfig = field(default_factory=VisibilityConfig)
    frame: Size | None = None
    history_seen: bool = True
    offsets: bool = True
    anchored: bool = True
    temporal: Strength = 0.1
    spatial: Strength = 0.2

    def __post_init__(self) -> None:
        v, g = self.vae, self.generator
        wanted = (v.latent_channels, v.latent_channels, v.steps, v.grid, v.stride, v.frames)
        got = (
            g.latent_channels,
            g.history_channels,
            g.latent_steps,
            g.grid,
            g.frame_stride,
            g.future_start,
        )
        if got != wanted or self.visibility.latent_channels != v.latent_channels:
            raise UserError(
                "expected a generator and a visibility predictor for the VAE's latents (channels, "
                f"history channels, steps, grid, stride, frames) {wanted}, got {got} and "
                f"{self.visibility.latent_channels} channels"
            )

    @property
    def points(self) -> Grid | None:
        """Where the points of the published weights are laid, in pixels of `frame`."""
        if self.frame is None:
            return None
        h, w = self.vae.grid
        return Grid(h, w, stride=self.frame[0] / w, origin=(0.5, 0.5))

    @property
    def frames(self) -> int:
        """Of the window."""
        return self.vae.frames


class PaperTrajLoom(nn.Module):
    """The contract is `systems.base.System`."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        frames = config.vae.frames
        self.needs = Needs(
            condition="history",
            frames=frames,
            grid=config.points,
            frame=config.frame,
            short_history=False,
            tokens=frames * config.vae.grid[0] * config.vae.grid[1],
        )
        self.vae = VAE(config.vae)
        self.generator = Generator(config.generator)
        self.visibility = VisibilityPredictor(config.visibility)
        self.latent_mean: Tensor
        self.latent_std: Tensor
        self.register_buffer("latent_mean", torch.zeros(config.vae.latent_channels))
        self.register_buffer("latent_std", torch.ones(config.vae.latent_channels))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "PaperTrajLoom":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing.
        """
        parts = {"vae": VAEConfig, "generator": GeneratorConfig, "visibility": VisibilityConfig}
        plain: dict[str, Any] = asdict(PaperConfig())
        unknown = sorted(config.keys() - plain.keys())
        if unknown:
            near = did_you_mean(unknown[0], plain)
            raise UserError(
                f"expected {', '.join(plain)} in a trajloom-paper configuration, got "
                f"{unknown[0]!r}{near}"
            )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in config.items()
        }
        for name, make in parts.items():
            known = plain[name].keys()
            if name not in config or config[name].keys() != known:
                raise UserError(
                    f"expected {name} with the fields {', '.join(known)} in a "
                    f"trajloom-paper configuration, got {', '.join(config.get(name, config))}"
                )
            fields = config[name].items()
            values[name] = make(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields})
        return cls(PaperConfig(**values))

    def set_latent_stats(self, stats: ChannelStats) -> None:
        """Statistics of the latents that the flow is trained on."""
        self.latent_mean.copy_(torch.tensor(stats.mean))
        self.latent_std.copy_(torch.tensor(stats.std).clamp(min=SMALLEST_STD))

    def relative(self, xy: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b t h w 2"]:
        """Normalised positions as the VAE takes them."""
        return to_offsets(xy) if self.config.offsets else xy

    def absolute(self, x: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b t h w 2"]:
        """The inverse of `relative`."""
        return from_offsets(x) if self.config.offsets else x

    def latents(self, xy: Float[Tensor, "b t h w 2"]) -> Posterior:
        """Normalised latents of a window."""
        posterior = self.vae.encode(self.relative(self._laid(xy)))
        mean = (posterior.mean.float() - self.latent_mean) / self.latent_std
        return Posterior(mean, posterior.scale.float() / self.latent_std)

    def tokens_seen(self, visible: Bool[Tensor, "b t h w"]) -> Bool[Tensor, "b s n"]:
        """Visibility pooled to latent steps and tokens."""
        return pool(visible.flatten(2), self.config.vae.stride)

    def condition(self, history: FieldBatch) -> Cond:
        """The generator's context; computed once per clip."""
        z = self.latents(history.xy).mean
        seen = self.tokens_seen(history.visible).float()
        return {"last": z[:, -1], "context": self.context(z, seen)}

    def context(self, z: Float[Tensor, "b s n c"], seen: Float[Tensor, "b s n"]) -> dict[str, Any]:
        """The generator's context from history latents, as in training."""
        return self.generator.context(z, self._stream(seen))

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """(s, n, c)."""
        config = self.config.vae
        return config.steps, config.grid[0] * config.grid[1], config.latent_channels

    def source(self, noise: Float[Tensor, "b s n c"], cond: Cond) -> Float[Tensor, "b s n c"]:
        """Noise whose first step lies near the last one of the history, or all noise."""
        return anchored(noise, cond["last"]) if self.config.anchored else noise

    def velocity(
        self, z_t: Float[Tensor, "b s n c"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b s n c"]:
        """The generator's."""
        return self.generator(z_t, t, cond["context"]).float()

    def pin(self, cond: Cond) -> None:
        """Nothing is held."""
        return

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """Normalised latents of the future."""
        return self.latents(future.xy)

    def decode(
        self, z: Float[Tensor, "b s n c"], cond: Cond
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"]]:
        """Positions, and visibility logits, each latent step's for the frames it stands for."""
        config = self.config.vae
        xy = self.absolute(self.vae.decode(z * self.latent_std + self.latent_mean).float())
        last = cond["last"].expand(len(z), -1, -1)
        logits = expand(self.visibility(z, last).float(), config.stride, config.frames)
        return self._centred(xy), logits.unflatten(2, config.grid)

    def _stream(self, seen: Float[Tensor, "b s n"]) -> Float[Tensor, "b s n"] | None:
        told = self.config.generator.visibility and self.config.history_seen
        return seen if told else None

    def _laid(self, xy: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b t h w 2"]:
        """Normalised positions as the networks take them: whole pixels are pixel centres there."""
        frame = self.config.frame
        if frame is None:
            return xy
        pixels = coords.denormalise(xy, frame)
        return coords.normalise(coords.to_pixel_centres(pixels), frame)

    def _centred(self, xy: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b t h w 2"]:
        """The inverse of `_laid`."""
        frame = self.config.frame
        if frame is None:
            return xy
        pixels = coords.denormalise(xy, frame)
        return coords.normalise(coords.from_pixel_centres(pixels), frame)
