"""`worlds`: exact truth, from the generator of simulated worlds and from rendered scenes.

Parts `seeds`, `families`, `long`, `camera`, `occlusion` and `still` need nothing; `shapes`,
`falling`, `futures` and `pokes` are rendered and need the extra `sim`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.worlds import camera, futures, generated, occlusion, shapes, still


@dataclass(frozen=True)
class Counts:
    """How many of each part: clips, worlds, scenes; `futures` of a scene, `pokes` futures of it."""

    seeds: int
    families: int
    long: int
    camera: int
    occlusion: int
    still: tuple[int, int]
    shapes: int
    falling: int
    scenes: int
    futures: int
    pokes: int


SIZES = {
    "mini": Counts(
        seeds=48, families=48, long=12, camera=8, occlusion=12, still=(2, 6), shapes=8, falling=8,
        scenes=4, futures=8, pokes=1,
    ),
    "full": Counts(
        seeds=192, families=192, long=96, camera=48, occlusion=96, still=(8, 40), shapes=48,
        falling=48, scenes=16, futures=64, pokes=4,
    ),
}  # fmt: skip

PROTOCOL = {
    "k": 8,
    "seed": 0,
    "seconds": [0.1, 0.3, 1.0, 3.0],
    "queries": (
        "about 390 points of a regular grid, cell centres, laid in the first frame of the history; "
        "falling blocks: 32x32 points; many futures and pokes: 32x32 points from 0.5"
    ),
    "resolution": "generator 832x480; still image 416x240; rendered 256x256",
    "frames": (
        "history -> future, in the name of each group; 30 frames a second, still image and thrown "
        "shapes 24, falling blocks 30, many futures and pokes 12"
    ),
    "stride": 1,
    "samples": "8; many futures: as many as there are true ones (8 in mini, 64 in full)",
    "tracker": "none: truth is exact",
    "seeds": {
        "held out": generated.SEED, "camera": camera.SEED, "occlusion": occlusion.SEED,
        "still": still.SEED, "shapes": shapes.SEED, "futures": 42,
    },
    "counts": {size: vars(counts) for size, counts in SIZES.items()},
}  # fmt: skip


def suite() -> Suite:
    """Version 1."""
    return Suite(
        name="worlds",
        version=1,
        about="simulated and rendered worlds with exact truth",
        protocol=PROTOCOL,
        lots=_lots,
    )


def _lots(size: str, data: Path | None) -> Sequence[Lot]:
    counts = SIZES[size]
    return [
        *generated.held_out_seeds(counts.seeds),
        *generated.held_out_families(counts.families),
        *generated.long_horizon(counts.long),
        *camera.camera_pairs(counts.camera),
        *occlusion.behind_bars(counts.occlusion),
        *still.still_images(*counts.still),
        *shapes.thrown_shapes(counts.shapes),
        *shapes.falling_blocks(counts.falling),
        *futures.many_futures(counts.scenes, counts.futures),
        *futures.poked(counts.scenes, counts.pokes),
    ]
