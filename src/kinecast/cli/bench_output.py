"""How a measurement is shown: a text or one JSON object, and a file of it where asked for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinecast.cli.progress import say
from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path


def show(result: Mapping[str, Any], text: str, as_json: bool, out: Path | None) -> None:
    """Print the result and write it to `out`, where that is given."""
    print(json.dumps(result) if as_json else text)
    if out is not None:
        with atomic_path(out) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n")
        say(f"wrote {out.absolute()}")


def check_clips(clips: int) -> None:
    """Refuse to measure nothing.

    Raises:
        UserError: fewer than one clip.
    """
    if clips < 1:
        raise UserError(f"expected --clips of at least 1, got {clips}")
