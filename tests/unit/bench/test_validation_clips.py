"""The clips that opponents are chosen on."""

import numpy as np
import pytest

from kinecast.bench import validation
from kinecast.core.video import ArraySource, Video
from kinecast.data.synth import generate
from kinecast.forecast.baselines import baselines


@pytest.fixture
def street(monkeypatch):
    """A video of 14 frames that pans."""
    monkeypatch.setattr("kinecast.core.grid.DEFAULT_CELLS", 24)
    texture = np.random.default_rng(0).integers(0, 255, (64, 96 + 14, 3), np.uint8)
    frames = np.stack([texture[:, t : t + 96] for t in range(14)])
    return Video(ArraySource(frames, fps=24.0))


def test_simulated_clips_are_of_the_training_mix(monkeypatch):
    monkeypatch.setattr(validation, "WINDOWS", (6, 4))
    pairs = list(validation.simulated(2))
    assert [(len(h), len(t)) for h, t in pairs] == [(6, 6)] * 2 + [(4, 4)] * 2
    first = generate("mix", seed=1_000_003, n=1, frames=12).clip(0).tracks
    assert np.array_equal(pairs[0][1].xy, first.xy[6:])


def test_a_video_is_cut_into_windows_and_tracked_from_their_first_frame(monkeypatch, street):
    monkeypatch.setattr(validation, "WINDOWS", (5, 3))
    pairs = list(validation.filmed([street]))
    assert [len(history) for history, _ in pairs] == [5, 3, 3]
    assert all(history.visible[0].all() for history, _ in pairs)
    assert all(len(truth) == len(history) for history, truth in pairs)


def test_a_table_for_each_kind_of_data(monkeypatch, street):
    monkeypatch.setattr(validation, "WINDOWS", (5,))
    tables = validation.opponents(2, [street])
    assert {kind: table.clips for kind, table in tables.items()} == {"synthetic": 2, "real": 1}
    assert all(set(table.ade) == set(baselines()) for table in tables.values())
    assert set(validation.opponents(1, [])) == {"synthetic"}
