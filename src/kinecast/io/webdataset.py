"""WebDataset tars: the files of one sample stand together and share a name up to its first dot.

`000017.video.mp4` is the part `video.mp4` of sample `000017`; folders belong to the sample's key.
Source: the WebDataset documentation.
"""

import io
import tarfile
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinecast.core.errors import UserError
from kinecast.io.archives import safe_members
from kinecast.io.npy import parse_npy, parse_npz

SHARD_BYTES = 1_000_000_000  # the size at which the published pipelines start another shard


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        key: its name in the shard.
        parts: content of the parts that were asked for, by name.
        names: of all its parts.
        shard: the tar.
    """

    key: str
    parts: Mapping[str, bytes]
    names: tuple[str, ...]
    shard: Path

    def array(self, part: str) -> np.ndarray:
        """The array of an .npy part.

        Raises:
            UserError: no such part, or not an array of plain numbers.
        """
        return parse_npy(self.content(part), self.where(part))

    def arrays(self, part: str) -> dict[str, np.ndarray]:
        """The arrays of an .npz part by name.

        Raises:
            UserError: no such part, or not arrays of plain numbers.
        """
        return parse_npz(self.content(part), self.where(part))

    def content(self, part: str) -> bytes:
        """The bytes of a part.

        Raises:
            UserError: no such part.
        """
        if part not in self.parts:
            raise UserError(f"expected {self.where(part)}, got only {', '.join(self.names)}")
        return self.parts[part]

    def where(self, part: str) -> str:
        """What to call a part in messages."""
        return f"{self.key}.{part} of {self.shard}"


def shards_in(path: Path) -> list[tuple[Path, str]]:
    """The tar at a path, or those below a folder in order, each with its name without suffix.

    Raises:
        UserError: there is none.
    """
    if path.is_file():
        return [(path, path.stem)]
    files = sorted(file for file in path.rglob("*.tar") if file.is_file())
    if not files:
        raise UserError(f"expected .tar shards in {path}, got none; check the path")
    return [(file, file.relative_to(path).with_suffix("").as_posix()) for file in files]


def read_samples(shard: Path, wanted: Container[str]) -> Iterator[Sample]:
    """The samples of a tar in order, one in memory at a time.

    Args:
        shard: the tar.
        wanted: names of the parts to read; others are listed only.

    Raises:
        UserError: as `kinecast.io.archives.safe_members`, or a name without a dot.
    """
    key: str | None = None
    parts: dict[str, bytes] = {}
    names: list[str] = []
    for member in safe_members(shard):
        folder, slash, file = member.name.rpartition("/")
        stem, _, part = file.partition(".")
        if not stem or not part:
            raise UserError(f"expected names such as KEY.part.npy in {shard}, got {member.name!r}")
        if folder + slash + stem != key:
            if key is not None:
                yield Sample(key, parts, tuple(names), shard)
            key, parts, names = folder + slash + stem, {}, []
        names.append(part)
        if part in wanted:
            parts[part] = member.read()
    if key is None:
        raise UserError(f"expected samples in {shard}, got an empty archive")
    yield Sample(key, parts, tuple(names), shard)


def write_samples(
    folder: Path,
    samples: Iterable[tuple[str, Mapping[str, bytes]]],
    shard_bytes: int = SHARD_BYTES,
) -> list[Path]:
    """Write samples to shard_000000.tar, shard_000001.tar, ... of a folder that exists.

    The same samples give the same bytes: the members carry no time and no owner.

    Args:
        folder: where.
        samples: (key without a dot, content of each part by name).
        shard_bytes: a shard that has reached this size is followed by another.
    """
    paths: list[Path] = []
    iterator = iter(samples)
    sample = next(iterator, None)
    while sample is not None:
        paths.append(folder / f"shard_{len(paths):06d}.tar")
        with tarfile.open(paths[-1], "w", format=tarfile.GNU_FORMAT) as archive:
            while sample is not None and archive.offset < shard_bytes:
                _add(archive, *sample)
                sample = next(iterator, None)
    return paths


def _add(archive: tarfile.TarFile, key: str, parts: Mapping[str, bytes]) -> None:
    for part, content in parts.items():
        info = tarfile.TarInfo(f"{key}.{part}")
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))


def sample_key(index: int, name: str) -> str:
    """A key that no other index has, without dots and folders, that still tells the clip's name."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)
    return f"{index:06d}_{plain}"[:100].rstrip("_")
