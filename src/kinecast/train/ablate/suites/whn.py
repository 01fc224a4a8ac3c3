"""Suite `whn`: what WHN's tables 6 and 12 and figures 7 and 8 say of its parts.

8 frames of gliding layers, whose pictures tell where they go, on a grid of 6 x 8. Sizes and steps
are such that the VAE reconstructs well and the denoisers read the picture, which they begin to do
after some 30,000 clips of any length: before that, arms differ in nothing that the papers speak of.
"""

from dataclasses import replace
from functools import partial

from kinecast.train.ablate import image_scores as scores
from kinecast.train.ablate import rgb_stage
from kinecast.train.ablate.arm import Arm, Claim, Scores, Suite, Trained
from kinecast.train.recipe import ImageData, Optim, Recipe
from kinecast.train.whn_network import WHNModel

DATA = ImageData(
    frames=8, size=(64, 48), stride=8.0, encoder_size=(32, 24), clips=2048, chunk=512, reuse=1,
    validation=32,
)  # fmt: skip
MODEL = WHNModel(width=64, heads=2, depth=2, vae_width=64, vae_heads=2, vae_depth=2, point_width=32)
OPTIM = {
    "vae": Optim(400, 16, 1e-2, ema=0.99, bf16=False),
    "flow": Optim(2500, 32, 3e-3, ema=0.995, bf16=False),
}


def suite(data: ImageData = DATA, optim: dict[str, Optim] = OPTIM) -> Suite:
    """Arms and claims; other data and steps for a test."""
    estimated = replace(data, supervision="flow")
    measure = partial(scores.flow_scores, data=data)
    taken = replace(optim["vae"], steps=0)

    def of_latents(name: str, about: str, model: WHNModel) -> Arm:
        stages = {"vae": taken, "flow": optim["flow"]}
        recipe = Recipe("whn-latent", "ablation", model, stages, data)
        return Arm(name, about, measure, recipe, "vae", build=scores.watched)

    vae = Recipe("whn-vae", "ablation", MODEL, {"vae": optim["vae"]}, data)
    raw = Recipe("whn-raw", "ablation", MODEL, {"flow": optim["flow"]}, data)
    small, large = (
        replace(MODEL, width=32, heads=1),
        replace(MODEL, width=96, heads=3, depth=3),
    )
    base = of_latents("B", "the denoiser of latents", MODEL)
    assert base.recipe is not None
    arms = (
        Arm("vae", "the VAE of all sizes", nothing, vae),
        base,
        of_latents("S", "a smaller denoiser", small),
        of_latents("L", "a larger denoiser", large),
        Arm(
            "without VAE",
            "a denoiser of points, as many tokens",
            measure,
            raw,
            build=scores.watched,
        ),
        Arm(
            "vae estimated",
            "the VAE of tracks that our own tracker estimates",
            nothing,
            replace(vae, data=estimated),
        ),
        replace(
            base,
            name="estimated tracks",
            about="VAE and denoiser of them",
            recipe=replace(base.recipe, data=estimated),
            vae="vae estimated",
        ),
        Arm(
            "RGB",
            "the denoiser of frames' latents; points are tracked in its videos",
            partial(rgb_stage.scores, data=data),
            replace(raw, name="whn-rgb"),
            build=rgb_stage.RGBPlan,
        ),
    )
    curves = (
        ("vae", "model"),
        ("flow", "model"),
        ("flow", scores.LRTL),
        ("flow", "scene variance"),
    )
    return Suite("whn", "VAE, size, tracks and modality of WHN", arms, _claims(), curves)


def nothing(trained: Trained) -> Scores:
    """A VAE is measured by what is built on it."""
    return {}


def _claims() -> tuple[Claim, ...]:
    without, fewer, more = "without VAE", "S", "L"
    table, table_6 = "table 12 (Kubric)", "table 6 (Kubric)"
    larger = "tables 11 and 12 (Kubric)"
    return (
        Claim(without, "B", scores.FVMD, "higher", table, "14519 against 12221"),
        Claim(without, "B", scores.BEST, "higher", table, "137.8 against 127.2"),
        Claim(
            without,
            "B",
            scores.LRTL,
            "higher",
            f"{table}; figure 8 through training",
            "23.7 against 15.9",
        ),
        Claim(
            without, "B", scores.VARIANCE, "lower", "figure 7", "one mode without VAE (a figure)"
        ),
        Claim(fewer, "B", scores.FVMD, "higher", table, "13065 against 12221"),
        Claim(fewer, "B", scores.BEST, "higher", table, "177.6 against 127.2"),
        Claim(fewer, "B", scores.LRTL, "higher", table, "23.6 against 15.9"),
        Claim(more, "B", scores.FVMD, "higher", larger, "6470 against 5714; 13745 against 12221"),
        Claim(more, "B", scores.BEST, "lower", larger, "131.4 against 146.7; 127.0 against 127.2"),
        Claim(more, "B", scores.LRTL, "lower", larger, "6.4 against 8.3; 14.6 against 15.9"),
        Claim(
            "estimated tracks", "B", scores.FVMD, "higher", f"{table}, of L", "14766 against 13745"
        ),
        Claim(
            "estimated tracks", "B", scores.BEST, "higher", f"{table}, of L", "140.3 against 127.0"
        ),
        Claim(
            "estimated tracks", "B", scores.LRTL, "higher", f"{table}, of L", "16.4 against 14.6"
        ),
        Claim("RGB", "B", scores.BEST, "higher", table_6, "147 against 127 (SD3.5)"),
    )
