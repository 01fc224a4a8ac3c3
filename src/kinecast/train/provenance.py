"""Where weights come from: what a run began from, and what its model's card says of that."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinecast.train.recipe import Recipe

OURS, NOT_STATED = "apache-2.0", "not stated"
_LICENCE = re.compile(r"^license: *(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Origin:
    """Weights that a run begins from.

    Attributes:
        option: "init" or "vae".
        name: of their folder or file.
        digest: of the tensors.
        licence: as their own card states it, or "not stated".
    """

    option: str
    name: str
    digest: str
    licence: str


def licence_of(path: Path) -> str:
    """What the card of a checkpoint says, or that of the model of a run or of a run's stage."""
    folders = (path, path / "model", path.parent.parent / "model")
    for card in (folder / "README.md" for folder in folders):
        if card.is_file() and (found := _LICENCE.search(card.read_text("utf-8"))):
            return found[1]
    return NOT_STATED


def _public(word: str) -> str:
    """A word without the folders that lead to what it names."""
    key, equals, value = word.partition("=")
    return f"{key}{equals}{Path(value).name}" if "/" in value else word


def licence(recipe: "Recipe") -> str:
    """For the card's head: ours, unless the run began from weights of another licence."""
    others = [origin.licence for origin in recipe.origins if origin.licence != OURS]
    return "other" if others else OURS


def facts(recipe: "Recipe") -> str:
    """The card's lines on the licence, on what the run began from, and on how to make it again."""
    words = shlex.join([recipe.name, f"size={recipe.size}", *map(_public, recipe.words)])
    options = "".join(f" --{origin.option} {shlex.quote(origin.name)}" for origin in recipe.origins)
    stages = json.dumps({name: optim.steps for name, optim in recipe.stages.items()})
    terms = "Apache-2.0, weights and code"
    if licence(recipe) != OURS:
        terms = "that of the weights it began from; Apache-2.0 covers the code, not these weights"
    began = "".join(
        f"- Began from `{origin.name}` (--{origin.option}, sha256 {origin.digest}; licence: "
        f"{origin.licence}); what those weights saw is theirs to say.\n"
        for origin in recipe.origins
    )
    return (
        f"- Licence: {terms}.\n{began}"
        f"- Made by `kinecast train {words}{options}`, seed {recipe.seed}; steps per stage:\n"
        f"  {stages}."
    )
