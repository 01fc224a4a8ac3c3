"""Motion Modes (Pandey et al., CVPR 2025, arXiv 2412.00148): modes of Motion-I2V's displacements.

The paper: a motion is a field F x H x W x 2. No files or units are documented.
"""

from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="motionmodes",
    about="Motion Modes, arXiv 2412.00148; its motion fields, saved as arrays, a file a mode",
    convention="displacements from the first frame, (F, H, W, 2) (the paper)",
    documented={"values": "displacements", "axes": "thwd"},
)
