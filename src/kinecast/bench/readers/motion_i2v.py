"""Motion-I2V (Shi et al., SIGGRAPH 2024, arXiv 2401.15977): its first stage's displacement maps.

The paper: maps f(0 -> i), i = 1 .. N, from the reference frame to each future frame. Its app writes
videos; units and axes of the maps are documented nowhere.
"""

from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="motion-i2v",
    about="Motion-I2V, arXiv 2401.15977; its displacement maps, saved as arrays",
    convention="displacements from the first frame, map 0 is the first future frame (the paper)",
    documented={"values": "displacements", "first": "next"},
)
