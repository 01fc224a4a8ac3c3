"""The suites by name; each module has `suite() -> Suite`."""

from kinecast.bench.suite import Suite
from kinecast.core import table

SUITES: dict[str, str] = {
    "micro": "kinecast.bench.suites.micro:suite",
    "worlds": "kinecast.bench.suites.worlds:suite",
    "real-mini": "kinecast.bench.suites.real_mini:suite",
    "trajloom-bench": "kinecast.bench.suites.trajloom_bench:suite",
    "whn-kubric": "kinecast.bench.suites.whn_kubric:suite",
    "whn-libero": "kinecast.bench.suites.whn_libero:suite",
    "physics101": "kinecast.bench.suites.physics101:suite",
    "physion-to-real": "kinecast.bench.suites.physion_to_real:suite",
    "zipmo-open-set": "kinecast.bench.suites.zipmo_open_set:suite",
    "libero": "kinecast.bench.suites.libero:suite",
    "zipmo-libero": "kinecast.bench.suites.zipmo_libero:suite",
    "davis": "kinecast.bench.suites.davis:suite",
    "physics-iq": "kinecast.bench.suites.physics_iq:suite",
}


def suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        UserError: an unknown name; names the nearest.
    """
    found: Suite = table.find(SUITES, name, "a suite")()
    return found
