"""The papers' numbers as data: a sample typed again from the papers, and tables that are whole."""

import pytest

from kinecast.bench.suites import SUITES, suite
from kinecast.bench.suites.published import METRICS, OF_SUITE, PAPERS, cells, tables

# (paper, table, method, metric, group, other settings, printed value)
SAMPLE = [
    ("trajloom", "1", "WHN (L)", "FVMD", "Kinetics", {}, 8999),
    ("trajloom", "1", "TrajLoom", "FVMD", "Kubric", {}, 1338),
    ("trajloom", "1", "TrajLoom", "DivCurlE x1000", "MagicData (E)", {}, 2.99),
    ("trajloom", "2", "WHN (L)-VAE", "VEPE", "RoboTAP", {"frames": 24}, 29.35),
    ("trajloom", "2", "TrajLoom-VAE", "VEPE", "Kinetics", {"frames": 81}, 2.04),
    ("trajloom", "3", "TrajLoom w/o offset", "FlowTV x100", "Kubric", {}, 15.54),
    ("trajloom", "4", "TrajLoom-VAE w/o offset", "VEPE", "MagicData (E)", {"frames": 24}, 3.91),
    ("trajloom", "5", "TrajLoom w/o on-policy", "FVMD-Long x0.001", "RoboTAP", {}, 27.38),
    ("trajloom", "6", "TrajLoom", "FVMD", "MagicData (E)", {"solver": "dopri5"}, 2358),
    ("trajloom", "6", "WHN (L)", "FlowTV x100", "Kubric", {"solver": "dopri5"}, 18.41),
    ("whn", "1", "ATM", "MSE", "LIBERO-90, effector", {"k": 1}, 67.37),
    ("whn", "2", "WHN (B)", "Min MSE", "goal, effector", {"k": 8}, 37.41),
    ("whn", "3", "WHN (L)", "Best-of-K", "in distribution", {"k": 64}, 127.0),
    ("whn", "3", "DynamicCrafter, fine-tuned", "FVMD(S)", "in distribution", {}, 50123),
    ("whn", "4", "WHN (L)", "FVMD", "out of distribution", {}, 12221),
    ("whn", "6", "WHN, pictures of SD3.5's VAE", "Best-of-K", "out of distribution", {}, 115),
    ("whn", "8", "WHN (B)", "MSE", "multi", {"k": 1}, 15.65),
    ("whn", "8", "WAN 1.3B, fine-tuned", "MSE", "overall", {}, 30.08),
    ("whn", "9", "WHN (B)", "Min MSE", "LIBERO-10, side", {"k": 4}, 16.93),
    ("whn", "10", "WHN (B)", "Mean MSE", "LIBERO-10, effector", {"k": 2}, 84.51),
    ("whn", "11", "MotionModes", "LRTL", "out of distribution", {}, 43.4),
    ("whn", "12", "WHN (B) w/o VAE", "LRTL", "in distribution", {}, 23.7),
    ("whn", "13", "WHN (B) w/o VAE", "MeanT MSE", "LIBERO-10, effector", {"k": 8}, 80.33),
    ("whn", "14", "WHN (B) with VAE", "MSE", "spring", {}, 75.98),
    ("whn", "19", "WHN (L)", "seconds a sample", "", {}, 2.9),
    ("whn", "21", "truth, the other 32 futures", "Best-of-K", "", {"k": 32}, 114.241),
    ("zipmo", "E", "ZipMo", "Min MSE", "LIBERO-90, side", {"k": 8}, 5.96),
    ("zipmo", "E", "ZipMo", "Single MSE", "LIBERO-10, effector", {"k": 1}, 46.27),
    ("zipmo", "E", "ATM", "MSE", "LIBERO-90, side", {"k": 1}, 47.82),
    ("zipmo", "I", "ZipMo", "Mean MSE", "DAVIS", {}, 233.0),
    ("zipmo", "I", "Motion-I2V", "EPE", "solid mechanics", {}, 12.4),
    ("zipmo", "main paper, pokes", "ZipMo", "Min MSE", "1 poke", {"k": 8}, 44.8),
    ("zipmo", "main paper, pokes", "ZipMo", "EPE", "dense", {"k": 128}, 1.4),
]  # fmt: skip
SHOWN = (
    "trajloom-bench", "whn-kubric", "physics101", "whn-libero", "zipmo-libero", "zipmo-open-set",
    "davis", "physics-iq",
)  # fmt: skip
SIZES = {  # numbers in each paper's tables
    "trajloom": 4 * (6 + 4 + 6 + 6 + 15 + 12),
    "zipmo": 4 * 8 + 4 + 3 + 6 + 6 + 21 + 9,
}


