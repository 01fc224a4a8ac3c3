"""The contract of a system: all that the trainer and the forecaster know of one.

A system is an `nn.Module` with the methods of `System`. It draws no random numbers: noise and times
are passed in. Coordinates are normalised (`core.coords.normalise`), order xy.

There are two kinds, told apart by `needs.condition`. A "history" system is given the tracks so far
(`FieldBatch`); its window begins with the first frame after them. An "image" system is given one
frame and what steers the future (`ImageBatch`); its window begins with that frame itself, at which
every point is where it was laid, and the forecaster drops that first frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.core.grid import Grid

Cond = Mapping[str, Any]


@dataclass(frozen=True)
class Features:
    """Tokens that a system takes from a frozen encoder outside it; the forecaster brings them.

    Attributes:
        encoder: its name, of `encoders.load`: "dinov2-small", "bert", ...
        width: channels of a token.
        size: (W, H) of the image that an image encoder is given; None: as it is.
    """

    encoder: str
    width: int
    size: Size | None = None


@dataclass(frozen=True)
class Needs:
    """What a system asks of data.

    Attributes:
        condition: "history" or "image".
        frames: the length of its window. For a history system the most history it uses, and the
            frames it forecasts at once; a longer horizon rolls forward on its own forecasts. For an
            image system it counts the image's own frame.
        grid: the only grid it takes; in pixels of `frame` where that is set. None: any (an image
            system is then asked for points: `decode(z, cond, queries)`).
        short_history: whether it takes fewer history frames than `frames`.
        steps: of the Euler sampler, as published.
        tokens: that a sample becomes on the way, where they are more than its latents: what is
            planned with, to keep within the memory.
        frame: (W, H) that every image is resized to before all else, or None.
        views: how many images of one moment it takes.
        pokes: the least and the most pokes, or None where it takes none.
        features: of the image, or None (a system may carry an encoder inside and read the pixels).
        text: features of a text that must be given, or None where it takes no text.
        episode_step: whether it is told how far into an episode the frame is (LIBERO).
    """

    condition: str
    frames: int
    grid: Grid | None = None
    short_history: bool = True
    steps: int = 10  # TrajLoom, section 3.3.4
    tokens: int = 0
    frame: Size | None = None
    views: int = 1
    pokes: tuple[int, int] | None = None
    features: Features | None = None
    text: Features | None = None
    episode_step: bool = False


@dataclass(frozen=True)
class FieldBatch:
    """A batch of fields of one frame size, as tensors.

    Attributes:
        xy: normalised positions. Where not visible they are a best guess, always finite.
        visible: seen in that frame; a frame in which no point is visible counts as missing (a
            history shorter than the window is padded with such frames at its beginning).
        size: (W, H), for the aspect ratio and for pixels.
    """

    xy: Float[Tensor, "b t h w 2"]
    visible: Bool[Tensor, "b t h w"]
    size: Size


@dataclass(frozen=True)
class ImageBatch:
    """A batch of frames of one size, and what steers their futures.

    Attributes:
        pixels: RGB of each view, of size `needs.frame` where that is set.
        size: (W, H) of the frames before they were resized: the aspect ratio of what is shown.
        features: tokens of each view, as `needs.features` asks; row-major patches, no class token.
        pokes: start xy and end xy, normalised, and the time of the end in [0, 1] (1: the window's
            last frame). May be p = 0; None where the system takes none.
        text: tokens, as `needs.text` asks (a pooled text is one token), else None.
        episode_step: frames since the episode began, where `needs.episode_step`, else None.
    """

    pixels: UInt8[Tensor, "b v H W 3"]
    size: Size
    features: Float[Tensor, "b v m f"] | None = None
    pokes: Float[Tensor, "b p 5"] | None = None
    text: Float[Tensor, "b l e"] | None = None
    episode_step: int | None = None


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents."""

    mean: Float[Tensor, "b *latent"]
    scale: Float[Tensor, "b *latent"]


class System(Protocol):
    """See the module's docstring. `b` is either the batch of `cond` or, where that is 1, any."""

    needs: Needs

    def condition(self, given: Any, /) -> Cond:
        """All that depends on the condition alone, computed once per clip before the sampler.

        Args:
            given: a FieldBatch (the history) or an ImageBatch, as `needs.condition` says.
        """

    def source(self, noise: Float[Tensor, "b *latent"], cond: Cond) -> Float[Tensor, "b *latent"]:
        """State at t = 0 from standard normal noise (TrajLoom's boundary anchor lives here)."""

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """Shape of one sample's latent."""

    def velocity(
        self, z_t: Float[Tensor, "b *latent"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b *latent"]:
        """dz/dt at time t in [0, 1] (0 noise, 1 data)."""

    def pin(self, cond: Cond) -> tuple[Tensor, Tensor | None] | None:
        """(mask, value): latent entries that the sampler holds, or None.

        None instead of a value: they are held where `source` put them.
        """

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """Normalised latents of a window, the flow's data at t = 1."""

    def decode(
        self, z: Float[Tensor, "b *latent"], cond: Cond
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"] | None]:
        """Normalised positions of the window's `needs.frames` frames, and visibility logits.

        None instead of logits: the forecaster calls points inside the frame visible, and says so.
        """


class QuerySystem(System, Protocol):
    """An image system without a grid of its own: it answers any points of the frame."""

    def decode(  # type: ignore[override]  # chosen where `needs.grid` is None
        self,
        z: Float[Tensor, "b *latent"],
        cond: Cond,
        queries: Float[Tensor, "h w 2"],
        view: int = 0,
    ) -> tuple[Float[Tensor, "b t h w 2"], Float[Tensor, "b t h w"] | None]:
        """As `System.decode`, for points laid at `queries` of one view.

        Args:
            z: latents.
            cond: from `condition`.
            queries: normalised starts, h rows of w points; scattered points come as one row. A
                system that decodes points jointly splits a grid into strided sets, and fills a set
                that is too small with points of its own.
            view: which of `needs.views`.
        """


@runtime_checkable
class Guided(Protocol):
    """A system whose condition can be weighted by classifier-free guidance."""

    def unconditional(self, cond: Cond) -> Cond:
        """The same frame with nothing that steers: no pokes, no text."""
