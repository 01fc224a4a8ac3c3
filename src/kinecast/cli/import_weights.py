"""`kinecast import-weights`: the published systems' files in, out and checked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from kinecast.cli.checks import check_cases
from kinecast.cli.progress import say
from kinecast.core.errors import UserError
from kinecast.forecast.models import find
from kinecast.released import conversion, hub
from kinecast.released.check import check
from kinecast.released.files import Weights
from kinecast.released.metric_check import is_metric
from kinecast.released.published import DEFAULT_REVISION, PUBLICATIONS, Model, published


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
        return check_cases(check_, check, is_metric, "metrics", json_)
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
