"""What a family of worlds is."""

from collections.abc import Callable
from dataclasses import dataclass

from kinecast.data.synth.draws import Draws
from kinecast.data.synth.scene import Scene, Stage


@dataclass(frozen=True)
class Family:
    """Worlds of one kind.

    Attributes:
        name: what it is called on the command line.
        number: key of its random numbers; never reused, 0 is the mix.
        about: one line.
        weight: share in the training mix; 0 holds the whole family out for evaluation.
        build: makes the scenes of a batch of draws.
    """

    name: str
    number: int
    about: str
    weight: float
    build: Callable[[Draws, Stage], Scene]
