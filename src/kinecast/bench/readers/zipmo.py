"""ZipMo's `results.pt` (arXiv 2604.11737): one file for all videos.

Layout: {video: {"gt": {...}, "zipmo-N_pokes": {"tracks": [K tensors (N, T, 2)]}}}. Convention:
(y, x) in [-1, 1], -1 and 1 at the frame's edges; step 0 is the last seen moment. A case is that of
the video that its scene is named by; N is the number of its pokes where it has any.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from kinecast.bench.case import Case
from kinecast.bench.readers.base import Output, Reader, RefusalError
from kinecast.bench.readers.files import NOTHING
from kinecast.bench.readers.options import Options
from kinecast.core.errors import UserError
from kinecast.data.importers.zipmo import from_yx
from kinecast.io.torch_file import load_torch

FILE = "results.pt"
TRUTH = "gt"


def _read(folder: Path, case: Case, options: Options) -> Output:
    file = folder / FILE if folder.is_dir() else folder
    results = _load(file, file.stat().st_mtime_ns if file.is_file() else 0)
    if case.scene not in results:
        raise RefusalError(NOTHING)
    methods = results[case.scene]
    if not isinstance(methods, Mapping):
        raise UserError(f"expected methods of video {case.scene} in {file}, got another")
    method = _method(methods, case, file, options)
    if method not in methods:
        raise RefusalError(NOTHING)
    samples = methods[method]["tracks"] if isinstance(methods[method], Mapping) else None
    if isinstance(samples, Tensor):
        samples = list(samples)
    if (
        not isinstance(samples, list | tuple)
        or not samples
        or not all(isinstance(part, Tensor) and part.ndim == 3 for part in samples)
        or len({part.shape for part in samples}) > 1
        or samples[0].shape[2] != 2
    ):
        raise UserError(f"expected {method}/tracks of {case.id} in {file}: K tensors (N, T, 2)")
    yx = np.stack([part.detach().float().numpy() for part in samples])
    xy = from_yx(yx.swapaxes(1, 2), case.size)
    return Output(xy=np.ascontiguousarray(xy), size=case.size, first=0)


def _method(methods: Mapping[str, Any], case: Case, file: Path, options: Options) -> str:
    """Stated, or that of the case's pokes, or the only one."""
    if "method" in options:
        return options.text("method")
    if case.pokes is not None:
        return f"zipmo-{len(case.pokes)}_pokes"
    names = [str(name) for name in methods if name != TRUTH]
    return names[0] if len(names) == 1 else options.choice("method", names, None, f"of {file}")


@lru_cache(maxsize=1)
def _load(file: Path, _changed: int) -> Mapping[str, Any]:
    """The file, once for all cases."""
    content = load_torch(file)
    if not isinstance(content, Mapping):
        raise UserError(f"expected a dictionary of videos in {file}, got {type(content).__name__}")
    return content


READER = Reader(
    name="zipmo",
    about="results.pt of ZipMo's evaluation (arXiv 2604.11737)",
    convention="(N, T, 2) of (y, x) in [-1, 1]; step 0 is the last seen moment",
    options=("method=NAME, instead of zipmo-N_pokes with the case's N pokes, or the only one",),
    read=_read,
)
