"""What is wrong with a shard, and what of it costs what."""

from pathlib import Path
from typing import Literal

from kinecast.core.errors import UserError

OnDamage = Literal["raise", "skip"]


class DamageError(UserError):
    """A shard, or one clip of it, is torn, corrupt or hostile.

    Attributes:
        path: the shard.
        clip: index of the clip, or None: the shard as a whole cannot be read.
        reason: what is wrong, in words.
    """

    def __init__(self, path: Path, clip: int | None, reason: str) -> None:
        self.path, self.clip = path, clip
        self.reason = " ".join(reason.split())
        place = str(path) if clip is None else f"{path}:{clip}"
        super().__init__(f"damaged: {place}: {self.reason}; get or make the shard again")

    def __reduce__(self) -> tuple[type, tuple[Path, int | None, str]]:  # through worker processes
        return type(self), (self.path, self.clip, self.reason)


def check_on_damage(on_damage: str) -> None:
    """Refuse another choice than "raise" or "skip".

    Raises:
        UserError: that.
    """
    if on_damage not in ("raise", "skip"):
        raise UserError(f'expected on_damage "raise" or "skip", got {on_damage!r}')
