"""Track2Act (Bharadhwaj et al., ECCV 2024, arXiv 2405.01527): 400 points, 8 steps to a goal image.

Its script writes a picture of the tracks and no numbers, and its README states no coordinates: save
the tracks and state them.
"""

from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="track2act",
    about="Track2Act, arXiv 2405.01527; its tracks, saved as arrays",
    convention="positions; units, order and steps have to be stated",
    documented={"values": "positions"},
)
