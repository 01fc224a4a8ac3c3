"""Runs whose numbers are known, for the tests of the report."""

from pathlib import Path

import cv2
import numpy as np

from kinecast.bench.results import CaseFacts, Result, Results, Row

SIZE = (96, 64)
HISTORY, HORIZON, POINTS = 6, 8, 5
OPPONENT = "damped_2_0.8"


def case(number, group="held-out seeds, 6 -> 8", opponent_ade=10.0, scene=None, photo=False):
    """Facts of a case: points that go to the right."""
    start = np.stack([np.linspace(10, 80, POINTS), np.linspace(10, 50, POINTS)], axis=-1)
    steps = np.arange(1 - HISTORY, HORIZON + 1)[:, None, None] * np.array([1.0, 0.25])
    paths = (start + steps).astype(np.float16)
    paths[-1, 0] = np.nan  # hidden
    draws = np.random.default_rng(number)
    image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    return CaseFacts(
        id=f"case-{number}",
        group=group,
        scene=scene or f"scene-{number}",
        kind="synthetic",
        about={},
        size=SIZE,
        history_frames=HISTORY,
        horizon=HORIZON,
        futures=1,
        opponent=OPPONENT,
        scalars={
            "opponent_ade": opponent_ade,
            "opponent_moving_ade": 2 * opponent_ade,
            "opponent_fde": 2 * opponent_ade,
            "motion": 1.5,
            "flow_tv": 0.04,
            "moving_share": 0.5,
            "visible_share": 0.9,
        },
        curves={"opponent_ade": np.linspace(1, 2 * opponent_ade, HORIZON, dtype=np.float32)},
        features={"fvmd": draws.normal(0, 1, (4, 16)).astype(np.float32)},
        picked=np.arange(POINTS),
        shown=np.arange(HORIZON),
        history=paths[:HISTORY],
        truth=paths[HISTORY:],
        jpeg=cv2.imencode(".jpg", image)[1].tobytes() if photo else None,
    )


def row(model, of, error, skipped="", **more):
    """A model on a case, that far off; `more` are scalars beside, None leaves one out."""
    draws = np.random.default_rng(len(model) + int(of.id.rpartition("-")[2]))
    scalars = {
        "mean_ade": error,
        "best_ade": 0.8 * error,
        "sample_ade": 1.1 * error,
        "moving_mean_ade": 2 * error,
        "moving_best_ade": 1.6 * error,
        "mean_fde": 2 * error,
        "min_fde": 1.5 * error,
        "energy_score": 3 * error,
        "motion": 1.2,
        "flow_tv": 0.03,
        **more,
    }
    result = Result(
        scalars={name: value for name, value in scalars.items() if value is not None},
        absent={"lrtl": "expected the object that each point lies on"},
        curves={"best_ade": np.linspace(0.5, error, HORIZON, dtype=np.float32)},
        features={
            "fvmd": draws.normal(0.5, 1, (4, 16)).astype(np.float32),
            "coverage_ranks": np.full((1, 5), 0.2, np.float32),
        },
        cost={"seconds": 0.01 * error, "cpu_seconds": 0.02 * error, "peak_bytes": 3e8},
        paths=np.stack([of.truth + np.float16(k + 1) for k in range(2)]),
    )
    return Row(
        model=model,
        case=of.id,
        group=of.group,
        scene=of.scene,
        kind=of.kind,
        skipped=skipped,
        result=Result() if skipped else result,
    )


def run(cases, rows, kinds=None, **about):
    """A run of them; models in the order of their rows."""
    models = dict.fromkeys(one.model for one in rows)
    kinds = kinds or {}
    return Results(
        folder=Path("some-run"),
        run={
            "suite": "worlds",
            "version": 1,
            "size": "mini",
            "about": "made for a test",
            "protocol": {"k": 8, "seed": 0, "queries": "five points"},
            "protocol_hash": "0123456789abcdef",
            "models": {name: {"kind": kinds.get(name, "model")} for name in models},
            "machine": {"system": "a machine", "cores": 2, "threads": 1},
            "packages": {"kinecast": "0.1.0"},
            **about,
        },
        cases={one.id: one for one in cases},
        rows=tuple(sorted(rows, key=lambda one: list(models).index(one.model))),
    )


def usual(count=6, photo=False):
    """A model, the opponent and a trivial forecast on some cases of two groups."""
    groups = ("held-out seeds, 6 -> 8", "still image, 6 -> 8")
    cases = [case(i, groups[i % 2], 8.0 + i, photo=photo) for i in range(count)]
    rows = [
        row(model, one, factor * one.scalars["opponent_ade"] + shift)
        for model, factor, shift in (
            ("trajloom-small", 0.5, 0.25),
            (OPPONENT, 1.0, 0.0),
            ("constant_position", 1.5, 1.0),
        )
        for one in cases
    ]
    kinds = {OPPONENT: "baseline", "constant_position": "baseline"}
    return run(cases, rows, kinds)
