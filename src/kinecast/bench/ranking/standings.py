"""Who won a user study: Elo ratings with intervals, and shares of votes, question by question."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from kinecast.bench.ranking.elo import elo
from kinecast.bench.ranking.votes import Vote, merge
from kinecast.core.errors import UserError
from kinecast.metrics.bootstrap import percentile

RESAMPLES = 1000
LEFT = {"left": 1.0, "tie": 0.5, "right": 0.0}  # what the method on the left gets


@dataclass(frozen=True)
class Standing:
    """One method's votes on one question.

    Attributes:
        elo: rating, 1000 on average; 100 more is preferred in 64 % of the votes (`elo.elo`).
        low, high: 95 % of the ratings of clips drawn again; None for a single clip.
        won, tied, lost: shares of its votes.
        votes: how many it took part in.
    """

    question: str
    method: str
    elo: float
    low: float | None
    high: float | None
    won: float
    tied: float
    lost: float
    votes: int


@dataclass(frozen=True)
class Standings:
    """A study's outcome.

    Attributes:
        study: its page.
        voters, clips, votes: how many.
        left: share of the votes with a preference that went to the left; near 0.5 where the side
            did not decide.
        rows: question by question, best first.
        beats: question -> method -> method -> share of their votes that the first got, a tie being
            half of one.
    """

    study: str
    voters: int
    clips: int
    votes: int
    left: float | None
    rows: tuple[Standing, ...]
    beats: dict[str, dict[str, dict[str, float]]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)

    def lines(self) -> list[str]:
        """A table to print."""
        side = "" if self.left is None else f", {self.left:.0%} of the preferences for the left"
        found = [f"{self.votes} votes of {self.voters} voters on {self.clips} clips{side}"]
        wide = max(len(row.method) for row in self.rows)
        question = None
        for row in self.rows:
            if row.question != question:
                question = row.question
                head = f"{'':<{wide}}    Elo      95 %          won  tied  lost  votes"
                found += ["", question, head]
            between = "-" if row.low is None else f"{row.low:.0f} to {row.high:.0f}"
            found.append(
                f"{row.method:<{wide}}  {row.elo:5.0f}  {between:<14}  {row.won:4.0%}  "
                f"{row.tied:4.0%}  {row.lost:4.0%}  {row.votes:5}"
            )
        return found


def standings(files: Sequence[Path], *, resamples: int = RESAMPLES, seed: int = 0) -> Standings:
    """Count the votes that a study's page saved.

    Args:
        files: of one study; a voter's second file is put together with the first.
        resamples: of the clips, whole, for the intervals.
        seed: of their draw.

    Raises:
        UserError: fewer than one resample, and what `votes.merge` refuses.
    """
    if resamples < 1:
        raise UserError(f"expected at least 1 resample, got {resamples}")
    ballot = merge([Path(file) for file in files])
    rows: list[Standing] = []
    beats: dict[str, dict[str, dict[str, float]]] = {}
    for question in ballot.questions:
        votes = [vote for vote in ballot.votes if vote.question == question]
        if votes:
            tables = _by_clip(votes, ballot.methods)
            rows += _standings(question, ballot.methods, votes, tables, resamples, seed)
            beats[question] = _beats(ballot.methods, tables.sum(0))
    preferred = [vote.choice for vote in ballot.votes if vote.choice != "tie"]
    return Standings(
        study=ballot.study,
        voters=len({vote.voter for vote in ballot.votes}),
        clips=len({vote.clip for vote in ballot.votes}),
        votes=len(ballot.votes),
        left=preferred.count("left") / len(preferred) if preferred else None,
        rows=tuple(rows),
        beats=beats,
    )


def _by_clip(votes: Sequence[Vote], methods: Sequence[str]) -> Float64[np.ndarray, "c m m"]:
    """Wins of row over column on each clip, ties half."""
    clips = sorted({vote.clip for vote in votes})
    tables = np.zeros((len(clips), len(methods), len(methods)))
    for vote in votes:
        table = tables[clips.index(vote.clip)]
        a, b = methods.index(vote.left), methods.index(vote.right)
        table[a, b] += LEFT[vote.choice]
        table[b, a] += 1 - LEFT[vote.choice]
    return tables


def _standings(
    question: str,
    methods: Sequence[str],
    votes: Sequence[Vote],
    tables: Float64[np.ndarray, "c m m"],
    resamples: int,
    seed: int,
) -> list[Standing]:
    clips, ratings = len(tables), elo(tables.sum(0))
    drawn = None
    if clips > 1:
        again = np.random.default_rng(seed).integers(clips, size=(resamples, clips))
        counts = np.stack([np.bincount(clip, minlength=clips) for clip in again])
        drawn = elo(np.einsum("rc,cab->rab", counts.astype(np.float64), tables))
    rows = []
    for i, method in enumerate(methods):
        got = [
            LEFT[vote.choice] if vote.left == method else 1 - LEFT[vote.choice]
            for vote in votes
            if method in (vote.left, vote.right)
        ]
        if not got:
            continue  # nobody was asked about it yet
        low, high = (None, None) if drawn is None else percentile(drawn[:, i])
        won, tied, lost = (got.count(score) / len(got) for score in (1.0, 0.5, 0.0))
        rows.append(
            Standing(question, method, float(ratings[i]), low, high, won, tied, lost, len(got))
        )
    return sorted(rows, key=lambda row: -row.elo)


def _beats(methods: Sequence[str], wins: Float64[np.ndarray, "m m"]) -> dict[str, dict[str, float]]:
    met = wins + wins.T
    return {
        a: {b: float(wins[i, j] / met[i, j]) for j, b in enumerate(methods) if met[i, j]}
        for i, a in enumerate(methods)
        if met[i].any()
    }
