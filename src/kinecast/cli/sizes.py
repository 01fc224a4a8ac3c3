"""Sizes on the command line."""

from kinecast.core.coords import Size, check_size
from kinecast.core.errors import UserError


def parse_size(text: str) -> Size:
    """(W, H) of "832x480".

    Raises:
        UserError: another form.
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise UserError(f"expected --size WxH such as 832x480, got {text!r}")
    return check_size((int(parts[0]), int(parts[1])))
