"""MYRIAD (Baumann et al., CVPR 2026, arXiv 2604.09527): sparse trajectories, step by step.

Its README documents coordinates: (x, y) in [0, 1], 0 and 1 at the image's edges. Its scripts
document no file of trajectories: save what `predict_simulate` returns.
"""

from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="myriad",
    about="MYRIAD, arXiv 2604.09527; its trajectories, saved as arrays",
    convention="(x, y) in [0, 1], 0 and 1 at the edges of the image it saw (its README)",
    documented={"values": "positions", "units": "unit", "order": "xy"},
)
