"""`kinecast bench ranking` and `votes`: a user study on one page, and what came of it."""

import json
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.bench.ranking import PAIRS, QUESTIONS, standings, write


def ranking(
    sources: Positional[tuple[str, ...]],
    /,
    *,
    out: Path,
    question: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    pairs: int = PAIRS,
    seed: int = 0,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Write a page that shows two methods' forecasts of a clip side by side, and asks which.

    The page needs no server and no network. Whose forecasts they are is not shown; votes are
    saved as a JSON file, which `kinecast bench votes` counts.

    Args:
        sources: each NAME=FOLDER, one method's rendered clips (gif, png, jpg, webp, mp4, webm; a
            clip's files have one stem in all folders), or a folder of `kinecast bench run`.
        out: the .html file.
        question: asked of every pair; give it again for another one. By default, which motion is
            more realistic.
        pairs: that one voter sees, at most.
        seed: of the choice of pairs.
        json_: print one JSON object.
    """
    path = write(sources, out, questions=question or QUESTIONS, pairs=pairs, seed=seed)
    print(json.dumps({"paths": [str(path)]}) if json_ else path)


def votes(
    files: Positional[tuple[Path, ...]],
    /,
    *,
    seed: int = 0,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Count the votes of a study: Elo ratings with intervals, and shares of votes.

    Args:
        files: that the page saved, of any number of voters.
        seed: of the bootstrap.
        json_: print one JSON object.
    """
    found = standings(files, seed=seed)
    print(json.dumps(found.as_json(), allow_nan=False) if json_ else "\n".join(found.lines()))
