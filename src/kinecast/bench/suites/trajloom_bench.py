"""TrajLoomBench: 81 frames of 390 points forecast from the 81 before, four sets.

Source: TrajLoom (arXiv 2603.22606), section 4 and appendix D: tables 1 to 6.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kinecast.bench.case import Case
from kinecast.bench.contestants.autoencoder import KEY
from kinecast.bench.results import Results
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.imported import case_of, clips, named_lots, only, parts, required
from kinecast.bench.suites.paper_measure import Futures, with_scalars
from kinecast.bench.suites.published import published
from kinecast.core.coords import REFERENCE_SIZE
from kinecast.core.errors import UserError
from kinecast.data.importers.captions import is_caption_table
from kinecast.metrics.reconstruction import vepe

NAME = "trajloom-bench"
HISTORY = FUTURE = 81
GRID = (15, 26)
GROUPS = {
    "kinetics": "Kinetics",
    "robotap": "RoboTAP",
    "kubric": "Kubric",
    "magicdata": "MagicData (E)",
}
VEPE_FRAMES = (24, 81)
MINI = 2  # clips of each set
FETCH = (
    "Fetch the videos of one or more of: kinetics (Kinetics-700-2020 validation clips of "
    "tapvid_kinetics.csv, from the cvdfoundation's mirror), robotap (RoboTAP from the bucket "
    "dm-tapnet), kubric (kinecast synth movi-a --frames 162 --size 832x480 --out VIDEOS), "
    "magicdata (quanhaol/MagicData on the Hugging Face hub), and build each: kinecast build "
    "trajloom-bench VIDEOS --tracker alltracker --weights FILE --code CLONE --out DIR/kinetics; "
    "zeweizhang/TrajLoomDatasets on the hub is in that layout already (docs/paper-suites.md)"
)
PROTOCOL = {
    "k": 1,
    "seed": 42,
    "seconds": [],
    "resolution": "832x480",
    "queries": "15 x 26, the top-left pixel of each 32-pixel cell of the clip's first frame",
    "frames": "81 -> 81 of the first 162",
    "tracker": "that the data was built with; AllTracker in the paper",
    "fvmd_stride": 1,
    "fvmd": "windows of 16 frames, a start every frame; both sides masked by the truth's "
    "visibility; FVMD-Long: the whole future as one window",
    "flow_tv": "x 100, stride 32, masked by the truth's visibility",
    "divcurl": "x 1000, divided by the stride once as in the authors' code (their formula: twice)",
    "vepe": "81 frames of the future through the autoencoder (vae:MODEL), over visible points; 24: "
    "the first frames of the same reconstruction; a clip's mean, and over all points in vepe_of",
    "solvers": "Euler 10 and DOPRI5 as separate contestants",
    "not published; ours": "which clips: all that the folder holds; the temporal windows of longer "
    "videos: the first; re-rendering of Kubric: kinecast synth movi-a, in MuJoCo; how WHN was "
    "given 81 frames at 480p: the last frame seen (a WHN of 82 frames forecasts 81), its grid read "
    "where the points are",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    folder = required(NAME, data, FETCH)
    lots: list[Lot] = []
    for part, group in parts(NAME, folder, GROUPS, FETCH):
        files = sorted(part.rglob("*.npz"))
        if not files:
            raise UserError(f"expected tracks NAME.npz in {part}, got none. {FETCH}")
        named = []
        for file in files:
            name = file.relative_to(part).with_suffix("").as_posix().removeprefix("tracks/")
            make = partial(_clip, part, file, group, f"{part.name}/{name}")
            named.append((f"{part.name}/{name}", make))
        lots += named_lots(named, MINI if size == "mini" else None)
    return lots


def _clip(part: Path, file: Path, group: str, id: str) -> Iterator[Case]:
    options = {"videos": str(part)}
    tables = [table for table in sorted(part.glob("*.csv")) if is_caption_table(table)]
    if len(tables) > 1:
        raise UserError(f"expected one table of captions in {part}, got {len(tables)}; remove some")
    if tables:
        options["captions"] = str(tables[0])
    clip = only(clips("trajloom", file, options), file)
    grid = clip.tracks.grid
    if clip.tracks.size != REFERENCE_SIZE or grid is None or (grid.h, grid.w) != GRID:
        raise UserError(
            f"expected 15 x 26 points of an 832x480 frame in {file}, got {clip.tracks.count} of "
            f"{clip.tracks.size}; build it with kinecast build trajloom-bench"
        )
    yield case_of(
        clip, id=id, group=group, history=HISTORY, horizon=FUTURE, text=clip.caption or None
    )


def _reconstruction(case: Case, futures: Futures, asked: int) -> dict[str, float]:
    """VEPE of an autoencoder, pixels, and over how many points it is a mean."""
    if KEY not in futures[0].source:
        return {}
    found = {}
    for frames in VEPE_FRAMES:
        truth = case.truth.window(0, frames)
        if truth.visible.any():
            found[f"vepe_{frames}"] = vepe([(futures[0].window(0, frames), truth)])
            found[f"vepe_{frames}_points"] = float(truth.visible.sum())
    return found


def vepe_of(results: Results, model: str) -> dict[str, dict[int, float]]:
    """Table 2 of an autoencoder: set -> {24: pixels, 81: pixels} over all points of all clips.

    Raises:
        UserError: no autoencoder of that name (vae:MODEL) in the run.
    """
    sums: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for row in results.of(model):
        for frames in VEPE_FRAMES:
            error = row.result.scalars.get(f"vepe_{frames}")
            if error is not None:
                points = row.result.scalars[f"vepe_{frames}_points"]
                of_set = sums.setdefault(row.group, {}).setdefault(frames, [])
                of_set.append((error * points, points))
    if not sums:
        raise UserError(f"expected reconstructions of vae:MODEL in {results.folder}, got {model}")
    return {
        group: {frames: sum(e for e, _ in some) / sum(n for _, n in some)
                for frames, some in each.items()}
        for group, each in sums.items()
    }  # fmt: skip


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="TrajLoomBench: 81 frames from 81, Kinetics, RoboTAP, MOVi-A and MagicData",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(_reconstruction),
        published=published("trajloom", NAME),
    )
