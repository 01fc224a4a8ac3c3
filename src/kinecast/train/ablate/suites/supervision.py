"""Suite `supervision`: what ZipMo's tables G and H say of the tracks that its VAE is trained on.

The VAEs of suite `zipmo`, all on the same clips; scores are taken on exact tracks, and on those of
two unlike trackers.
"""

from dataclasses import replace
from functools import partial

from kinecast.train.ablate import zipmo_scores as scores
from kinecast.train.ablate.arm import Claim, Suite
from kinecast.train.ablate.suites import zipmo
from kinecast.train.recipe import ImageData, Optim
from kinecast.train.supervision import TRACKERS

CLIPS = 256  # tracking is slow
DATA = replace(zipmo.DATA, clips=CLIPS, chunk=CLIPS)
ABOUT = {
    "exact": "of exact tracks",
    "flow": "of tracks by chained optical flow",
    "lk": "of tracks by Lucas-Kanade",
    "few": "of an eighth of the exact tracks",
    "seen": "of the exact tracks that are seen in every frame",
}


def suite(data: ImageData = DATA, optim: dict[str, Optim] = zipmo.OPTIM) -> Suite:
    """Arms and claims; other data and steps for a test."""
    measure = partial(scores.vae_scores, data=data, trackers=TRACKERS)
    baseline = zipmo.suite(data, optim).arm("vae")
    assert baseline.recipe is not None
    arms = tuple(
        replace(
            baseline,
            name=f"{kind} tracks",
            about=f"a VAE {what}",
            measure=measure,
            recipe=replace(baseline.recipe, data=replace(data, supervision=kind)),
        )
        for kind, what in ABOUT.items()
    )
    about = "the tracks that ZipMo's VAE is trained on"
    return Suite("supervision", about, arms, _claims(), (("vae", "model"),))


def _claims() -> tuple[Claim, ...]:
    exact, table = "exact tracks", "table G (TapNext, CoTracker3)"
    flow, lk = (f"{scores.PCK} of {kind} tracks" for kind in TRACKERS)
    return (
        Claim("lk tracks", "flow tracks", flow, "same", table, "96.3 against 96.8"),
        Claim("lk tracks", "flow tracks", lk, "same", table, "97.3 against 97.0"),
        Claim(
            "few tracks", exact, scores.PCK, "lower", "table H (track dropout)", "94.0 against 96.8"
        ),
        Claim(
            "seen tracks", exact, scores.PCK, "lower", "table H (occlusions filtered)",
            "93.2 against 96.8",
        ),
    )  # fmt: skip