@pytest.mark.parametrize("wanted", SAMPLE, ids=lambda w: f"{w[0]} {w[1]} {w[2]}")
def test_sample(wanted):
    paper, table, method, metric, group, settings, value = wanted
    keys = {"method": method, "metric": metric, "group": group, **settings}
    found = [
        cell["value"]
        for one in tables(paper)["tables"]
        if one["table"] == table
        for cell in cells(one)
        if all(cell.get(key) == wish for key, wish in keys.items())
    ]
    assert found == [value]


@pytest.mark.parametrize("paper", PAPERS)
def test_tables_are_whole(paper):
    content = tables(paper)
    every = [cell for table in content["tables"] for cell in cells(table)]
    assert len(every) == SIZES.get(paper, len(every))
    for cell in every:
        assert {"method", "metric", "group", "value"} <= cell.keys()
        assert isinstance(cell["value"], int | float)
        assert cell["value"] > 0
    for table in content["tables"]:
        assert all(len(row["values"]) == len(table["columns"]) for row in table["rows"])
        assert set(table["suites"]) <= set(SUITES)
        keys = [
            tuple(sorted((k, str(v)) for k, v in cell.items() if k != "value"))
            for cell in cells(table)
        ]
        assert len(set(keys)) == len(keys)  # no number stands twice


def test_suites_show_them_in_the_unit_of_a_report():
    trajloom = suite("trajloom-bench").published
    of = {(p.table, p.method, p.metric, p.group): p.value for p in trajloom}
    assert of["Table 1", "TrajLoom", "flow_tv", "Kinetics"] == 7.53
    assert of["Table 5", "TrajLoom", "fvmd_long", "Kubric"] == pytest.approx(7240)
    assert of["Table 6", "TrajLoom, dopri5 100", "divcurl", "RoboTAP"] == 1.17
    assert of["Table 2", "TrajLoom-VAE", "vepe_24", "Kubric"] == 0.75
    kubric = {(p.table, p.method, p.metric, p.group): p for p in suite("whn-kubric").published}
    best = kubric["Table 3", "WHN (L)", "best_of_k_mse", "in distribution"]
    assert (best.value, best.paper) == (127.0, "WHN, arXiv 2509.21592")
    assert "Kubric's" in best.differs
    assert kubric["Table 3", "WHN (L)", "fvmd_scenes", "in distribution"].value == 13745
    physics = {(p.table, p.method, p.group): p.value for p in suite("physics101").published}
    assert physics["Table 8", "WHN (B)", "ramp"] == 36.35
    assert physics["Table 8", "WHN (B), all groups", ""] == 28.62
    libero = {(p.method, p.metric, p.group): p.value for p in suite("zipmo-libero").published}
    assert libero["ZipMo", "paper_min_mse_k8", "LIBERO-10, effector"] == 25.80
    open_set = suite("zipmo-open-set").published
    assert all("summary" in p.differs for p in open_set)  # read second hand


@pytest.mark.parametrize("name", SHOWN)
def test_every_suite_of_a_paper_has_its_rows(name):
    found = suite(name).published
    assert found
    assert len({(p.table, p.method, p.metric, p.group, p.value) for p in found}) == len(found)
    named = {m for m, _ in METRICS.values()} | set(OF_SUITE.values())
    begins = tuple(m.partition("{")[0] for m in named)
    assert all(p.metric.startswith(begins) for p in found)
