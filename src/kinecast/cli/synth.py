"""`kinecast synth`: simulated worlds with exact tracks."""

import json
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from kinecast.cli.progress import progress_bar
from kinecast.cli.sizes import parse_size
from kinecast.cli.synth_rendered import Asked, write_rendered
from kinecast.core.coords import REFERENCE_SIZE
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.synth import FAMILIES, HELD_OUT, TRAIN_MIX, generate
from kinecast.data.synth.sim.registry import RENDERED
from kinecast.io.atomic import atomic_folder
from kinecast.io.image import write_image
from kinecast.io.tracks_file import save_tracks
from kinecast.viz.contact import contact_sheet

_AT_ONCE = 16  # clips: a progress step, and what memory holds
_ON_SHEET = 12  # clips drawn


def synth(
    family: Annotated[str, tyro.conf.Positional] = "mix",
    /,
    *,
    out: Path | None = None,
    seed: int = 0,
    n: int = 8,
    frames: int | None = None,
    size: str | None = None,
    anchor: int = 0,
    motion: Path | None = None,
    device: str = "cpu",
    fps: float | None = None,
    camera: str = "static",
    futures: int = 1,
    stride: int = 8,
    renderer: str = "mujoco",
    workers: int | None = None,
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Write clips of a family of worlds as track files, and a contact sheet of them.

    A rendered family (docs/rendered.md) also gets a video, masks and labels a clip.

    Args:
        family: a name that --list shows, or "mix": the families of training, as they are mixed.
        out: folder for FAMILY_00000.npz, ... and contact.png.
        seed: clip i depends on (family, seed, i) alone.
        n: number of clips.
        frames: frames a clip; 162, or a rendered family's own number.
        size: WxH of the frame in pixels; 832x480, or a rendered family's own.
        anchor: frame in which the grid of points is laid.
        motion: folder of recorded motion (docs/worlds.md); procedural motion without it.
        device: auto, cpu, cuda or mps.
        fps: rendered: frames a second; the family's own.
        camera: rendered: static or moving.
        futures: rendered: clips of each scene that share frame 0 and then differ.
        stride: rendered: pixels between points, the first at the first pixel's centre.
        renderer: rendered: mujoco, or a path tracer that is installed: mitsuba, cycles.
        workers: rendered: processes; the files do not depend on it. Default: one a CPU core.
        list_: list the families and stop.
        json_: print one JSON object.
    """
    if list_:
        _print_families(json_)
        return
    if out is None:
        raise UserError("expected a folder to write to; add --out DIR")
    if n < 1:
        raise UserError(f"expected --n of 1 or more clips, got {n}")
    if family in RENDERED:
        if motion is not None or device != "cpu":
            raise UserError(
                f"expected no --motion and no --device for the rendered family {family}, which "
                "moves by physics on the CPU; leave them out"
            )
        asked = Asked(
            family, seed, n, futures, frames, None if size is None else parse_size(size), fps,
            anchor, camera, stride, renderer,
        )  # fmt: skip
        report = write_rendered(asked, out, workers)
        print(json.dumps(report) if json_ else "\n".join(report["paths"]))
        return
    rendered_only = (fps, camera, futures, stride, renderer, workers)
    if rendered_only != (None, "static", 1, 8, "mujoco", None):
        raise UserError(
            "expected --fps, --camera, --futures, --stride, --renderer and --workers only with a "
            f"rendered family ({', '.join(RENDERED)}), got the family {family}"
        )
    frames = 162 if frames is None else frames
    frame = REFERENCE_SIZE if size is None else parse_size(size)
    names: list[str] = []
    drawn: list[Tracks] = []
    captions: list[str] = []
    with atomic_folder(out) as folder, progress_bar("simulating") as advance:
        for start in range(0, n, _AT_ONCE):
            worlds = generate(
                family, seed=seed, n=min(_AT_ONCE, n - start), start=start, frames=frames,
                size=frame, anchor=anchor, motion=motion, device=device,
            )  # fmt: skip
            for i in range(len(worlds)):
                clip = worlds.clip(i)
                names.append(f"{family}_{start + i:05d}.npz")
                save_tracks(folder / names[-1], clip.tracks)
                if len(drawn) < _ON_SHEET:
                    drawn.append(clip.tracks)
                    captions.append(clip.id)
            advance(start + len(worlds), n)
        names.append("contact.png")
        write_image(folder / names[-1], contact_sheet(drawn, captions))
    paths = [str(out.resolve() / name) for name in names]
    if json_:
        print(json.dumps({"family": family, "seed": seed, "paths": paths}))
    else:
        print("\n".join(paths))


def _print_families(json_: bool) -> None:
    rows = [
        {"name": name, "about": family.about, "weight": TRAIN_MIX.get(name, 0.0)}
        for name, family in FAMILIES.items()
    ]
    if json_:
        pictures = [{"name": name, "about": entry.about} for name, entry in RENDERED.items()]
        listed = {"families": rows, "held_out": list(HELD_OUT), "rendered": pictures}
        print(json.dumps(listed))
        return
    table = Table("name", "share of mix", "what moves")
    total = sum(TRAIN_MIX.values())
    for name, family in FAMILIES.items():
        share = f"{100 * family.weight / total:.1f} %" if family.weight else "held out"
        table.add_row(name, share, family.about)
    for name, entry in RENDERED.items():
        table.add_row(name, "rendered", entry.about)
    Console().print(table)
