"""ZipMo's planner, decoder and functions against recorded numbers of the authors' code.

The planner's case is trimmed to the first of two samples.
"""

from pathlib import Path

import pytest

from kinecast.released.case import Case
from kinecast.released.check import check

CASES = Path(__file__).parent / "cases" / "zipmo"


@pytest.mark.parametrize(("name", "outputs"), [("planner", 13), ("functions", 42)])
def test_every_recorded_number_is_reproduced(name, outputs):
    deviations = check(Case.read(CASES / name))
    assert len(deviations) == outputs
    assert [d for d in deviations if not d.within] == []
