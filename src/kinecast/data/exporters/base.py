"""What an exporter is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kinecast.core.clip import Clip


@dataclass(frozen=True)
class Exporter:
    """Writes clips in one layout.

    Attributes:
        name: as in `kinecast convert --to NAME`.
        about: what it writes, in one sentence.
        convention: the coordinate convention of its files, in words.
        write: (clips, folder, source) writes into an empty folder that exists; clips come one at a
            time and are written as they come. The caller makes the folder appear whole or not at
            all. `source` is the data set's name, for the files' own provenance.
    """

    name: str
    about: str
    convention: str
    write: Callable[[Iterator[Clip], Path, str], None]
