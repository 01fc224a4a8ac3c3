"""`outputs:READER:FOLDER?key=value&...`: what another method wrote, scored as a forecast."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kinecast.bench.case import Case
from kinecast.bench.readers import READERS, Reader, reader
from kinecast.bench.readers.base import Output, RefusalError
from kinecast.bench.readers.futures import OPTIONS, futures
from kinecast.bench.readers.options import Options, parse
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks

SHARED = (
    "name=NAME in the tables",
    "samples=N that every case shall have: one with fewer is skipped",
)
FEW = "fewer samples are there than samples= states"


class Outputs:
    """A folder of another method's outputs as a contestant.

    Args:
        source: the reader.
        place: the folder, or for some methods the file.
        options: as stated.
    """

    def __init__(self, source: Reader, place: Path, options: Options) -> None:
        self._reader, self._place, self._options = source, place, options
        self.name = plain_name(options.text("name", f"{source.name}@{place.resolve().name}"))
        self._samples = options.whole("samples", None, least=1)
        self._last: tuple[str, list[Tracks]] | None = None

    def facts(self) -> dict[str, Any]:
        """Reader, options and a hash of all files."""
        return {
            "kind": "outputs",
            "recorded": True,
            "reader": self._reader.name,
            "convention": self._reader.convention,
            "folder": self._place.name,
            "options": self._options.to_json(),
            "files_sha256": self._digest,
        }

    @cached_property
    def _digest(self) -> str:
        return digest(self._place)

    def refuses(self, case: Case) -> str | None:
        """No outputs, too few samples, or they end before the case does."""
        try:
            found = self.every(case)
        except RefusalError as reason:
            return str(reason)
        return FEW if self._samples is not None and len(found) < self._samples else None

    def forecast(self, case: Case, k: int, seed: int) -> Sequence[Tracks]:
        """The first k samples, or as many as there are; the seed is of no use.

        Raises:
            UserError: `refuses` says why not, or the files are not as stated.
        """
        return self.every(case)[:k]

    def every(self, case: Case) -> Sequence[Tracks]:
        """All samples.

        Raises:
            UserError: as `forecast`.
        """
        if self._last is None or self._last[0] != case.id:
            output: Output = self._reader.read(self._place, case, self._options)
            self._last = case.id, futures(output, case, self._options)
        return self._last[1]


def outputs(argument: str, device: str) -> Outputs:
    """`READER:FOLDER?key=value&...`.

    Raises:
        UserError: no such reader or folder, or an option that the reader does not have.
    """
    name, colon, rest = argument.partition(":")
    if not colon:
        raise UserError(
            f"expected outputs:READER:FOLDER with a reader of {', '.join(READERS)}, got "
            f"outputs:{argument}"
        )
    source = reader(name)
    place, given = parse(rest)
    if not Path(place).exists():
        raise UserError(f"no such file or folder: {place}; check the path")
    known = (*source.options, *OPTIONS, *SHARED)
    return Outputs(source, Path(place), Options(given, known, f"outputs:{name}"))


def plain_name(name: str) -> str:
    """Letters, digits and `-_.:@+`; the rest becomes "-"."""
    return re.sub(r"[^A-Za-z0-9_.:@+-]", "-", name)


def digest(place: Path) -> str:
    """Of the names and bytes of all files."""
    total = hashlib.sha256()
    for file in _files(place):
        relative = file.name if file == place else file.relative_to(place).as_posix()
        with file.open("rb") as opened:
            total.update(f"{relative}\0".encode())
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        return iter([place])
    return iter(sorted(file for file in place.rglob("*") if file.is_file()))
