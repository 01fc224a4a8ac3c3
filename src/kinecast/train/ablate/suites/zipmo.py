"""Suite `zipmo`: what ZipMo's figures 4 and J to M and appendix B say of its parts.

24 frames of gliding layers at 96 x 64, seen by an eye that pans; 12 tracks are encoded and 12 more
are decoded.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from kinecast.nn.vit import ViTConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.vae import VAEConfig
from kinecast.train.ablate import zipmo_scores as scores
from kinecast.train.ablate.arm import Arm, Claim, Suite
from kinecast.train.ablate.zipmo_variants import Variant, VariantPlan
from kinecast.train.recipe import ImageData, Optim, Recipe
from kinecast.train.zipmo_model import PokeModel, VAEModel

FRAMES, CELLS, CHANNELS, TRACKS, POKES = 24, 6, 8, 12, 8
COMPRESSIONS = (2, 4, 8, 12)  # beside the whole window
EVALUATIONS = (1, 2, 50)  # beside 10
THETA, LOGVAR = 8.0, -4.0  # at first, as in the recipes' smallest size
DATA = ImageData(
    families=("layers-panned",), frames=FRAMES, size=(96, 64), stride=4.0, encoder="", clips=1024,
    chunk=512, reuse=4, validation=48,
)  # fmt: skip
OPTIM = {
    "vae": Optim(1_400, 2, 3e-3, betas=(0.9, 0.95), ema=0.99, bf16=False),
    "planner": Optim(700, 8, 2e-3, betas=(0.9, 0.95), ema=0.99, bf16=False),
}
WHOLE = f"compression {FRAMES}"


def suite(data: ImageData = DATA, optim: dict[str, Optim] = OPTIM) -> Suite:
    """Arms and claims; other data and steps for a test."""
    arms = (*_vaes(data, optim["vae"]), *_planners(data, optim))
    about = "compression, latents, loss, target and sampling of ZipMo"
    claims = (*_vae_claims(), *_planner_claims())
    return Suite("zipmo", about, arms, claims, (("vae", "model"), ("planner", "model")))


def _vaes(data: ImageData, optim: Optim) -> list[Arm]:
    measure = partial(scores.vae_scores, data=data)
    recipe = Recipe("zipmo-vae", "ablation", _vae_model(), {"vae": optim}, data)

    def arm(name: str, about: str, **variant: Any) -> Arm:
        return Arm(name, about, measure, recipe, build=_built(Variant(**variant)))

    arms = [
        arm("vae", "absolute positions, L1, a grid of latents"),
        arm("sequence", "latents without places", bag=True),
        arm("L2", "trained by squares", loss="l2"),
        arm("Huber", "trained by Huber's loss", loss="huber"),
        arm("delta", "the decoder says steps from frame to frame", target="delta"),
        arm("offset", "the decoder says offsets from the start", target="offset"),
    ]
    for queries in ("encoded", "unseen"):
        asked = partial(scores.vae_scores, data=data, queries=queries)
        arms.append(Arm(f"{queries} queries", f"its {queries} tracks alone", asked, measured="vae"))
    return arms


def _planners(data: ImageData, optim: dict[str, Optim]) -> list[Arm]:
    measure = partial(scores.planner_scores, data=data)
    arms = []
    for compression in (FRAMES, *COMPRESSIONS):
        model, steps = _vae_model(compression), FRAMES // compression
        vae = "vae"
        if compression != FRAMES:
            vae = f"vae {compression}"
            recipe = Recipe("zipmo-vae", "ablation", model, {"vae": optim["vae"]}, data)
            scored = partial(scores.vae_scores, data=data)
            arms.append(Arm(vae, f"a VAE of {steps} latent steps", scored, recipe, build=_built()))
        stages = {"vae": replace(optim["vae"], steps=0), "planner": optim["planner"]}
        recipe = Recipe("zipmo-sparse", "ablation", _planner_model(model), stages, data)
        name, what = f"compression {compression}", f"the planner of {steps} latent steps"
        arms.append(Arm(name, what, measure, recipe, vae=vae, build=_built()))
    for count in EVALUATIONS:
        sampled = partial(scores.planner_scores, data=data, steps=count)
        name = f"{count} evaluation{'s' if count > 1 else ''}"
        arms.append(Arm(name, f"{WHOLE}, sampled in so many steps", sampled, measured=WHOLE))
    return arms


def _built(variant: Variant | None = None) -> Callable[..., VariantPlan]:
    return partial(VariantPlan, variant=variant)


def _vae_model(compression: int = FRAMES) -> VAEModel:
    vae = VAEConfig(
        64, 4, 48, 2, 2, CHANNELS, (FRAMES // compression, CELLS, CELLS), (CELLS, CELLS)
    )
    image = ViTConfig(48, 2, 2, patch=8, side=CELLS)
    return VAEModel(
        vae=vae, image=image, frames=FRAMES, tracks=TRACKS, unlock=0, theta=THETA, logvar=LOGVAR
    )


def _planner_model(model: VAEModel) -> PokeModel:
    planner = PlannerConfig(
        64, 4, 4, 48, poke_width=64, time_width=32, channels=CHANNELS, pokes=POKES
    )
    return PokeModel(**vars(model), planner=planner)


def _vae_claims() -> list[Claim]:
    appendix = "appendix B: absolute positions with L1 gave the best performance"
    none = "no numbers"
    others = [
        Claim(arm, "vae", scores.PCK, "lower", appendix, none)
        for arm in ("L2", "Huber", "delta", "offset")
    ]
    return [
        Claim("sequence", "vae", scores.PCK, "lower", "figure J", "slightly lower (a figure)"),
        Claim(
            "unseen queries", "encoded queries", scores.PCK, "lower", "figure J (AE, MAE)",
            "a figure",
        ),
        *others,
    ]  # fmt: skip


def _planner_claims() -> list[Claim]:
    figure = "figures 4 and M: 64 is best of 2 to 64"
    claims = [
        Claim(f"compression {c}", WHOLE, scores.MIN_MSE, "higher", figure, "figures")
        for c in COMPRESSIONS
    ]
    few = [
        Claim(
            f"{n} evaluation{'s' if n > 1 else ''}", WHOLE, scores.MIN_MSE,
            "higher" if n < 10 else "same", "figure K: 10 steps are enough", "a figure",
            tolerance=0.1,
        )
        for n in EVALUATIONS
    ]  # fmt: skip
    return [*claims, *few]
