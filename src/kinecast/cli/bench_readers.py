"""`kinecast bench readers`: whose outputs can be read, and what has to be stated of them."""

import json
from typing import Annotated

import tyro

from kinecast.bench.contestants import outputs, videos
from kinecast.bench.readers import READERS, reader
from kinecast.bench.readers.futures import OPTIONS


def list_readers(
    *,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """List the readers of other methods' outputs, and the options of each and of all.

    Args:
        json_: print one JSON object.
    """
    found = [reader(name) for name in READERS]
    shared = [*OPTIONS, *outputs.SHARED]
    if json_:
        rows = [
            {"name": r.name, "about": r.about, "convention": r.convention, "options": r.options}
            for r in found
        ]
        print(json.dumps({"readers": rows, "shared": shared, "videos": videos.OPTIONS}))
        return
    for r in found:
        print(f"outputs:{r.name}:FOLDER  {r.about}\n    {r.convention}")
        print("".join(f"      {option}\n" for option in r.options), end="")
    print("of all of them:")
    print("".join(f"      {option}\n" for option in shared), end="")
    print("videos:FOLDER  generated videos, one folder a case, tracked")
    print("".join(f"      {option}\n" for option in videos.OPTIONS), end="")
