"""Raw videos to clips to shards, on one machine or many (docs/prepare.md)."""

from kinecast.data.prepare.pipeline import Report, prepare
from kinecast.data.prepare.settings import Limits, Settings

__all__ = ["Limits", "Report", "Settings", "prepare"]
