"""What a reader of other methods' outputs is, and what it gives.

A reader finds what a method wrote for one case and says what the numbers mean. All that is the same
for every method happens afterwards, by rules that are stated (`fit`, `points`, `times`): into the
case's frame, to the case's points, onto the case's frames in time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from kinecast.bench.case import Case
from kinecast.bench.readers.options import Options
from kinecast.core.coords import Size
from kinecast.core.errors import UserError

LaidAt = Literal["now", "query"]


class RefusalError(UserError):
    """Why a case is left out; the same words in every case, with no names or numbers in them."""


@dataclass(frozen=True, eq=False)
class Output:
    """K samples of T steps of a method's own M points.

    Attributes:
        xy: pixels of `size`, edge-aligned, order xy; not finite where a point is lost.
        size: (W, H) of the frame that the method saw.
        first: step 0 is that many steps after the last seen moment: 0, it is that moment, or 1.
        laid: where the points were laid, in pixels of `size`; None: they are the case's points, in
            their order.
        laid_at: the moment at which they were laid: "now", the last seen one, or "query", the query
            frame of each point.
        visible: seen; None where the method does not say.
        fps: steps a second, where the files say.

    Raises:
        UserError: shapes disagree, or a query is not finite.
    """

    xy: Float32[np.ndarray, "k t m 2"]
    size: Size
    first: int
    laid: Float[np.ndarray, "m 2"] | None = None
    laid_at: LaidAt = "now"
    visible: Bool[np.ndarray, "k t m"] | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        K, T, M = self.xy.shape[:3]
        if not K or not T or not M:
            raise UserError(f"expected samples, steps and points, got {K}, {T} and {M} of them")
        if self.laid is not None and self.laid.shape != (M, 2):
            raise UserError(f"expected queries ({M}, 2) for {M} points, got {self.laid.shape}")
        if self.laid is not None and not np.isfinite(self.laid).all():
            raise UserError("expected finite queries, got some that are not")
        if self.visible is not None and self.visible.shape != (K, T, M):
            raise UserError(f"expected visibility {(K, T, M)}, got {self.visible.shape}")


@dataclass(frozen=True)
class Reader:
    """Reads the outputs of one method.

    Attributes:
        name: as in `outputs:NAME:FOLDER`.
        about: the method, where it is published, and what is documented of its files.
        convention: what its numbers mean, in words.
        options: what may be stated, each "key=values in words", beside `futures.OPTIONS`.
        read: (folder, case, options) -> what the method wrote for that case. Raises RefusalError
            where it wrote nothing for it, UserError for what it cannot read.
    """

    name: str
    about: str
    convention: str
    options: tuple[str, ...]
    read: Callable[[Path, Case, Options], Output]
