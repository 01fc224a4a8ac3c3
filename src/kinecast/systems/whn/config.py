"""Sizes of WHN's networks, and what they see. `presets` has the published ones."""

from dataclasses import dataclass

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid


@dataclass(frozen=True)
class VAEConfig:
    """The defaults are the published VAE of Kubric.

    Attributes:
        grid: (rows, columns) of points.
        patch: points on a side of a token.
        frames: of the window.
        channels: of a latent.
        width, heads: D of the transformers and the heads that share it.
        encoder_depth, decoder_depth: blocks; along space and along time in turn.
        features: channels of an image token.
        tokens: (rows, columns) of the image tokens' table of positions.
        point_width: of the Fourier features of a point.
    """

    grid: tuple[int, int] = (32, 32)
    patch: int = 2
    frames: int = 24
    channels: int = 8
    width: int = 384
    heads: int = 6
    encoder_depth: int = 12
    decoder_depth: int = 12
    features: int = 384
    tokens: tuple[int, int] = (16, 16)
    point_width: int = 128

    def __post_init__(self) -> None:
        _check_patches(self.grid, self.patch)

    @property
    def latent_grid(self) -> tuple[int, int]:
        """(rows, columns) of latents."""
        return self.grid[0] // self.patch, self.grid[1] // self.patch


@dataclass(frozen=True)
class DenoiserConfig:
    """The defaults are the published B model of Kubric.

    Attributes:
        grid: (rows, columns) of what it denoises: latents, or points.
        patch: latents or points on a side of a token.
        frames: of the window.
        channels: of a latent, or the 2 of a point.
        width, heads, depth: D, the heads that share it, blocks; along space and time in turn.
        features: channels of an image token.
        tokens: (rows, columns) of the image tokens' table of positions.
        text: channels of a pooled text, or None: it takes none.
        point_width: of the Fourier features of a point; None: it denoises latents.
    """

    grid: tuple[int, int] = (16, 16)
    patch: int = 1
    frames: int = 24
    channels: int = 8
    width: int = 384
    heads: int = 6
    depth: int = 12
    features: int = 384
    tokens: tuple[int, int] = (16, 16)
    text: int | None = None
    point_width: int | None = None

    def __post_init__(self) -> None:
        _check_patches(self.grid, self.patch)
        if self.point_width is not None and self.channels != 2:
            raise UserError(f"expected 2 channels of a point, got channels={self.channels}")


@dataclass(frozen=True)
class Layout:
    """The frame, its points and the encoder of its image.

    Attributes:
        size: (W, H) that an image is resized to; the points' pixels.
        stride: pixels between neighbouring points.
        origin: xy of the first point.
        encoder: of the image, by its name in `encoders`.
        encoder_size: (W, H) of the image that the encoder is given; None: `size`.
        text_encoder: of the text, where the denoiser takes one.
    """

    size: Size
    stride: float
    origin: tuple[float, float]
    encoder: str
    encoder_size: Size | None = None
    text_encoder: str = "bert"


@dataclass(frozen=True)
class WHNConfig:
    """A denoiser of latents with its VAE, or a denoiser of points alone.

    Attributes:
        layout: what the networks see.
        denoiser, vae: the networks; no VAE: the denoiser works on points.
        scale: standard deviation of each latent channel, by which latents are divided.

    Raises:
        UserError: networks that do not fit each other or the layout.
    """

    layout: Layout
    denoiser: DenoiserConfig
    vae: VAEConfig | None = None
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        raw = self.denoiser.point_width is not None
        if raw != (self.vae is None):
            raise UserError(
                "expected a VAE beside a denoiser of latents and none beside one of points, got "
                + ("a denoiser of points with a VAE" if raw else "a denoiser of latents alone")
            )
        if self.vae is not None:
            self._check_latents(self.vae)
        points = self.grid.points()
        if not coords.inside(points, self.layout.size).all():
            raise UserError(
                f"expected points inside the frame of {self.layout.size}, got {self.grid}"
            )

    @property
    def grid(self) -> Grid:
        """The points, in pixels of the layout's frame."""
        rows, columns = self.denoiser.grid if self.vae is None else self.vae.grid
        return Grid(rows, columns, self.layout.stride, self.layout.origin)

    def _check_latents(self, vae: VAEConfig) -> None:
        d = self.denoiser
        wanted = (vae.latent_grid, vae.frames, vae.channels, vae.features, vae.tokens)
        got = (d.grid, d.frames, d.channels, d.features, d.tokens)
        if got != wanted:
            raise UserError(
                "expected a denoiser of the VAE's latents (grid, frames, channels, image features, "
                f"image tokens) {wanted}, got {got}; use networks that were trained together"
            )
        if len(self.scale) != vae.channels or not all(s > 0 for s in self.scale):
            raise UserError(
                f"expected a scale > 0 of each of {vae.channels} latent channels (the standard "
                f"deviation of the latents that the denoiser was trained on), got {self.scale}"
            )


def _check_patches(grid: tuple[int, int], patch: int) -> None:
    if patch < 1 or grid[0] % patch or grid[1] % patch:
        raise UserError(f"expected a grid that patches of {patch} divide, got {grid}")
