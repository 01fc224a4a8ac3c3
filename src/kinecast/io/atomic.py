"""Outputs appear whole or not at all: written beside their place, then renamed into it.

What is renamed is on the disk by then, so that a power cut leaves the old one or the new one.
"""

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kinecast.core.errors import UserError

_COUNT = itertools.count()
_UMASK = os.umask(0)  # the only way to ask for it is to set it
os.umask(_UMASK)
_CANNOT_WRITE = {  # the errors of a write that the user can do something about
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file would be larger than allowed here; choose another folder",
    errno.EACCES: "no permission to write there; choose another folder",
    errno.EPERM: "no permission to write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
    errno.EEXIST: "a part of the path is a file, not a folder; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary sibling of `path`, with its suffix: renamed to `path` if the body succeeds.

    It is removed on any exception, Ctrl-C included. Missing parent folders are made.

    Raises:
        UserError: `path` is a folder, or cannot be written (full disk, no permission, ...).
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"expected a file to write, got the folder {path}; name a file in it")
    temporary = _sibling(path)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush_file(temporary)
            with suppress(PermissionError):  # a file system that knows no modes
                os.chmod(temporary, 0o666 & ~_UMASK)  # some libraries write for the owner alone
            os.replace(temporary, path)
            _flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A new temporary folder beside `path`: renamed to `path` if the body succeeds.

    It is removed on any exception, Ctrl-C included. Where `path` exists, files of the same name are
    replaced and all others are kept.

    Raises:
        UserError: `path` is a file, or cannot be written (full disk, no permission, ...).
    """
    path = Path(path).resolve()
    if path.exists() and not path.is_dir():
        raise UserError(f"expected a folder to write, got the file {path}; choose another name")
    temporary = _sibling(path)
    with _writing(path):
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for folder, _, names in os.walk(temporary):
                for name in names:
                    _flush_file(Path(folder, name))
                _flush_folder(Path(folder))
            _move_folder(temporary, path)
            _flush_folder(path)  # where some of its files were replaced
            _flush_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _move_folder(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
    elif {entry.name for entry in target.iterdir()} <= {entry.name for entry in source.iterdir()}:
        old = _sibling(target)
        target.rename(old)
        source.rename(target)
        shutil.rmtree(old)
    else:  # the folder also holds what is not ours: leave that alone
        for entry in sorted(source.iterdir()):
            os.replace(entry, target / entry.name)


def _flush_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    """Wait until a folder's names are on the disk, where the system can tell."""
    with suppress(OSError):  # Windows opens no folders; network file systems may refuse
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sibling(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}-{next(_COUNT)}.partial{path.suffix}")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _CANNOT_WRITE.get(error.errno or 0)
        if reason is None:
            raise
        raise UserError(f"cannot write {path}: {reason}") from error
