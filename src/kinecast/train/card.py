"""The model card that goes with exported weights."""

from pathlib import Path

from kinecast.train.provenance import facts, licence
from kinecast.train.recipe import Data, Recipe

SAMPLES = "several samples"
SPREAD = (
    "the spread of the samples is learned from\n{} and may be too wide or too narrow on a given "
    "video"
)


def card(recipe: Recipe, out: str = SAMPLES, limits: str = SPREAD) -> str:
    """README.md of a checkpoint: what it is, what it saw, its licence, how to make it again.

    Args:
        recipe: whose data is `Data`.
        out: what a forecast has of each point.
        limits: what else it cannot do; {} is what it learned from.
    """
    data = recipe.data
    assert isinstance(data, Data)
    seen = "only on simulated worlds (`kinecast.data.synth`); no video was seen"
    learned = "simulated worlds"
    if data.shards:
        learned = "those tracks"
        seen = (
            f"on tracks of videos (`data.shards={Path(data.shards).name}`); the licence of the "
            "videos is that of their source"
        )
    motion = (
        "Recorded motion used as ingredients of the worlds: CMU motion capture (obtained from "
        "mocap.cs.cmu.edu, created with funding from NSF EIA-0196217), Leap Motion "
        "leapjs-playback, TUM VI and TUM RGB-D (CC BY 4.0), comma2k19, Project Aria, "
        "RealEstate10K (CC BY 4.0), UCY Crowds by Example (credit to Lerner, Chrysanthou and "
        "Lischinski), tracktor, SLEAP, deepof, "
        "hand_dapg, aframe-motion-capture-components.\n"
        if data.motion and not data.shards
        else ""
    )
    return f"""---
license: {licence(recipe)}
---

# {recipe.name} ({recipe.size})

History-conditioned forecasts of a dense grid of points: tracks and visibility of up to
{recipe.model.frames} frames in, {recipe.model.frames} frames out, {out}.

- Trained {seen}.
{facts(recipe)}

{motion}
Limits: the weights know motion, not pictures. Objects that start to move by themselves, contacts
that are not seen coming, and cuts are beyond them; {limits.format(learned)}.
"""
