"""`kinecast convert`: published data sets into shards or files, and one track file into another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from kinecast.cli.progress import progress_bar
from kinecast.cli.tracker import load_tracker
from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.data.exporters import EXPORTERS, exporter
from kinecast.data.importers import IMPORTERS, Importer, importer
from kinecast.data.importers.track import tracked
from kinecast.io import formats
from kinecast.io.atomic import atomic_folder


def convert(
    source: Annotated[Path | None, tyro.conf.Positional] = None,
    /,
    *,
    from_: Annotated[str | None, tyro.conf.arg(name="from")] = None,
    out: Path | None = None,
    to: str = "shards",
    assume: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    tracker: str = "flow",
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "auto",
    stride: int | None = None,
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Convert a published data set, or a track file of one format into another.

    Args:
        source: a file or folder of the data set, or a track file (.npz, .csv).
        from_: the data set's layout; --list shows them. Without it, source is a track file.
        out: folder to write to, or with a track file the file to write, .npz or .csv.
        to: what to write: shards, files, or a published layout that --list shows.
        assume: KEY=VALUE, what the files do not say; may be given several times.
        tracker: what follows the points where a data set has no tracks, as for `kinecast track`.
        weights: a published tracker's weights file.
        code: the folder of your clone of its code.
        device: that it runs on: auto, cuda, cuda:N, mps or cpu.
        stride: pixels between points, where points are laid here.
        list_: list the data sets and what can be written, and stop.
        json_: print one JSON object.
    """
    if list_:
        _print_layouts(json_)
        return
    if source is None or out is None:
        raise UserError("expected SOURCE and --out; see kinecast convert --list and --help")
    if from_ is None:
        if assume or stride is not None or to != "shards":
            raise UserError("expected --from NAME with these options; see kinecast convert --list")
        formats.write(formats.read(source), out)
        _print({"paths": [str(out.absolute())]}, json_)
        return
    importer_, exporter_ = importer(from_), exporter(to)
    options = _options(assume)
    if stride is not None:
        options = _with_stride(importer_, options, stride)
    follow = load_tracker(tracker, weights, code, device)
    counts = {"clips": 0, "frames": 0, "points": 0}
    with progress_bar("converting") as advance, atomic_folder(out) as folder:

        def clips() -> Iterator[Clip]:
            for item in importer_.items(source, options):
                clip = item if isinstance(item, Clip) else tracked(item, follow, stride)
                yield clip
                counts["clips"] += 1
                counts["frames"] += len(clip.tracks)
                counts["points"] += clip.tracks.count
                advance(counts["clips"], None)

        exporter_.write(clips(), folder, from_)
        if not counts["clips"]:
            raise UserError(f"expected clips of {from_} in {source}, got none")
        names = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    paths = [str(out.resolve() / name) for name in names]
    _print({"from": from_, "to": to, **counts, "paths": paths}, json_)


def _options(assume: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for word in assume:
        key, equals, value = word.partition("=")
        if not equals or not key or not value or key in options:
            raise UserError(f"expected --assume KEY=VALUE, each key once, got {word!r}")
        options[key] = value
    return options


def _with_stride(importer_: Importer, options: dict[str, str], stride: int) -> dict[str, str]:
    """--stride for an importer that lays points itself is its own option."""
    if any(option.startswith("stride=") for option in importer_.options):
        if "stride" in options:
            raise UserError("expected --stride or --assume stride=N, got both")
        return {**options, "stride": str(stride)}
    return options


def _print(result: dict[str, Any], json_: bool) -> None:
    print(json.dumps(result) if json_ else "\n".join(result["paths"]))


def _print_layouts(json_: bool) -> None:
    found = [importer(name) for name in IMPORTERS]
    written = [exporter(name) for name in EXPORTERS]
    if json_:
        rows = [
            {"name": i.name, "about": i.about, "convention": i.convention, "options": i.options}
            for i in found
        ]
        writes = [{"name": e.name, "about": e.about, "convention": e.convention} for e in written]
        print(json.dumps({"from": rows, "to": writes}))
        return
    table = Table("--from", "what it is, licence", "its coordinates", "--assume")
    for i in found:
        table.add_row(i.name, i.about, i.convention, "\n".join(i.options), end_section=True)
    Console().print(table)
    table = Table("--to", "what is written", "its coordinates")
    for e in written:
        table.add_row(e.name, e.about, e.convention, end_section=True)
    Console().print(table)
