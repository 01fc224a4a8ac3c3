"""Votes: the files that a study's page saved, checked and put together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kinecast.core.errors import UserError

FORMAT, VERSION = "kinecast-votes", 1
Choice = Literal["left", "tie", "right"]
CHOICES: dict[Any, Choice] = {choice: choice for choice in get_args(Choice)}
LARGEST = 16 * 2**20  # bytes of a file
LONGEST = 500  # characters of a name or a question


@dataclass(frozen=True)
class Vote:
    """One answer: which of two methods, shown left and right, on a clip."""

    voter: int
    clip: str
    question: str
    left: str
    right: str
    choice: Choice


@dataclass(frozen=True)
class Ballot:
    """All answers of a study, each voter's counted once.

    Attributes:
        study: what identifies the page.
        methods, questions: as in the page.
        votes: of all voters.
    """

    study: str
    methods: tuple[str, ...]
    questions: tuple[str, ...]
    votes: tuple[Vote, ...]


def merge(files: Sequence[Path]) -> Ballot:
    """The votes of several files of one study. A voter who saved twice is counted once.

    Raises:
        UserError: no files, no votes, a file that is not what the page saves, files of two
            studies, or a voter who answered the same question twice in two ways.
    """
    if not files:
        raise UserError("expected files of votes, got none")
    ballots = [_read(path) for path in files]
    first = ballots[0]
    for path, other in zip(files, ballots, strict=True):
        if (other.study, other.methods, other.questions) != (
            first.study, first.methods, first.questions,
        ):  # fmt: skip
            raise UserError(
                f"expected votes of one study, got {first.study} in {files[0]} and {other.study} "
                f"in {path}"
            )
    found: dict[tuple[int, str, str, frozenset[str]], Vote] = {}
    for path, ballot in zip(files, ballots, strict=True):
        for vote in ballot.votes:
            key = vote.voter, vote.clip, vote.question, frozenset((vote.left, vote.right))
            if found.setdefault(key, vote) != vote:
                raise UserError(
                    f"expected one answer of a voter to a question, got two of voter {vote.voter} "
                    f"on clip {vote.clip!r}, the second in {path}"
                )
    if not found:
        raise UserError(f"expected votes in {', '.join(map(str, files))}, got none")
    return Ballot(first.study, first.methods, first.questions, tuple(found.values()))


def _read(path: Path) -> Ballot:
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"expected votes of at most {LARGEST >> 20} MB, got more in {path}")
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"expected votes in {path}, got: {error}") from error
    try:
        return _ballot(value)
    except UserError as error:
        raise UserError(f"{error} in {path}") from error


def _ballot(value: Any) -> Ballot:
    if not isinstance(value, dict) or (value.get("format"), value.get("version")) != (
        FORMAT, VERSION,
    ):  # fmt: skip
        raise _wrong(f"no {FORMAT} of version {VERSION}")
    methods, questions = _names(value, "methods", 2), _names(value, "questions", 1)
    voter, votes = value.get("voter"), value.get("votes")
    if type(voter) is not int or not 0 <= voter < 2**32:
        raise _wrong("no number of a voter")
    if not isinstance(votes, list):
        raise _wrong("no list of votes")
    study = _name(value.get("study"))
    return Ballot(
        study, methods, questions, tuple(_vote(v, voter, methods, questions) for v in votes)
    )


def _vote(value: Any, voter: int, methods: Sequence[str], questions: Sequence[str]) -> Vote:
    if not isinstance(value, Mapping):
        raise _wrong("a vote that is none")
    question, choice = value.get("question"), value.get("choice")
    left, right = _name(value.get("left")), _name(value.get("right"))
    if type(question) is not int or not 0 <= question < len(questions):
        raise _wrong("a vote on no question of the study")
    if left not in methods or right not in methods or left == right:
        raise _wrong("a vote on methods that are not two of the study")
    if not isinstance(choice, str) or choice not in CHOICES:
        raise _wrong("a vote without a choice")
    clip = _name(value.get("clip"))
    return Vote(voter, clip, questions[question], left, right, CHOICES[choice])


def _names(value: Mapping[str, Any], key: str, least: int) -> tuple[str, ...]:
    names = value.get(key)
    if not isinstance(names, list) or len(names) < least or len(names) > LONGEST:
        raise _wrong(f"no list of {key}")
    found = tuple(_name(name) for name in names)
    if len(set(found)) < len(found):
        raise _wrong(f"{key} that are there twice")
    return found


def _name(value: Any) -> str:
    """A word that can be shown: control characters would act in a terminal."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not value.isprintable():
        raise _wrong("a name that is none")
    return value


def _wrong(what: str) -> UserError:
    return UserError(f"expected votes as a page saves them, got {what}")
