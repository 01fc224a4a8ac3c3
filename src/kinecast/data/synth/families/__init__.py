"""Families of worlds, by name."""

from collections.abc import Mapping

from kinecast.data.synth.families.articulated import FAMILIES as ARTICULATED
from kinecast.data.synth.families.deforming import FAMILIES as DEFORMING
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.families.ground import FAMILIES as GROUND
from kinecast.data.synth.families.manipulated import FAMILIES as MANIPULATED
from kinecast.data.synth.families.physical import FAMILIES as PHYSICAL
from kinecast.data.synth.families.views import FAMILIES as VIEWS

_ALL: tuple[Family, ...] = (*PHYSICAL, *MANIPULATED, *ARTICULATED, *DEFORMING, *GROUND, *VIEWS)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
TRAIN_MIX: Mapping[str, float] = {f.name: f.weight for f in _ALL if f.weight > 0}
HELD_OUT: tuple[str, ...] = tuple(f.name for f in _ALL if f.weight == 0)
