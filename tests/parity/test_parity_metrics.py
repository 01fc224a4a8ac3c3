"""Every recorded number of the published metric code."""

from pathlib import Path

import pytest

from kinecast.released.case import Case
from kinecast.released.metric_check import check_metrics

CASES = Path(__file__).parent / "cases" / "metrics"
NUMBERS = {
    "frechet": 5, "frechet_rank_deficient": 5, "fvmd_hist_edges": 1, "fvmd_two_clips": 10,
    "lowrank": 6, "reference_formulas": 15, "tapvid_all_occluded": 39, "tapvid_first": 39,
    "tapvid_queries": 8, "tapvid_query_last": 39, "tapvid_strided": 39, "tapvid_thresholds": 39,
    "trajloom_clip": 9, "zipmo_nan_fill": 12, "zipmo_resample_up": 12,
}  # fmt: skip


def test_all_cases_are_checked():
    assert {path.name for path in CASES.iterdir() if path.is_dir()} == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_recorded_numbers_are_reproduced(name):
    found = check_metrics(Case.read(CASES / name))
    assert len(found) == NUMBERS[name]
    assert [d for d in found if not d.within] == []
