"""WHN's Kubric benchmark: 16 scenes x 64 futures of one first frame, in and out of distribution.

Source: What Happens Next? (arXiv 2509.21592), sections 3.3 and 4.2, appendix C.5: tables 3, 4, 6,
11, 12 and 21.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.imported import clips, data_hash, named_lots, only, required
from kinecast.bench.suites.published import published
from kinecast.core.clip import Clip
from kinecast.core.cond import Frame
from kinecast.core.errors import UserError
from kinecast.data.importers.whn_grids import thinned
from kinecast.data.importers.whn_rollouts import NAME as ROLLOUT
from kinecast.io.npy import parse_npy

NAME = "whn-kubric"
FRAMES = 24
SIZE = (256, 256)
STRIDE = 8
GROUPS = {"rval": "in distribution", "rood": "out of distribution"}
SCENES, FUTURES = 16, 64  # of the paper
MINI_SCENES, MINI_FUTURES = 2, 8
FETCH = (
    "Build it: kinecast build whn-kubric --out DIR (2 x 16 x 64 clips, extra sim), or fewer with "
    "scenes=2 rollouts=8 for --size mini; rollout folders movi_a_{rval|rood}_... of the authors "
    "are read too"
)
PROTOCOL = {
    "k": FUTURES,
    "seed": 42,
    "seconds": [],
    "resolution": "256x256",
    "queries": "all of the 32 x 32 grid: the centres of every 8th pixel of the first frame",
    "frames": "1 -> 23",
    "scenes": "16 in and 16 out of distribution, 64 true futures each; k forecasts as many",
    "tracker": "exact",
    "mini": "the first 2 scenes of each, 8 futures and 8 forecasts: FVMD falls with more",
    "not published; ours": "the queries of the tables (the authors have q42_obj, q42_grid and the "
    "grid): the grid; the mean of best-of-K: over points, frames and both coordinates, pixels^2, "
    "the first frame left out; LRTL: pixels, not centred, objects of 6 points and more without the "
    "background; FVMD(S): the plain mean over scenes; the worlds: MOVi-A's recipe in MuJoCo",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    folder = required(NAME, data, FETCH)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    found = [(name, match) for name in names if (match := ROLLOUT.fullmatch(name))]
    if not found:
        raise UserError(
            f"expected folders movi_a_rval_..._000000-000000 in {folder}, got none. {FETCH}"
        )
    named = []
    for split, group in GROUPS.items():
        of_split = [(name, match) for name, match in found if match["split"] == split]
        by_scene = [
            (scene, [folder / name for name, _ in rollouts])
            for scene, rollouts in groupby(of_split, key=lambda one: one[1]["scene"])
        ]
        if size == "mini":
            by_scene = [(scene, one[:MINI_FUTURES]) for scene, one in by_scene[:MINI_SCENES]]
        elif of_split:
            _check_whole(folder, split, by_scene)
        named += [(f"{split}-{scene}", partial(_scene, f"{split}-{scene}", group, folders))
                  for scene, folders in by_scene]  # fmt: skip
    return named_lots(named)


def _check_whole(folder: Path, split: str, by_scene: list[tuple[str, list[Path]]]) -> None:
    counts = [len(rollouts) for _, rollouts in by_scene]
    if len(counts) != SCENES or set(counts) != {FUTURES}:
        raise UserError(
            f"expected {SCENES} scenes of {FUTURES} rollouts of movi_a_{split} in {folder}, got "
            f"{len(counts)} of {min(counts)} to {max(counts)}; build the rest, or use --size mini. "
            f"{FETCH}"
        )


def _scene(id: str, group: str, folders: list[Path]) -> Iterator[Case]:
    """The futures of one first frame as one case."""
    rollouts = [_rollout(folder) for folder in folders]
    first = rollouts[0]
    assert first.video is not None
    image = first.video[0:1][0]
    for clip, folder in zip(rollouts, folders, strict=True):
        assert clip.video is not None
        same = np.array_equal(clip.tracks.xy[0], first.tracks.xy[0])
        if not same or not np.array_equal(clip.video[0:1][0], image):
            raise UserError(f"expected the first frame of {folders[0]} in {folder}, got another")
    hashes = [data_hash(clip.tracks, image) for clip in rollouts]
    yield Case(
        id=id,
        group=group,
        history=first.tracks.window(0, 1),
        truths=tuple(clip.tracks.window(1, FRAMES) for clip in rollouts),
        frame=Frame(image, first.tracks.fps),
        video=first.video,
        objects=_objects(folders[0], first),
        about={"k": len(rollouts), "source": folders[0].name, "data_sha256": hashes},
    )


def _rollout(folder: Path) -> Clip:
    """One future, on the grid of every 8th pixel."""
    clip = only(clips("whn-rollouts", folder), folder)
    tracks = clip.tracks
    if (len(tracks), tracks.size) != (FRAMES, SIZE) or tracks.grid is None:
        raise UserError(
            f"expected {FRAMES} frames of 256x256 and a grid of points in {folder}, got "
            f"{len(tracks)} of {tracks.size} and {tracks.count} points"
        )
    return replace(clip, tracks=thinned(tracks, STRIDE, str(folder)))


def _objects(folder: Path, clip: Clip) -> Int64[np.ndarray, " n"] | None:
    """The object in the pixel where each point is laid; None where there are no masks."""
    file = folder / "segmentations.npy"
    if not file.is_file():
        return None
    masks = parse_npy(file.read_bytes(), str(file))
    W, H = SIZE
    if (
        masks.shape[:3] != (FRAMES, H, W)
        or masks.size != FRAMES * H * W
        or masks.dtype.kind not in "ui"
    ):
        raise UserError(f"expected masks (24, 256, 256) in {file}, got {masks.dtype} {masks.shape}")
    x, y = clip.tracks.xy[0].astype(np.int64).T
    return masks[0].reshape(H, W)[y, x].astype(np.int64) - 1


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="WHN's Kubric benchmark: 16 scenes x 64 futures, in and out of distribution",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        published=published("whn", NAME),
    )
