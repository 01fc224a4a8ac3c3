"""What an importer is, and what all of them share.

An importer reads a data set as it was published and yields `Clip`s, one at a time. A data set that
has videos but no tracks yields `Untracked` items instead; `kinecast convert` tracks them.

Each importer says in code what its numbers mean and converts to the coordinate rule
(core/coords.py). What the files leave open is never guessed: it is an error that names the option
(`--assume KEY=VALUE`) that states it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.video import Video
from kinecast.data.shards.schema import check_id

Options = Mapping[str, str]  # of --assume KEY=VALUE


@dataclass(frozen=True, eq=False)
class Untracked:
    """A video of a data set that has no tracks.

    Attributes:
        video: the frames.
        caption: a text, or "".
        id: unique within its source.
        source: provenance (importer, file, licence); JSON-able. It is kept in the tracks' own.
        size: (W, H) to resize the video to before tracking, or None: as it is.
        mask: where in the first frame points are kept, (H, W) of the video, or None: everywhere.
    """

    video: Video
    caption: str = ""
    id: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    size: Size | None = None
    mask: Bool[np.ndarray, "h w"] | None = None


Item = Clip | Untracked


@dataclass(frozen=True)
class Importer:
    """Reads one published layout.

    Attributes:
        name: as in `kinecast convert --from NAME`.
        about: what it is, its licence and where it is to be had, in one or two sentences.
        convention: the coordinate convention of its files, in words.
        options: what `--assume` may state, each "key=value|value" or "key=..." in words.
        read: (path, options) -> clips, one at a time; memory is flat in their number. Use `items`.
    """

    name: str
    about: str
    convention: str
    options: tuple[str, ...]
    read: Callable[[Path, Options], Iterator[Item]]

    def items(self, path: str | Path, options: Options | None = None) -> Iterator[Item]:
        """The items of a data set, in a fixed order; ids are unique.

        Raises:
            UserError: no such path, an option that this importer does not have, something else than
                the published layout, an ambiguity that no option settles, or an id that is no plain
                name.
        """
        path, options = Path(path), dict(options or {})
        known = [option.partition("=")[0] for option in self.options]
        for key in options:
            if key not in known:
                has = f"has {', '.join(known)}" if known else "has none"
                raise UserError(
                    f"expected an option of {self.name}, got {key!r}; it {has}"
                    f"{did_you_mean(key, known)}"
                )
        if not path.exists():
            raise UserError(f"no such file or folder: {path}; check the path")
        seen: set[str] = set()
        for item in self.read(path, options):
            check_id(item.id)
            if item.id in seen:
                raise UserError(
                    f"expected clips of different names in {path}, got {item.id!r} twice; "
                    "rename one of them, or convert them one by one"
                )
            seen.add(item.id)
            yield item


def choice(options: Options, key: str, values: Sequence[str], default: str | None = None) -> str:
    """The value that `--assume key=value` states, or the default.

    Raises:
        UserError: another value than the known ones, or none given where there is no default.
    """
    stated = options.get(key, default)
    if stated is None:
        raise UserError(f"expected --assume {key}={'|'.join(values)} (see docs/datasets.md)")
    if stated not in values:
        raise UserError(f"expected --assume {key}={'|'.join(values)}, got {key}={stated}")
    return stated


def number(options: Options, key: str, default: float | None = None) -> float | None:
    """The positive number that `--assume key=number` states, or the default.

    Raises:
        UserError: not a number above zero.
    """
    if key not in options:
        return default
    try:
        value = float(options[key])
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UserError(f"expected --assume {key}=NUMBER above zero, got {key}={options[key]}")
    return value


def whole(options: Options, key: str, default: int, least: int = 1) -> int:
    """The whole number of at least `least` that `--assume key=number` states, or the default.

    Raises:
        UserError: another value.
    """
    text = options.get(key, str(default))
    if not text.isdecimal() or int(text) < least:
        raise UserError(f"expected --assume {key}=N, whole and at least {least}, got {key}={text}")
    return int(text)


def stated_size(options: Options, key: str = "size") -> Size | None:
    """(W, H) that `--assume size=WxH` states, or None.

    Raises:
        UserError: not two whole numbers above zero.
    """
    if key not in options:
        return None
    parts = options[key].lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) for part in parts):
        raise UserError(f"expected --assume {key}=WxH such as 832x480, got {key}={options[key]}")
    return int(parts[0]), int(parts[1])


def from_unit(xy: Float[np.ndarray, "*n 2"], size: Size) -> Float64[np.ndarray, "*n 2"]:
    """Points in [0, 1], edge-aligned (0 and 1 are the frame's edges) -> pixels of (W, H)."""
    return coords.resize(np.asarray(xy, np.float64), (1, 1), size)


def first_visible(visible: Bool[np.ndarray, "t n"]) -> Int64[np.ndarray, " n"]:
    """The frame in which each point is first seen, -1 where it never is."""
    return np.where(visible.any(0), visible.argmax(0), -1).astype(np.int64)
