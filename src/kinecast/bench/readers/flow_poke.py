"""Flow Poke Transformer (Baumann et al., ICCV 2025, arXiv 2510.12777): one displacement a point.

Its README documents coordinates: (x, y) in [0, 1], 0 and 1 at the image's edges, and flow in the
same units. The paper: flow is the movement of a point over one step. There is no path in between:
with `time=ends` a point moves on a straight line and is there in the last frame.
"""

from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="flow-poke",
    about="Flow Poke Transformer, arXiv 2510.12777; samples of its flow, saved as arrays",
    convention="displacements (x, y), 1 is the width or height of the image it saw (its README)",
    documented={"values": "displacements", "units": "unit", "order": "xy", "first": "next"},
)
