"""The page of a user study: one HTML file, without server and network."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.bench.ranking.clips import Shown, gather
from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path

QUESTIONS = ("Which motion is more realistic?",)
PAIRS = 60


def write(
    sources: Sequence[str],
    out: Path,
    *,
    questions: Sequence[str] = QUESTIONS,
    pairs: int = PAIRS,
    seed: int = 0,
) -> Path:
    """Write a page that shows two methods' forecasts of one clip at a time, and asks which.

    Nobody is told whose they are. Every two methods meet equally often (as far as they have clips
    in common), on clips drawn by the seed; each voter has an order and sides of their own, drawn in
    the page. Votes are saved as a JSON file for `standings`.

    Args:
        sources: each `NAME=FOLDER`, one method's rendered clips (gif, png, jpg, webp, mp4, webm; a
            file's stem is the clip), or a folder of `kinecast bench run`, of which the first sample
            of every method is drawn.
        out: the file.
        questions: asked of every pair, one after another.
        pairs: that one voter sees, at most.
        seed: of the choice.

    Returns:
        The file, absolute.

    Raises:
        UserError: fewer than two methods, no clip that two of them have, no questions or pairs, and
            what `clips.gather` refuses.
        MissingExtraError: for a run, where pyarrow is not installed.
    """
    questions = list(dict.fromkeys(questions))
    if not questions or not all(question.strip() for question in questions) or pairs < 1:
        raise UserError(f"expected at least one question and one pair, got {questions}, {pairs}")
    shown = gather(sources)
    study = study_of(shown, questions, pairs, seed)
    folder = files(__package__)
    page = folder.joinpath("page.html").read_text("utf-8")
    for mark, text in (
        ("{{STYLE}}", folder.joinpath("page.css").read_text("utf-8")),
        ("{{SCRIPT}}", folder.joinpath("page.js").read_text("utf-8")),
        ("{{STUDY}}", _embedded(study)),
    ):
        page = page.replace(mark, text)
    with atomic_path(out) as temporary:
        temporary.write_text(page, "utf-8")
    return out.absolute()


def study_of(shown: Shown, questions: Sequence[str], pairs: int, seed: int) -> dict[str, Any]:
    """What the page is told: names, pairs by number, and what to show of each clip and method.

    Raises:
        UserError: fewer than two methods, or no clip that two of them have.
    """
    methods = sorted(shown)
    if len(methods) < 2:
        raise UserError(
            f"expected at least 2 methods to compare, got {', '.join(methods) or 'none'}"
        )
    chosen = _pairs(shown, methods, pairs, seed)
    if not chosen:
        raise UserError(f"expected a clip that two of {', '.join(methods)} have, got none")
    clips = sorted({clip for clip, _, _ in chosen})
    items = [
        {
            str(i): shown[methods[i]][clip]
            for i in sorted({m for c, *two in chosen if c == clip for m in two})
        }
        for clip in clips
    ]
    study: dict[str, Any] = {
        "methods": methods,
        "clips": clips,
        "questions": list(questions),
        "pairs": [{"clip": clips.index(clip), "a": a, "b": b} for clip, a, b in chosen],
        "items": items,
    }
    text = json.dumps(study, sort_keys=True, allow_nan=False)
    return {"id": hashlib.sha256(text.encode()).hexdigest()[:16], **study}


def _pairs(
    shown: Shown, methods: Sequence[str], most: int, seed: int
) -> list[tuple[str, int, int]]:
    """(clip, method, method): every two methods in turns, each on clips in an order of its own."""
    draw = np.random.default_rng(seed)
    left: list[list[tuple[str, int, int]]] = []
    for a, b in combinations(range(len(methods)), 2):
        common = sorted(shown[methods[a]].keys() & shown[methods[b]].keys())
        left.append([(clip, a, b) for clip in draw.permutation(np.array(common, object))])
    found: list[tuple[str, int, int]] = []
    while any(left) and len(found) < most:
        for i in draw.permutation(len(left)):
            if left[i] and len(found) < most:
                found.append(left[i].pop())
    return [found[i] for i in draw.permutation(len(found))]


def _embedded(study: Mapping[str, Any]) -> str:
    """JSON that no part of can end the script element it stands in."""
    text = json.dumps(study, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
