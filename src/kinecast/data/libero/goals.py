"""What a task asks for, read from its BDDL file (planning predicates in Lisp's brackets)."""

import re
from dataclasses import dataclass
from typing import Any

from kinecast.core.errors import UserError

PLACED = ("on", "in")  # the predicates that picking and placing can fulfil


@dataclass(frozen=True)
class Goal:
    """One predicate that must hold.

    Attributes:
        predicate: in lower case: on, in, open, close, turnon, ...
        names: what it is about; of "on" and "in": an object, then an object, fixture or region.
    """

    predicate: str
    names: tuple[str, ...]


def parse_goals(bddl: str) -> tuple[Goal, ...]:
    """The predicates of (:goal (And ...)), in order.

    Raises:
        UserError: brackets that do not match, no goal, or one that is not a conjunction.
    """
    for part in _parse(bddl):
        if isinstance(part, list) and part[:1] == [":goal"] and len(part) == 2:
            body = part[1]
            terms = body[1:] if body[:1] == ["and"] else [body]
            if all(isinstance(term, list) and _is_flat(term) for term in terms) and terms:
                return tuple(Goal(term[0], tuple(term[1:])) for term in terms)
    raise UserError("expected (:goal (And (PREDICATE NAME ...) ...)) in a BDDL file, got none")


def placements(goals: tuple[Goal, ...]) -> tuple[tuple[str, str], ...]:
    """(object, place) of every goal.

    Raises:
        UserError: a goal that picking and placing does not fulfil.
    """
    for goal in goals:
        if goal.predicate not in PLACED or len(goal.names) != 2:
            raise UserError(
                f"expected a task whose goals are On and In, got "
                f"({goal.predicate} {' '.join(goal.names)}); the oracle only picks and places"
            )
    return tuple((goal.names[0], goal.names[1]) for goal in goals)


def _is_flat(term: list[Any]) -> bool:
    return bool(term) and all(isinstance(word, str) for word in term)


def _parse(text: str) -> list[Any]:
    """The outermost bracket as nested lists of lower-case words."""
    open_lists: list[list[Any]] = [[]]
    for word in re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text).lower()):
        if word == "(":
            open_lists.append([])
        elif word != ")":
            open_lists[-1].append(word)
        elif len(open_lists) > 1:
            done = open_lists.pop()
            open_lists[-1].append(done)
        else:
            raise UserError("expected a BDDL file, got a ) without its (")
    if len(open_lists) != 1 or len(open_lists[0]) != 1:
        raise UserError("expected a BDDL file, one (define ...), got brackets that do not match")
    found: list[Any] = open_lists[0][0]
    return found
