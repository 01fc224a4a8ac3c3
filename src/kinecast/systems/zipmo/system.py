"""ZipMo: futures of any points of one image, steered by pokes.

Published weights take (y, x) in [-1, 1]; the contract's normalised xy is the same, flipped.
"""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.systems.base import Cond, FieldBatch, ImageBatch, Needs, Posterior
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.motion import Motion
from kinecast.systems.zipmo.planner import Planner

STEPS = 50  # of the Euler sampler; the released code
YX_POKE = [1, 0, 3, 2, 4]  # (x0, y0, x1, y1, t) -> (y0, x0, y1, x1, t), and back


class ZipMo(Motion):
    """The contract is `systems.base.QuerySystem`, with guidance (`systems.base.Guided`)."""

    config: ZipMoConfig

    def __init__(self, config: ZipMoConfig) -> None:
        super().__init__(config)
        planner = config.planner
        self.planner = None if planner is None else Planner(planner)
        self.needs = Needs(
            condition="image",
            frames=config.frames,
            steps=STEPS,
            pokes=None if planner is None else (planner.least, planner.pokes),
            features=self.outside(),
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ZipMo":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing, or the networks do not fit one another.
        """
        return cls(ZipMoConfig.read(config))

    def condition(self, given: ImageBatch) -> Cond:
        """The frame's tokens, and what planner and decoder make of them and of the pokes.

        Raises:
            UserError: weights without a planner, or a number of pokes that it does not take.
        """
        if self.planner is None:
            raise UserError(
                "expected weights of a ZipMo planner to forecast with, got those of its VAE alone, "
                "which densify tracks; import a planner's file"
            )
        assert given.pokes is not None
        image = self.see(given)
        pokes = self.planner.poke_tokens(given.pokes[..., YX_POKE])
        return {
            "image": image.vae[:, 0],
            "decoder": self.vae.contexts(image.vae[:, 0]),
            "planner": self.planner.context(image.planner[:, 0], pokes, self.vae.position),
        }

    def unconditional(self, cond: Cond) -> Cond:
        """The same frame without any poke: what guidance leads away from."""
        assert self.planner is not None
        nothing = self.planner.poke_contexts(self.planner.no_pokes(cond["image"]))
        return {**cond, "planner": {**cond["planner"], "pokes": nothing}}

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """(n, c)."""
        return self.config.vae.tokens, self.config.vae.channels

    def source(self, noise: Float[Tensor, "b n c"], cond: Cond) -> Float[Tensor, "b n c"]:
        """Noise as it is."""
        return noise

    def velocity(
        self, z_t: Float[Tensor, "b n c"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b n c"]:
        """The planner's."""
        assert self.planner is not None
        velocity: Tensor = self.planner(z_t, t, cond["planner"])
        return velocity.float()

    def pin(self, cond: Cond) -> None:
        """Nothing is held."""
        return

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """The planner's latents of a window's tracks, seen or not; scattered ones as one row."""
        return self.latents(future, cond["image"])

    def decode(
        self,
        z: Float[Tensor, "b n c"],
        cond: Cond,
        queries: Float[Tensor, "h w 2"],
        view: int = 0,
    ) -> tuple[Float[Tensor, "b t h w 2"], None]:
        """Tracks of the points at `queries`, in strided sets; ZipMo says nothing of visibility."""
        return self.tracks(z, cond["decoder"], queries), None

    def densify(
        self, given: ImageBatch, tracks: FieldBatch, queries: Float[Tensor, "h w 2"]
    ) -> Float[Tensor, "b t h w 2"]:
        """Sparse tracks in, a dense field out: how the points at `queries` move with them.

        Through the mean of the VAE's latents, so that it takes no planner and no noise. Source:
        ZipMo, appendix C, whose other way is to poke the planner with the tracks' ends.

        Args:
            given: the frame that the tracks start from.
            tracks: whole windows; all positions are read, so that hidden ones must be good guesses.
            queries: normalised starts.
        """
        image = self.see(given).vae[:, 0]
        return self.tracks(self.latents(tracks, image).mean, self.vae.contexts(image), queries)
