"""Fetch published files from the hub: one commit, whole files, or an error.

They are kept in `home() / "downloads" / OWNER--NAME / COMMIT`; a file that is not whole yet ends in
.partial and is gone on with, also by a later run.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kinecast.core.errors import MissingExtraError, UserError
from kinecast.io.checkpoint import file_hash
from kinecast.io.home import home
from kinecast.released.card import NOT_STATED, Origin

CARD = "README.md"
PARTIAL = ".partial"
REVISIONS = "revisions"  # folder: one file a branch or tag, with the commit it last stood for


@dataclass(frozen=True)
class Fetched:
    """Files on this disk.

    Attributes:
        paths: in the order they were asked for.
        origin: repository, commit and licence.
    """

    paths: tuple[Path, ...]
    origin: Origin


@dataclass(frozen=True)
class Remote:
    """A file on the hub.

    Attributes:
        name: in its repository.
        size: in bytes.
        sha256: where the hub tells it (of large files).
    """

    name: str
    size: int
    sha256: str | None


def fetch(repository: str, patterns: Sequence[str], revision: str, offline: bool) -> Fetched:
    """The files of a repository that patterns name, each pattern one.

    Args:
        repository: owner/name.
        patterns: names, or patterns of names (`*`).
        revision: a commit, tag or branch.
        offline: take what was fetched before; nothing touches the network.

    Raises:
        UserError: no such repository, revision or file, no connection, or a damaged file.
        MissingExtraError: huggingface_hub is not installed.
    """
    store = home() / "downloads" / repository.replace("/", "--")
    if offline:
        commit = _known(store, revision)
    else:
        commit = _download(store, repository, patterns, revision)
    folder = store / commit
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    whole = sorted(name for name in names if not name.endswith(PARTIAL))
    paths = tuple(folder / _only(whole, pattern, repository) for pattern in patterns)
    return Fetched(paths, Origin(repository, commit, _licence(folder / CARD)))


def _known(store: Path, revision: str) -> str:
    """The commit that a revision stood for when it was fetched."""
    named = store / REVISIONS / revision.replace("/", "--")
    commit = named.read_text("utf-8") if named.is_file() else revision
    if not (store / commit).is_dir():
        raise UserError(
            f"{store.name.replace('--', '/')} at revision {revision} was not fetched before; "
            "run once without --offline"
        )
    return commit


def _download(store: Path, repository: str, patterns: Sequence[str], revision: str) -> str:
    """Bring the files of a commit here, if they are not; returns the commit."""
    try:
        from huggingface_hub import HfApi, hf_hub_url
        from huggingface_hub.errors import HFValidationError, HTTPError
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers, disable_progress_bars
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub") from None
    if not sys.stderr.isatty():
        disable_progress_bars()
    endpoint = os.environ.get("HF_ENDPOINT")
    hub = HfApi(endpoint)
    try:
        commit = str(hub.model_info(repository, revision=revision).sha)
        tree = hub.list_repo_tree(repository, recursive=True, revision=commit)
        files = {entry.path: _remote(entry) for entry in tree if hasattr(entry, "size")}
        wanted = [_only(sorted(files), pattern, repository) for pattern in patterns]
        for name in [*wanted, *([CARD] if CARD in files else [])]:
            url = hf_hub_url(repository, name, revision=commit, endpoint=endpoint)

            def get(file: Any, start: int, size: int, url: str = url) -> None:
                headers = build_hf_headers()
                http_get(url, file, resume_size=start, headers=headers, expected_size=size)

            _bring(store / commit / name, files[name], get)
    except (HTTPError, OSError, HFValidationError) as error:
        first = " ".join(str(error).split())[:200]
        raise UserError(
            f"{repository} at revision {revision} cannot be fetched: {first}; "
            "run again to go on where it stopped"
        ) from error
    named = store / REVISIONS / revision.replace("/", "--")
    named.parent.mkdir(exist_ok=True)
    named.write_text(commit, "utf-8")
    return commit


def _remote(entry: Any) -> Remote:
    return Remote(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None)


def _bring(path: Path, remote: Remote, get: Callable[[Any, int, int], None]) -> None:
    """Have one file here, whole; what is here of it is not asked for again."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("ab") as file:
        get(file, file.tell(), remote.size)
    if remote.sha256 is not None and file_hash(partial) != remote.sha256:
        partial.unlink()
        raise UserError(f"{path.name} was damaged on its way; run again")
    partial.rename(path)


def _only(names: Sequence[str], pattern: str, repository: str) -> str:
    found = [name for name in names if fnmatchcase(name, pattern)]
    if len(found) != 1:
        got = ", ".join(found) or f"none among {', '.join(names[:20]) or 'no files'}"
        raise UserError(
            f"expected one file {pattern} in {repository}, got {got}; "
            "name the files, as they are called there"
        )
    return found[0]


def _licence(card: Path) -> str:
    """The `license:` line of a model card's header."""
    lines = card.read_text("utf-8").splitlines() if card.is_file() else []
    stated = (line.partition(":")[2].strip() for line in lines if line.startswith("license:"))
    return next(stated, "") or NOT_STATED
