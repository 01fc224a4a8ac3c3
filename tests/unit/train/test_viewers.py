import numpy as np
import pytest
from regression_plan import RegressionStage, batch_of
from test_loop import job, new_stage

from kinecast.io.image import read_image
from kinecast.train import log, viewers
from kinecast.train.loop import LOG, fit


class Pictured(RegressionStage):
    def pictures(self):
        assert not self.module.training
        return {"stripes": np.tile(np.arange(32, dtype=np.uint8)[:, None, None], (1, 48, 3))}


def test_a_validation_leaves_its_pictures(tmp_path):
    fit(Pictured(new_stage().module), job(tmp_path, steps=3), batch_of)
    assert read_image(tmp_path / "pictures" / "stripes.png").shape == (32, 48, 3)


def test_tensorboard_shows_losses_validations_and_pictures(tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra train")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(Pictured(new_stage().module), job(tmp_path, steps=6, validate_every=3), batch_of)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    rows = [row for row in log.read(tmp_path / LOG) if "loss" in row]
    shown = events.Scalars("loss")
    assert [event.step for event in shown] == [row["step"] for row in rows]
    assert [event.value for event in shown] == pytest.approx([row["loss"] for row in rows])
    assert [event.step for event in events.Scalars("validation/model")] == [0, 3, 6]
    assert events.Tags()["images"] == ["stripes"]


def test_other_viewers_plug_in(tmp_path, monkeypatch):
    seen = []

    class Notes:
        def numbers(self, step, values):
            seen.append((step, dict(values)))

        def picture(self, step, name, rgb):
            seen.append((step, name, rgb.shape))

        def close(self):
            seen.append("closed")

    class Entry:
        def load(self):
            return lambda folder, step: Notes()

    monkeypatch.setattr(viewers, "entry_points", lambda group: [Entry()])
    monkeypatch.setattr(viewers, "find_spec", lambda name: None)
    fit(Pictured(new_stage().module), job(tmp_path, steps=2), batch_of)
    assert (0, "stripes", (32, 48, 3)) in seen
    assert [entry[0] for entry in seen[:-1] if len(entry) == 2 and "loss" in entry[1]] == [1, 2]
    assert seen[-1] == "closed"


def test_rows_are_flattened():
    row = {"step": 4, "validation": {"model": 1, "skipped": "why"}, "loss": 0.5}
    assert viewers.flat(row) == {"validation/model": 1.0, "loss": 0.5}


def test_the_end_of_a_stage_tells_its_throughput(tmp_path):
    fit(new_stage(), job(tmp_path, steps=12, bf16=False), batch_of)
    facts = log.read(tmp_path / LOG)[-1]["throughput"]
    # two linear layers on 8 clips of 2 x 3 points, forward, and back to their weights and inputs
    points, width = 8 * 6, 16
    forward = 2 * points * (6 * width + width * 2)
    backward = forward + 2 * points * width * 2  # the first layer's inputs need no gradient
    assert facts["gflop_per_step"] * 1e9 == forward + backward
    assert facts["per"] == "core"
    assert 0 < facts["clips_per_second_each"] <= facts["clips_per_second"]
    assert "mfu" not in facts  # seconds of measuring the machine, for a stage of milliseconds
