"""Rendered families by name; a family's module, and with it MuJoCo, is imported when it is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from kinecast.core.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from kinecast.data.synth.sim.setup import Family

_HERE = "kinecast.data.synth.sim"


@dataclass(frozen=True)
class Entry:
    """Where a family is.

    Attributes:
        number: key of its random numbers; never reused.
        about: one line.
        where: "module:attribute" of its Family, module relative to this package.
    """

    number: int
    about: str
    where: str


RENDERED: Mapping[str, Entry] = {
    "movi-a": Entry(101, "3-10 cubes, cylinders, spheres thrown at the centre", "movi:MOVI_A"),
    "movi-b": Entry(102, "as movi-a, of other shapes (out of distribution)", "movi:MOVI_B"),
    "ramp": Entry(110, "boxes, balls and cans slide and roll down a slope", "families.ramps:RAMP"),
    "springs": Entry(111, "weights on springs bounce and swing", "families.springs:SPRINGS"),
    "grains": Entry(112, "a cup of grains is poured like a liquid", "families.grains:GRAINS"),
    "dominoes": Entry(
        113, "a row of dominoes, and balls at its ends", "families.dominoes:DOMINOES"
    ),
    "rolling": Entry(114, "balls, cans and hoops roll among pins", "families.rolling:ROLLING"),
    "support": Entry(115, "towers that stand or topple", "families.support:SUPPORT"),
    "containment": Entry(
        116, "things dropped at bowls and crates", "families.containment:CONTAINMENT"
    ),
    "falling": Entry(117, "blocks fall in a heap", "families.falling:FALLING"),
    "links": Entry(118, "chains with a ball swing into stacks", "families.links:LINKS"),
    "robot": Entry(
        120, "an arm pushes or lifts what a text says; two views", "families.manipulation:ROBOT"
    ),
}


def rendered(name: str) -> "Family":
    """The family of a name in RENDERED.

    Raises:
        UserError: no such family, or MuJoCo is not installed.
    """
    if name not in RENDERED:
        hint = did_you_mean(name, RENDERED)
        raise UserError(f"expected a rendered family ({', '.join(RENDERED)}), got {name!r}{hint}")
    module, attribute = RENDERED[name].where.split(":")
    family: Family = getattr(import_module(f"{_HERE}.{module}"), attribute)
    return family
