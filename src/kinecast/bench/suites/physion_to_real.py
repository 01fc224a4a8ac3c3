"""From Physion to real scenes: a model that was trained on simulated scenes, on real ones.

Source: What Happens Next? (arXiv 2509.21592), section A.3 and figure 6: looked at there, not
measured ("too small for robust quantitative analysis"), so that no number of the paper stands
beside these.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.imported import case_of, clips, named_lots, required
from kinecast.core.errors import UserError
from kinecast.io.webdataset import shards_in

NAME = "physion-to-real"
FRAMES = 30
SIZE = (256, 256)
STRIDE = 8
MINI_SHARDS, MINI_CLIPS = 2, 4
FETCH = (
    "Film scenes of your own with a fixed camera (30 frames of falling, colliding, rolling "
    "things), or take any clips, and build them: kinecast build physion-real VIDEOS --tracker "
    "cotracker3 --weights FILE --code CLONE --out DIR; WHN's demo shards "
    "(Gabrijel/what_happens_next_demo on the Hugging Face hub) are read too"
)
PROTOCOL = {
    "k": 8,
    "seed": 42,
    "seconds": [],
    "resolution": "256x256",
    "queries": "32 x 32: every 8th pixel, the first at 2.5",
    "frames": "1 -> 29",
    "tracker": "that the data was built with",
    "not published; ours": "everything that is measured: the paper shows pictures of these scenes; "
    "k; the crop: a square about the middle; which 30 frames: the first",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    folder = required(NAME, data, FETCH)
    shards = [
        (name, partial(_shard, shard, name, MINI_CLIPS if size == "mini" else None))
        for shard, name in shards_in(folder)
    ]
    return named_lots(shards, MINI_SHARDS if size == "mini" else None)


def _shard(shard: Path, name: str, most: int | None) -> Iterator[Case]:
    for clip in islice(clips("whn", shard, {"stride": str(STRIDE)}), most):
        if (len(clip.tracks), clip.tracks.size) != (FRAMES, SIZE):
            raise UserError(
                f"expected {FRAMES} frames of 256x256 in {clip.id} of {shard}, got "
                f"{len(clip.tracks)} of {clip.tracks.size}; build it with kinecast build "
                "physion-real"
            )
        id = f"{name}/{clip.id.partition('/')[2]}"
        yield case_of(clip, id=id, group="real scenes", horizon=FRAMES - 1)


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="real scenes at Physion's setting: 29 frames of 256x256 from one",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
    )
