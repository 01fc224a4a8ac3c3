"""`kinecast import-weights`: the published systems' files in, out and checked."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from kinecast.cli.progress import say
from kinecast.core.errors import UserError
from kinecast.forecast.models import find
from kinecast.released import conversion, hub
from kinecast.released.case import ABOUT, Case
from kinecast.released.check import Deviation, check
from kinecast.released.files import Weights
from kinecast.released.published import DEFAULT_REVISION, PUBLICATIONS, Model, published

BEYOND, UNREADABLE = 1, 2  # exit statuses of --check


def import_weights(
    words: Positional[tuple[str, ...]] = (),
    *,
    out: Path | None = None,
    set_: Annotated[tuple[str, ...], tyro.conf.arg(name="set")] = (),
    weights: Weights | None = None,
    hub_: Annotated[bool, tyro.conf.arg(name="hub")] = False,
    repository: str | None = None,
    revision: str = DEFAULT_REVISION,
    offline: bool = False,
    export: str | None = None,
    check_: Annotated[tuple[Path, ...], tyro.conf.arg(name="check")] = (),
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Turn the authors' published weights into a checkpoint folder.

    kinecast import-weights SYSTEM FILES... --out DIR: files that are here.

    kinecast import-weights SYSTEM [MODEL] --hub --out DIR: files that the authors publish.

    kinecast import-weights --export MODEL --out DIR: the authors' layout back.

    kinecast import-weights --check CASE...: recorded numbers of the authors' code against ours.

    Args:
        words: the system (trajloom, whn or zipmo), then its files, or with --hub the name of a
            published model or of files in the repository.
        out: the folder to write.
        set_: NAME=VALUE settings that the files do not tell, as docs/published.md lists them.
        weights: of a file that has both, the trained ones (model) or the averaged ones (ema).
        hub_: fetch the files; what was interrupted goes on where it stopped.
        repository: owner/name on the hub, where it is not the authors' own.
        revision: commit, tag or branch to fetch; a commit pins the files.
        offline: with --hub, only what was fetched before; never touches the network.
        export: a model's name or checkpoint folder, to write in the authors' layout.
        check_: folders of recorded cases, or folders of such folders. Exit status 1 beyond
            tolerance, 2 for a case that cannot be read.
        json_: print one JSON object.
    """
    if check_:
        return _check(check_, json_)
    if out is None:
        raise UserError("expected --out DIR, the folder to write, or --check CASE, got neither")
    if export is not None:
        return _say_paths(conversion.export_files(find(export).path, out), json_)
    if not words:
        raise UserError(
            f"expected a published system of {', '.join(conversion.SYSTEMS)}, then its files, "
            "got nothing"
        )
    system, names = words[0], words[1:]
    conversion.reader(system)
    options = dict(_pair(word) for word in set_)
    origin = None
    if hub_:
        model = _published(system, names)
        fetched = hub.fetch(_repository(system, repository), model.files, revision, offline)
        origin, paths = fetched.origin, list(fetched.paths)
        say(f"{origin.repository} at {origin.revision}; licence of the weights: {origin.licence}")
        options, weights = {**model.options, **options}, weights or model.weights
    else:
        paths = [Path(name) for name in names]
    if not paths:
        raise UserError(f"expected the files of {system}, got none; name them, or use --hub")
    return _say_paths(conversion.import_files(system, paths, out, options, weights, origin), json_)


def _say_paths(paths: Sequence[Path], json_: bool) -> int:
    found = [str(path) for path in paths]
    print(json.dumps({"paths": found}) if json_ else "\n".join(found))
    return 0


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise UserError(f"expected --set NAME=VALUE, got {word!r}")
    return name, value


def _published(system: str, names: Sequence[str]) -> Model:
    """A published model by its name, or files by theirs."""
    if len(names) > 1 or any("." in name for name in names):
        return Model(tuple(names))
    return published(system, names[0] if names else None)


def _repository(system: str, given: str | None) -> str:
    repository = given or PUBLICATIONS[system].repository
    if repository is None:
        raise UserError(
            f"expected --repository OWNER/NAME: the authors of {system} name none in their paper; "
            "their code's page leads to it"
        )
    return repository


def _check(places: Sequence[Path], json_: bool) -> int:
    reports: list[dict[str, Any]] = []
    status = 0
    for folder in _cases(places):
        report: dict[str, Any] = {"case": str(folder)}
        try:
            case = Case.read(folder)
            found = check(case)
        except UserError as error:
            report["error"] = str(error)
            status = UNREADABLE
            say(f"kinecast: {error}")
        else:
            report |= {"system": case.system, "kind": case.kind}
            report["outputs"] = [{**asdict(d), "within": d.within} for d in found]
            if not all(d.within for d in found):
                status = max(status, BEYOND)
            if not json_:
                _print(folder, case, found)
        reports.append(report)
    if json_:
        print(json.dumps({"cases": reports}))
    return status


def _cases(places: Sequence[Path]) -> list[Path]:
    """Folders of cases; of a folder of such, those that are networks' (metrics have their own)."""
    folders: list[Path] = []
    for place in places:
        if not place.is_dir() or (place / ABOUT).is_file():
            folders.append(place)
            continue
        below = sorted(path.parent for path in place.rglob(ABOUT))
        networks = [folder for folder in below if not _is_metrics(folder)]
        if not networks:
            raise UserError(f"expected recorded cases (folders with {ABOUT}) in {place}, got none")
        if len(below) > len(networks):
            say(f"note: {len(below) - len(networks)} cases of metrics in {place} are passed over")
        folders += networks
    return folders


def _is_metrics(folder: Path) -> bool:
    try:
        return Case.read(folder).kind == "metrics"
    except UserError:  # told where the case is checked
        return False


def _print(folder: Path, case: Case, found: Sequence[Deviation]) -> None:
    print(f"{folder} ({case.system}, {case.kind})")
    width = max((len(d.output) for d in found), default=0)
    for d in found:
        verdict = "ok" if d.within else f"BEYOND TOLERANCE {d.remark}".rstrip()
        off = f"{d.value:9.3g}  tolerance {d.limit:g} {d.measure:<10}"
        print(f"  {d.output:<{width}}  {off}  {verdict}")
