"""Tra-MoE (Yang et al., CVPR 2025): ATM with a mixture of experts, on ATM's data and layout."""

from kinecast.bench.readers.atm import DOCUMENTED
from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="tra-moe",
    about="Tra-MoE, CVPR 2025; its predicted tracks in the layout of ATM's prepared data",
    convention="(1, T, N, 2) of (x / W, y / H), step 0 is the last seen moment",
    documented=DOCUMENTED,
)
