"""Simulated worlds: exact tracks of moving scenes, seeded, without rendering."""

from kinecast.data.synth.families import FAMILIES, HELD_OUT, TRAIN_MIX
from kinecast.data.synth.worlds import Worlds, generate, synth

__all__ = ["FAMILIES", "HELD_OUT", "TRAIN_MIX", "Worlds", "generate", "synth"]
