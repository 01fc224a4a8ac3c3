"""Where files of the user's live: models put there, clips that were fetched."""

import os
from pathlib import Path


def home() -> Path:
    """The user's folder: $KINECAST_HOME, or ~/.kinecast."""
    return Path(os.environ.get("KINECAST_HOME") or Path.home() / ".kinecast")
