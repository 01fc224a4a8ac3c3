"""The columns of a shard, and the limits that a file must keep to be read."""

from typing import Any, Literal

from kinecast.core.errors import UserError
from kinecast.core.extra import optional

FORMAT = "kinecast-shard"
VERSION = 1
SUFFIX = ".parquet"
METADATA = b"kinecast"  # key of the footer's JSON

Pictures = Literal["none", "first", "all"]

# The columns, in groups that are read, and sealed, as one run of bytes.
GROUPS: dict[str, tuple[str, ...]] = {
    "facts": (
        "id", "caption", "width", "height", "fps", "frames", "points", "grid", "source", "stored",
    ),
    "motion": ("query_frame", "xy", "visible", "confidence"),
    "signature": ("content", "sketch", "thumbnail"),
    "pictures": ("pictures",),
    "latents": ("latents",),
}  # fmt: skip


# Limits: a file that asks for more is refused before memory is taken for it.
MAX_SIDE = 16_384  # pixels
MAX_POSITIONS = 2**26  # T * N: half a gigabyte of xy
MAX_COLUMN = 2**31  # bytes of one column of one clip, decompressed
MAX_CLIPS = 1_000_000


def arrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return optional("pyarrow", "data"), optional("pyarrow.parquet", "data")


def schema() -> Any:
    """The Arrow schema (docs/shards.md says what each column holds)."""
    pa, _ = arrow()

    def numbers(kind: Any, nullable: bool = False) -> Any:
        return pa.list_(pa.field("element", kind, nullable))

    grid = [("h", pa.int32()), ("w", pa.int32()), ("stride", pa.float64())]
    grid += [("x", pa.float64()), ("y", pa.float64())]
    latent = pa.struct(
        [
            pa.field("name", pa.string(), False),
            pa.field("shape", numbers(pa.int32()), False),
            pa.field("values", pa.binary(), False),
        ]
    )
    kinds = {
        "id": pa.string(), "caption": pa.string(), "width": pa.int32(), "height": pa.int32(),
        "fps": pa.float64(), "frames": pa.int32(), "points": pa.int32(),
        "grid": pa.struct([pa.field(name, kind, False) for name, kind in grid]),
        "source": pa.string(), "stored": pa.int32(),
        "query_frame": numbers(pa.int32()), "xy": numbers(pa.int32(), nullable=True),
        "visible": numbers(pa.bool_()), "confidence": numbers(pa.uint8()),
        "content": pa.binary(32), "sketch": numbers(pa.uint64()), "thumbnail": pa.binary(),
        "pictures": numbers(pa.binary()), "latents": numbers(latent),
    }  # fmt: skip
    may_lack = {"fps", "grid", "confidence", "thumbnail", "pictures", "latents"}
    names = [name for group in GROUPS.values() for name in group]
    return pa.schema([pa.field(name, kinds[name], name in may_lack) for name in names])


def group_of(column: str) -> str:
    """The group that a column is in.

    Raises:
        ValueError: there is no such column in a shard.
    """
    for group, columns in GROUPS.items():
        if column in columns:
            return group
    raise ValueError(f"the columns are not those of a shard: {column!r}")


def check_shape(frames: int, points: int, size: tuple[int, int]) -> None:
    """Refuse clips beyond the limits.

    Raises:
        UserError: no frames, or more frames, points or pixels than the limits.
    """
    if frames < 1 or points < 0 or frames * max(points, 1) > MAX_POSITIONS:
        raise UserError(
            f"expected 1 or more frames and at most {MAX_POSITIONS} positions a clip, "
            f"got {frames} frames of {points} points; cut it into clips"
        )
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise UserError(f"expected frames of at most {MAX_SIDE} pixels a side, got {size}")


def check_id(name: str) -> None:
    """An id may become part of a file name: only a plain relative one passes.

    Raises:
        UserError: it is empty, absolute, leaves its folder or holds control characters.
    """
    parts = name.replace("\\", "/").split("/")
    plain = name.isprintable() and not {"", ".", ".."} & set(parts) and parts[0][1:2] != ":"
    if not plain:
        raise UserError(
            f"expected a clip id that is a plain relative name, got {name!r}; rename the clip"
        )
