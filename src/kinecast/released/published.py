"""Where the authors publish their files.

Sources: the authors' read-me pages and notebooks. Names that those give in part are patterns here,
and a pattern must find one file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kinecast.core.errors import UserError, did_you_mean
from kinecast.released.files import Weights

DEFAULT_REVISION = "main"


@dataclass(frozen=True)
class Model:
    """One published model.

    Attributes:
        files: names in the repository, or patterns of them.
        options: what the system's `read` takes for it.
        weights: which of the weights the authors show.
    """

    files: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    weights: Weights | None = None


@dataclass(frozen=True)
class Publication:
    """A system's repository on the hub, and the models in it.

    Attributes:
        repository: owner/name, or None where the authors name none.
        models: by a short name.
    """

    repository: str | None
    models: Mapping[str, Model]


def _whn(name: str, vae: str | None = None, weights: Weights = "model", **options: str) -> Model:
    return Model((name,) if vae is None else (name, vae), options, weights)


KUBRIC_VAE = "track-vae/*kubric*/*.pth"
PUBLICATIONS = {
    "trajloom": Publication(
        None,
        {
            "published": Model(
                ("*trajloom_vae.pt", "*trajloom_generator.pt", "*visibility_predictor.pt")
            )
        },
    ),
    "whn": Publication(
        "Gabrijel/what-happens-next",
        {
            "kubric-s": _whn("kubric/latent/small/ckpt_epoch=380.pth", KUBRIC_VAE),
            "kubric-b": _whn("kubric/latent/base/ckpt_epoch=400.pth", KUBRIC_VAE),
            "kubric-l": _whn("kubric/latent/large/ckpt_epoch=310.pth", KUBRIC_VAE),
            "libero-atm": _whn(
                "libero/atm/latent/ckpt_epoch=1500.pth",
                "track-vae/atm_libero_grid_atm/303.pth",
                scale="libero-atm",
            ),
            "libero-tra-moe": _whn(
                "libero/tra-moe/latent/ckpt_epoch=1000.pth",
                "track-vae/atm_libero_grid_tramoe/205.pth",
                scale="libero-tra-moe",
            ),
            "physion": _whn("*physion*/ckpt_epoch=42.pth"),
            "physics101": _whn("*phys*101*/ckpt_epoch=720.pth"),
            "cityscapes-b": _whn("*cityscapes*base*/ckpt_epoch=1400.pth", weights="ema"),
            "cityscapes-l": _whn("*cityscapes*large*/ckpt_epoch=1400.pth", weights="ema"),
        },
    ),
    "zipmo": Publication(
        "CompVis/ZipMo",
        {
            "sparse": Model(("zipmo_planner_sparse.safetensors",)),
            "dense": Model(("zipmo_planner_dense.safetensors",)),
            "vae": Model(("zipmo_vae.safetensors",)),
            "libero-atm": Model(("zipmo_planner_libero_atm.safetensors",)),
            "libero-tramoe": Model(("zipmo_planner_libero_tramoe.safetensors",)),
            "policy-atm": Model(("policy_heads/atm_libero.safetensors",)),
            **{
                f"policy-tramoe-{suite}": Model(
                    (f"policy_heads/tramoe_libero_{suite}.safetensors",)
                )
                for suite in ("10", "goal", "object", "spatial")
            },
        },
    ),
}


def published(system: str, name: str | None) -> Model:
    """A model of a system: of that name, or the only one.

    Raises:
        UserError: an unknown name, or none where there are several.
    """
    models = PUBLICATIONS[system].models
    if name is None and len(models) == 1:
        return next(iter(models.values()))
    if name is None or name not in models:
        near = did_you_mean(name, models) if name else ""
        raise UserError(
            f"expected a published model of {system} ({', '.join(models)}), "
            f"got {name or 'nothing'}{near}"
        )
    return models[name]
