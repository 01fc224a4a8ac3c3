"""ZipMo's image encoder and a LIBERO policy against recorded numbers of the authors' code.

The cases are trimmed: the first of two samples, four of eight steps of the roll-out, no array that
another one implies, and no poke embedding (the policy does not use the one that its file holds).
"""

from pathlib import Path

import pytest

from kinecast.released.case import Case
from kinecast.released.check import check

CASES = Path(__file__).parent / "cases" / "zipmo"


@pytest.mark.parametrize("name", ["min_dino", "libero_policy_atm"])
def test_every_recorded_number_is_reproduced(name):
    deviations = check(Case.read(CASES / name))
    assert len(deviations) >= 4
    assert [d for d in deviations if not d.within] == []
