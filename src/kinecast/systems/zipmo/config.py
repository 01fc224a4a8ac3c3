"""Configurations: what every ZipMo has, and the one with poke conditioning."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from kinecast.core.errors import UserError, did_you_mean
from kinecast.nn.vit import ViTConfig
from kinecast.systems.zipmo.latents import SCALE, SHIFT
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.vae import VAEConfig

Config = TypeVar("Config", bound="MotionConfig")


@dataclass(frozen=True)
class MotionConfig:
    """What every ZipMo is built on.

    Attributes:
        vae: always there.
        image: the DINOv2 inside, or None: its tokens are given from outside.
        two_images: whether the VAE has a DINOv2 of its own, of the same sizes (the paper trains it
            with the VAE), or shares the planner's.
        frames: T that the VAE was trained with.
        shift, scale: mean and variance of the VAE's latents.
    """

    name: ClassVar[str]  # of the system
    parts: ClassVar[Mapping[str, type]] = {"vae": VAEConfig, "image": ViTConfig}

    vae: VAEConfig = field(default_factory=VAEConfig)
    image: ViTConfig | None = field(
        default_factory=lambda: ViTConfig(768, 12, 12, registers=4, antialias=True)
    )
    two_images: bool = False
    frames: int = 64
    shift: float = SHIFT
    scale: float = SCALE

    @classmethod
    def read(cls: type[Config], config: Mapping[str, Any]) -> Config:
        """From the `model` section of a checkpoint's config.json.

        Raises:
            UserError: a field is unknown or missing, or networks do not fit one another.
        """
        values = section(cls, config, cls.name)
        for name, part in cls.parts.items():
            if values[name] is not None:
                values[name] = part(**section(part, values[name], f"{cls.name}'s {name}"))
        return cls(**values)


@dataclass(frozen=True)
class ZipMoConfig(MotionConfig):
    """The networks of a published file; the defaults are the sparse planner's.

    Attributes:
        planner: None in a file that is the VAE alone: it reconstructs, and does not forecast.

    Raises:
        UserError: networks that do not fit one another.
    """

    name = "zipmo"
    parts: ClassVar = {**MotionConfig.parts, "planner": PlannerConfig}

    planner: PlannerConfig | None = field(default_factory=PlannerConfig)

    def __post_init__(self) -> None:
        if self.planner is None:
            return
        sizes = [(c.channels, c.image_width) for c in (self.planner, self.vae)]
        if sizes[0] != sizes[1]:
            raise UserError(
                "expected a planner of the VAE's latent channels and image width "
                f"{sizes[1]}, got {sizes[0]}"
            )


def section(kind: type, values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The fields of a dataclass from JSON; lists become tuples.

    Raises:
        UserError: a field is unknown or missing.
    """
    known = [f.name for f in fields(kind)]
    odd = next((key for key in values if key not in known), None)
    if odd is not None:
        raise UserError(
            f"expected the fields {', '.join(known)} in the configuration of {name}, "
            f"got {odd!r}{did_you_mean(odd, known)}"
        )
    missing = [key for key in known if key not in values]
    if missing:
        raise UserError(f"expected {', '.join(missing)} in the configuration of {name}, got none")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
