"""Readers of what other methods write, one file each: files in, futures of a case's points out."""

from kinecast.bench.readers.base import Output, Reader, RefusalError
from kinecast.core.table import find

__all__ = ["READERS", "Output", "Reader", "RefusalError", "reader"]

READERS = {  # name -> "module:attribute"
    "kinecast": "kinecast.bench.readers.kinecast:READER",
    "arrays": "kinecast.bench.readers.arrays:READER",
    "trajloom": "kinecast.bench.readers.trajloom:READER",
    "whn": "kinecast.bench.readers.whn:READER",
    "zipmo": "kinecast.bench.readers.zipmo:READER",
    "myriad": "kinecast.bench.readers.myriad:READER",
    "flow-poke": "kinecast.bench.readers.flow_poke:READER",
    "track2act": "kinecast.bench.readers.track2act:READER",
    "atm": "kinecast.bench.readers.atm:READER",
    "tra-moe": "kinecast.bench.readers.tra_moe:READER",
    "motion-i2v": "kinecast.bench.readers.motion_i2v:READER",
    "motionmodes": "kinecast.bench.readers.motionmodes:READER",
}


def reader(name: str) -> Reader:
    """The reader of that name.

    Raises:
        UserError: no reader has that name; the message says the nearest.
    """
    found: Reader = find(READERS, name, "outputs")
    return found
