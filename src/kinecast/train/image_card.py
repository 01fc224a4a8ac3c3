"""The model card of weights that forecast from pictures."""

from kinecast.train.provenance import facts, licence
from kinecast.train.recipe import ImageData, Recipe

RECORDED = "clips of {} (`data.shards`); their licence is that of their source"
RENDERED = "simulated worlds alone ({}); no recorded video was seen"
ENCODED = "Pictures are seen through the frozen encoder `{}`, whose own licence and data apply."
PIXELS = "Pictures are seen as pixels: no pretrained encoder was used."


def image_card(recipe: Recipe, what: str, limits: str) -> str:
    """README.md of a checkpoint: what it is, what it saw, its licence, how to make it again.

    Args:
        recipe: whose data is `ImageData`.
        what: a sentence on what it forecasts, and from what.
        limits: a sentence on what it cannot do.
    """
    data = recipe.data
    assert isinstance(data, ImageData)
    if data.shards:
        seen = RECORDED.format(data.shards.rstrip("/").rpartition("/")[2])
    else:
        seen = RENDERED.format(", ".join(data.families))
    frozen = PIXELS if data.encoder in ("", "pixels") else ENCODED.format(data.encoder)
    return f"""---
license: {licence(recipe)}
---

# {recipe.name} ({recipe.size})

{what}

- Trained on {seen}.
- {frozen}
{facts(recipe)}

Limits: {limits}
"""
