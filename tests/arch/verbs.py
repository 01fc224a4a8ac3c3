"""The verbs of the command line, those of `kinecast bench` among them."""

from collections.abc import Mapping
from importlib import import_module

from kinecast.cli.main import VERBS


def tables(table: Mapping = VERBS, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Mapping]:
    """The words before a verb -> the verbs that may follow."""
    found = {before: table}
    for verb, (place, _) in table.items():
        module, name = place.split(":")
        if name.isupper():
            inner = getattr(import_module(f"kinecast.cli.{module}"), name)
            found |= tables(inner, (*before, verb))
    return found


def every() -> list[tuple[str, ...]]:
    """Each verb that does something, as its words."""
    nested = tables()
    verbs = [(*before, verb) for before, table in nested.items() for verb in table]
    return [words for words in verbs if words not in nested]


def verb_of(words: list[str]) -> tuple[str, ...]:
    """The verb that a command begins with; as much of it as there is."""
    nested, verb = tables(), ()
    while verb in nested and len(words) > len(verb) and words[len(verb)] in nested[verb]:
        verb = (*verb, words[len(verb)])
    return verb
