"""`kinecast bench suites`: what can be run, and what has to be fetched for it."""

import json
from typing import Annotated

import tyro

from kinecast.bench.suite import Suite, protocol_hash
from kinecast.bench.suites import SUITES, suite


def list_suites(
    *,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """List the suites: version, sizes, and what those on your own data need.

    Args:
        json_: print one JSON object.
    """
    found = [suite(name) for name in SUITES]
    if json_:
        print(json.dumps({"suites": [_facts(one) for one in found]}))
        return
    for one in found:
        print(f"{one.name} (version {one.version}; {', '.join(one.sizes)}): {one.about}")
        if one.fetch:
            print(f"    --data: {one.fetch}")


def _facts(one: Suite) -> dict[str, object]:
    return {
        "name": one.name,
        "version": one.version,
        "about": one.about,
        "sizes": list(one.sizes),
        "fetch": one.fetch,
        "protocol": dict(one.protocol),
        "protocol_hash": protocol_hash(one.protocol),
    }
