"""Suite `trajloom`: what TrajLoom's tables 3 to 6 and figure 3b say of its parts.

25 + 25 frames (a latent step is 4 frames) of simulated worlds on a grid of 5 x 6 (FVMD counts in
cells of 5 x 5), networks of the published design in small, and a VAE of 81 frames on 4 x 6. Sizes
and steps are such that the VAE reconstructs far better than a mean position does and the mean of
the flow is about as good as standing still: with less, arms differ by how little each has learnt.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from kinecast.systems.trajloom.paper import PaperConfig
from kinecast.train.ablate import history_scores as scores
from kinecast.train.ablate.arm import Arm, Claim, Suite
from kinecast.train.recipe import Augment, Data, Optim, Recipe
from kinecast.train.stages_trajloom import scaled

FRAMES, LONG = 25, 81
STRIDE = 32.0
GRIDS = {FRAMES: (5, 6), LONG: (4, 6)}
OPTIM = {
    "vae": Optim(400, 16, 2e-3, ema=0.99, bf16=False),
    "flow": Optim(600, 16, 2e-3, ema=0.99, bf16=False),
    "onpolicy": Optim(30, 16, 2e-4, ema=0.9, bf16=False),
}
TAKEN = replace(OPTIM["vae"], steps=0)  # a VAE that is there
LONG_VAE = replace(OPTIM["vae"], steps=500, batch=8)
SETS = "Kinetics / RoboTAP / Kubric / MagicData"


def suite() -> Suite:
    """Arms and claims."""
    return Suite(
        "trajloom",
        "offsets, regulariser, boundary hints, on-policy, solver and budget of TrajLoom",
        (*_vaes(), *_flows()),
        (*_vae_claims(), *_flow_claims()),
        (("vae", "model"), ("flow", "model"), ("onpolicy", "model")),
    )


def _vaes() -> list[Arm]:
    arms = []
    for frames in (FRAMES, LONG):
        for what, switches in (
            ("", {}),
            (" without offsets", {"offsets": False}),
            (" without regulariser", {"temporal": 0.0, "spatial": 0.0}),
        ):
            optim = OPTIM["vae"] if frames == FRAMES else LONG_VAE
            arms.append(
                Arm(
                    f"vae {frames}{what}",
                    f"the VAE of {frames} frames{what}",
                    scores.vae_scores,
                    _recipe("trajloom-vae", {"vae": optim}, frames, **switches),
                )
            )
    return arms


def _flows() -> list[Arm]:
    def arm(name: str, about: str, stages: tuple[str, ...], vae: str = "", **switches: Any) -> Arm:
        optim = {"vae": TAKEN} | {stage: OPTIM[stage] for stage in stages}
        recipe = _recipe("trajloom-onpolicy", optim, FRAMES, **switches)
        return Arm(name, about, scores.flow_scores, recipe, vae=f"vae {FRAMES}{vae}")

    both = ("flow", "onpolicy")
    ours = arm("ours", "flow matching, then on-policy", both)
    assert ours.recipe is not None
    flow = OPTIM["flow"]
    stages = {"vae": TAKEN, "flow": replace(flow, steps=flow.steps // 5)}
    fifth = replace(ours.recipe, stages=stages)
    return [
        ours,
        arm("without on-policy", "flow matching alone, as many steps of it", ("flow",)),
        arm(
            "without offsets", "VAE and flow of positions", both, " without offsets", offsets=False
        ),
        arm("without fusion", "the history is in the context alone", both, fusion="none"),
        arm("without anchoring", "the source is noise in every step", both, anchored=False),
        replace(
            ours, name="a fifth", about="a fifth of the steps, without on-policy", recipe=fifth
        ),
        Arm(
            "DOPRI5",
            "ours, sampled by the adaptive solver",
            partial(scores.flow_scores, sampler="dopri5"),
            measured="ours",
        ),
    ]


def _recipe(name: str, stages: dict[str, Optim], frames: int, **switches: Any) -> Recipe:
    grid = h, w = GRIDS[frames]
    model = scaled(32, 64, 4, 4, 8, 16, grid, frames)
    if "fusion" in switches:
        generator = replace(model.generator, fusion=switches.pop("fusion"))
        model = replace(model, generator=generator)
    config: PaperConfig = replace(model, **switches)
    data = Data(
        history=frames,
        horizon=frames,
        sizes=((round(w * STRIDE), round(h * STRIDE)),),
        stride=STRIDE,
        clips=1024,
        chunk=1024,
        validation=64,
        augment=Augment(margin=24, jitter=0.3, wander=0.3),
    )
    return Recipe(name, "ablation", config, stages, data)


def _vae_claims() -> list[Claim]:
    published = {
        (FRAMES, "offsets"): "4.24 / 3.98 / 3.26 / 3.91 against 1.99 / 1.59 / 0.75 / 1.72",
        (FRAMES, "regulariser"): "2.99 / 2.35 / 1.42 / 2.65 against 1.99 / 1.59 / 0.75 / 1.72",
        (LONG, "offsets"): "4.30 / 4.01 / 3.24 / 3.99 against 2.04 / 1.61 / 0.77 / 1.72",
        (LONG, "regulariser"): "3.11 / 2.41 / 1.47 / 3.99 against 2.04 / 1.61 / 0.77 / 1.72",
    }
    claims = [
        Claim(
            f"vae {frames} without {part}",
            f"vae {frames}",
            scores.VEPE,
            "higher",
            f"table 4 ({24 if frames == FRAMES else 81} frames; {SETS})",
            numbers,
        )
        for (frames, part), numbers in published.items()
    ]
    explained = Claim(
        f"vae {FRAMES} without offsets",
        f"vae {FRAMES}",
        scores.EXPLAINED,
        "higher",
        "figure 3b",
        "high for positions, much lower for offsets (a figure)",
    )
    return [explained, *claims]


def _flow_claims() -> list[Claim]:
    ours = {
        scores.FVMD: "35.06 / 21.75 / 7.24 / 28.27 (in 1000)",
        scores.FLOW_TV: "7.65 / 5.96 / 5.03 / 7.11",
        scores.DIVCURL: "4.21 / 1.89 / 1.45 / 3.09",
    }
    others = {
        "without offsets": (
            "table 3",
            "46.61 / 36.43 / 31.66 / 41.97",
            "15.92 / 15.26 / 15.54 / 15.01",
            "19.10 / 16.27 / 17.66 / 16.13",
        ),
        "without fusion": (
            "table 5",
            "39.60 / 28.86 / 16.38 / 33.87",
            "9.66 / 8.66 / 9.56 / 8.50",
            "7.29 / 5.49 / 11.24 / 5.04",
        ),
        "without anchoring": (
            "table 5",
            "43.50 / 33.12 / 20.29 / 37.11",
            "10.07 / 9.11 / 9.80 / 8.90",
            "7.83 / 5.85 / 11.71 / 5.53",
        ),
        "without on-policy": (
            "table 5",
            "38.87 / 27.38 / 13.86 / 31.71",
            "8.98 / 8.22 / 8.90 / 8.16",
            "6.11 / 4.58 / 8.12 / 4.41",
        ),
        "a fifth": (
            "table 5 (20k of 100k steps)",
            "40.13 / 28.81 / 17.02 / 33.51",
            "9.99 / 9.09 / 9.99 / 8.94",
            "8.09 / 5.79 / 11.44 / 5.63",
        ),
    }
    claims = [
        Claim(name, "ours", metric, "higher", f"{place}; {SETS}", f"{numbers} against {reference}")
        for name, (place, *rows) in others.items()
        for (metric, reference), numbers in zip(ours.items(), rows, strict=True)
    ]
    solver = f"table 6; {SETS}"
    return [
        *claims,
        Claim(
            "DOPRI5", "ours", scores.FLOW_TV, "lower", solver,
            "4.50 / 3.40 / 3.09 / 3.72 against 7.53 / 6.03 / 6.03 / 7.11",
        ),
        Claim(
            "DOPRI5", "ours", scores.DIVCURL, "lower", solver,
            "2.86 / 1.17 / 1.10 / 1.59 against 3.97 / 2.03 / 2.09 / 2.99",
        ),
    ]  # fmt: skip
