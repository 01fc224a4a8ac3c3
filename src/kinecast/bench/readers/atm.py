"""ATM (Wen et al., RSS 2024, arXiv 2401.00025): 16 steps of the tracks of 32 points, regressed.

Its scripts save success rates and videos, no tracks. Its prepared data document how it holds tracks
(docs/datasets.md): (1, T, N, 2) in (x / W, y / H), step 0 the frame they start in. Tracks saved so
are read: as arrays, or as its hdf5 with `tracks=root/VIEW/tracks&visible=root/VIEW/vis`.
"""

from kinecast.bench.readers.neutral import neutral_reader

DOCUMENTED = {
    "values": "positions", "axes": "btnd", "units": "unit", "order": "xy", "first": "now",
}  # fmt: skip

READER = neutral_reader(
    name="atm",
    about="ATM, arXiv 2401.00025; its predicted tracks in the layout of its prepared data",
    convention="(1, T, N, 2) of (x / W, y / H), step 0 is the last seen moment",
    documented=DOCUMENTED,
)
