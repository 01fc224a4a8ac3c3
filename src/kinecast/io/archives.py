"""Members of tar and zip archives, read in place.

Nothing is extracted: a member is read as a stream, and only `Member.save` writes, to the path that
the caller names. An archive that is made to do harm is refused: names that leave the folder,
links, devices, members that unpack to far more than the archive holds, too many members.
"""

import bz2
import gzip
import io
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path

_SMALL = 64 << 20  # bytes that no archive needs to account for
_RATIO = 200  # unpacked to packed: pictures and arrays stay below, a bomb starts at 1000
_MEMBERS = 2_000_000
_CHUNK = 1 << 20
_HEADER = 1 << 20  # the longest name or comment that a tar may have

_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}

_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError, NotImplementedError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Attributes:
        name: its path in the archive, relative, with "/".
        size: bytes, unpacked.
        archive: the archive's path.
    """

    name: str
    size: int
    archive: Path
    _open: Callable[[], IO[bytes]]

    def read(self) -> bytes:
        """The whole content.

        Raises:
            UserError: it is damaged.
        """
        content = io.BytesIO()
        self._copy(content)
        return content.getvalue()

    def save(self, path: str | Path) -> None:
        """Writes the content to a file, atomically.

        Raises:
            UserError: it is damaged, or the file cannot be written.
        """
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            self._copy(file)

    def _copy(self, target: IO[bytes]) -> None:
        try:
            with self._open() as source:
                shutil.copyfileobj(source, target, _CHUNK)
        except _DAMAGED as error:
            raise UserError(
                f"expected {self.name} of {self.archive} whole, got a damaged one ({error})"
            ) from error
        if target.tell() != self.size:
            raise UserError(
                f"expected {self.size} bytes of {self.name} in {self.archive}, got {target.tell()}"
            )


def safe_members(path: str | Path) -> Iterator[Member]:
    """The files of a tar (also .gz, .bz2, .xz) or zip, in their order.

    A member is to be read before the next one is asked for.

    Raises:
        UserError: no such file, not an archive, damaged, encrypted, a name that is absolute or
            leaves the folder or occurs twice, a link or a device, a member or an archive that
            unpacks to more than 200 times its size, or more than 2 million members.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    with path.open("rb") as file:
        magic = file.read(6)
    members = _zip(path) if magic[:2] == b"PK" else _tar(path, magic)
    names: set[str] = set()
    allowance = max(_SMALL, _RATIO * path.stat().st_size)
    iterator = iter(members)
    while True:
        try:
            member = next(iterator, None)
        except UserError:
            raise
        except _DAMAGED as error:
            raise UserError(
                f"expected a tar or zip archive, got {path}: not one, truncated or damaged "
                f"({error})"
            ) from error
        if member is None:
            return
        _check_name(member, names)
        allowance -= member.size
        if allowance < 0:
            raise UserError(
                f"expected an archive, got {path}, which unpacks to more than {_RATIO} times its "
                "size: it looks like a zip bomb and was not unpacked"
            )
        yield member


def _check_name(member: Member, names: set[str]) -> None:
    name = member.name
    parts = name.split("/")
    drive = re.match(r"[A-Za-z]:", name)
    if not name or name.startswith("/") or drive or ".." in parts or re.search(r"[\\\x00]", name):
        raise UserError(
            f"expected names inside the archive, got {name!r} in {member.archive}: it leaves the "
            "folder; nothing was unpacked"
        )
    if name in names:
        raise UserError(f"expected different names in {member.archive}, got {name!r} twice")
    if len(names) >= _MEMBERS:
        raise UserError(f"expected at most {_MEMBERS} files in {member.archive}, got more")
    names.add(name)


def _zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        packed = sum(info.compress_size for info in archive.infolist())
        if packed > path.stat().st_size:
            raise UserError(
                f"expected an archive, got {path}, whose members overlap: it looks like a zip bomb"
            )
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise UserError(_not_a_file(info.filename, path))
            if info.flag_bits & 1:
                raise UserError(f"expected {path} without a password, got it encrypted")
            if info.file_size > max(_SMALL, _RATIO * info.compress_size):
                raise UserError(
                    f"expected an archive, got {path}, where {info.filename} unpacks from "
                    f"{info.compress_size} to {info.file_size} bytes: it looks like a zip bomb"
                )
            yield Member(
                info.orig_filename,
                info.file_size,
                path,
                lambda info=info: archive.open(info),  # type: ignore[misc]
            )


def _tar(path: Path, magic: bytes) -> Iterator[Member]:
    opener = next((o for start, o in _OPENERS.items() if magic.startswith(start)), None)
    with (
        path.open("rb") if opener is None else opener(path) as stream,
        tarfile.open(fileobj=cast(Any, _Bounded(stream)), mode="r:") as archive,
    ):
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all: memory stays flat
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                raise UserError(_not_a_file(info.name, path))
            yield Member(
                info.name,
                info.size,
                path,
                lambda info=info: cast(IO[bytes], archive.extractfile(info)),  # type: ignore[misc]
            )
        if stream.tell() < archive.offset + tarfile.BLOCKSIZE:  # tarfile takes this for the end
            raise tarfile.ReadError("it ends without its last block")


def _not_a_file(name: str, path: Path) -> str:
    return (
        f"expected plain files in {path}, got {name!r}, which is a link, a device or sparse; "
        "nothing was unpacked"
    )


class _Bounded:
    """A stream that is read in small pieces only: tarfile reads headers of any stated length."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        """At most `_HEADER` bytes at once.

        Raises:
            tarfile.TarError: more is asked for.
        """
        if not 0 <= size <= _CHUNK + _HEADER:
            raise tarfile.HeaderError(f"a header of {size} bytes")
        return bytes(self._stream.read(size))
