"""Where an encoder's files are on this machine; the network is never asked."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.io.checkpoint import file_hash
from kinecast.io.home import home

CONFIG = "config.json"
SUFFIXES = (".json", ".safetensors", ".txt", ".model")


def find_files(
    source: str | Path | None, repositories: Sequence[str], config: str = CONFIG
) -> Path:
    """A folder of an encoder, or the file that was named.

    Args:
        source: a folder or a file, or None: look in kinecast's home, then in transformers' cache.
        repositories: names on the Hugging Face hub that the cache may hold it under.
        config: a file of the folder that every complete one has.

    Raises:
        UserError: nothing there; the message says what to put where.
    """
    if source is not None:
        path = Path(source)
        if path.is_file() or (path / config).is_file():
            return path
        raise UserError(f"expected a folder with {config} or a file of weights, got {path}")
    own = home() / "encoders"
    places = [own / name.split("/")[-1] for name in repositories]
    places += [folder for name in repositories for folder in _snapshots(name)]
    found = next((place for place in places if (place / config).is_file()), None)
    if found is None:
        raise UserError(
            f"expected the files of {repositories[0]} (from huggingface.co) on this machine, got "
            f"none; put its folder in {places[0]}, or into the cache at {_hub_cache()}"
        )
    return found


def digest(path: Path) -> str:
    """SHA-256 over the names and bytes of an encoder's files."""
    if path.is_file():
        return file_hash(path)
    files = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES and f.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {file_hash(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _snapshots(repository: str) -> list[Path]:
    """Folders of a repository in the cache that transformers and diffusers share, best first."""
    folder = _hub_cache() / f"models--{repository.replace('/', '--')}"
    main = folder / "refs" / "main"
    revisions = [main.read_text("utf-8").strip()] if main.is_file() else []
    others = sorted(entry.name for entry in (folder / "snapshots").glob("*"))
    return [folder / "snapshots" / name for name in dict.fromkeys([*revisions, *others])]


def _hub_cache() -> Path:
    """The folder that the Hugging Face libraries use, from the variables that they read."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    hub = Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub"
    return Path(os.environ.get("HF_HUB_CACHE") or hub)
