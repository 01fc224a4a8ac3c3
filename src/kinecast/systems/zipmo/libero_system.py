"""ZipMo on LIBERO: futures of points in two views of one moment from an instruction, and actions.

Published weights take (y, x) in [-1, 1]; the contract's normalised xy is the same, flipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.systems.base import Cond, Features, FieldBatch, ImageBatch, Needs, Posterior
from kinecast.systems.zipmo.config import MotionConfig
from kinecast.systems.zipmo.libero import LiberoConfig, LiberoPlanner
from kinecast.systems.zipmo.motion import Motion
from kinecast.systems.zipmo.policy import PolicyConfig, PolicyHead

STEPS = 10  # of the Euler sampler, as the policies were trained and rolled out
TEXT_ENCODER = "bert"


@dataclass(frozen=True)
class ZipMoLiberoConfig(MotionConfig):
    """The networks of a published file; the defaults are those of the planner called ATM.

    Attributes:
        planner: always there.
        policy: the head of a policy's file, or None in a planner's.
        text_encoder: of the instruction.

    Raises:
        UserError: networks that do not fit one another.
    """

    name = "zipmo-libero"
    parts: ClassVar = {**MotionConfig.parts, "planner": LiberoConfig, "policy": PolicyConfig}

    planner: LiberoConfig = field(default_factory=LiberoConfig)
    policy: PolicyConfig | None = None
    text_encoder: str = TEXT_ENCODER

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "ZipMoLiberoConfig":
        """See `MotionConfig.read`; checkpoints from before `text_encoder` mean the published one.

        Raises:
            UserError: as there.
        """
        return super().read({"text_encoder": TEXT_ENCODER, **config})

    def __post_init__(self) -> None:
        widths = {"vae": self.vae.image_width, "planner": self.planner.image_width}
        channels = {"vae": self.vae.channels, "planner": self.planner.channels}
        views = {"planner": self.planner.views}
        if self.image is not None:
            widths["image"] = self.image.width
        if self.policy is not None:
            channels["policy"], views["policy"] = self.policy.channels, self.policy.views
        for what, counts in (("image width", widths), ("channels", channels), ("views", views)):
            if len(set(counts.values())) > 1:
                raise UserError(f"expected networks of one number of {what}, got {counts}")


class ZipMoLibero(Motion):
    """The contract is `systems.base.QuerySystem`, with guidance (`systems.base.Guided`)."""

    config: ZipMoLiberoConfig

    def __init__(self, config: ZipMoLiberoConfig) -> None:
        super().__init__(config)
        planner = config.planner
        self.planner = LiberoPlanner(planner)
        self.policy = None if config.policy is None else PolicyHead(config.policy)
        self.needs = Needs(
            condition="image",
            frames=config.frames,
            steps=STEPS,
            views=planner.views,
            features=self.outside(),
            text=Features(config.text_encoder, planner.text_width),
            episode_step=planner.start_time,
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ZipMoLibero":
        """Build from the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing, or the networks do not fit one another.
        """
        return cls(ZipMoLiberoConfig.read(config))

    def condition(self, given: ImageBatch) -> Cond:
        """The views' tokens, and what planner and decoder make of them and of the instruction.

        Raises:
            UserError: an episode's time step that is missing, or one too many.
        """
        assert given.text is not None
        step = given.episode_step
        start = None if step is None else torch.full((len(given.text),), step).to(given.text.device)
        image = self.see(given)
        instruction = self.planner.instruction(given.text, start)
        return {
            "image": image.vae,
            "decoder": [self.vae.contexts(view) for view in image.vae.unbind(1)],
            "planner": self.planner.context(image.planner, instruction, self.vae.position),
            "start": start,
        }

    def unconditional(self, cond: Cond) -> Cond:
        """The same moment without an instruction: what guidance leads away from."""
        nothing = self.planner.no_instruction(len(cond["image"]), cond["start"])
        context = {**cond["planner"], "text": self.planner.layers.contexts(nothing)}
        return {**cond, "planner": context}

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """(V n, c), view after view."""
        return self.config.planner.views * self.config.vae.tokens, self.config.vae.channels

    def source(self, noise: Float[Tensor, "b n c"], cond: Cond) -> Float[Tensor, "b n c"]:
        """Noise as it is."""
        return noise

    def velocity(
        self, z_t: Float[Tensor, "b n c"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b n c"]:
        """The planner's."""
        velocity: Tensor = self.planner(z_t, t, cond["planner"])
        return velocity.float()

    def pin(self, cond: Cond) -> None:
        """Nothing is held."""
        return

    def encode(self, future: FieldBatch, cond: Cond) -> Posterior:
        """The planner's latents; the future's rows are views, those of one moment neighbours."""
        views = self.latents(future, cond["image"].flatten(0, 1))
        return Posterior(self._by_moment(views.mean), self._by_moment(views.scale))

    def decode(
        self,
        z: Float[Tensor, "b n c"],
        cond: Cond,
        queries: Float[Tensor, "h w 2"],
        view: int = 0,
    ) -> tuple[Float[Tensor, "b t h w 2"], None]:
        """Tracks of the points at `queries` of one view; nothing is said of visibility."""
        z = z.unflatten(1, (self.config.planner.views, -1))[:, view]
        return self.tracks(z, cond["decoder"][view], queries), None

    def actions(
        self, z: Float[Tensor, "b n c"], proprioception: Float[Tensor, "b r"]
    ) -> Float[Tensor, "b t a"]:
        """The robot's next actions, from sampled latents and its joint and finger positions.

        Raises:
            UserError: weights without a policy.
        """
        if self.policy is None:
            raise UserError("expected weights of a ZipMo policy to act with, got a planner's")
        actions: Tensor = self.policy(z, proprioception, self.vae.position[:, 1:])
        return actions

    def _by_moment(self, rows: Float[Tensor, "bv m c"]) -> Float[Tensor, "b n c"]:
        return rearrange(rows, "(b v) m c -> b (v m) c", v=self.config.planner.views)
