"""Finding and loading models: names, folders, and what is wrong with a damaged one."""

import json

import pytest
import torch
from straight_system import FRAMES, Straight, grid_tracks

from kinecast.core.errors import UserError
from kinecast.forecast.load import load
from kinecast.forecast.models import find, list_models
from kinecast.io.checkpoint import file_hash, save_checkpoint
from kinecast.systems.registry import SYSTEMS, system_class

CONFIG = {"format": 1, "system": "straight", "model": {"frames": FRAMES}}
CARD = "---\nlicense: apache-2.0\n---\n# straight\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's folder that holds one model, of a system that only this test knows."""
    monkeypatch.setitem(SYSTEMS, "straight", "straight_system:Straight")
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    write(tmp_path / "models" / "my-straight")
    return tmp_path


def write(folder, **tensors):
    save_checkpoint(folder, CONFIG, {**Straight(0.5).state_dict(), **tensors}, CARD)


def test_a_name_and_its_folder_load_the_same_model(home):
    by_name, by_path = load("my-straight"), load(home / "models" / "my-straight")
    assert by_name.name == by_path.name == "my-straight"
    a, b = (m.forecast(grid_tracks(FRAMES), k=1)[0] for m in (by_name, by_path))
    assert (a.xy == b.xy).all()
    assert by_name.system.spread.item() == 0.5
    assert a.source["weights_sha256"] == file_hash(home / "models/my-straight/model.safetensors")


def test_models_are_listed_with_their_licence_and_size(home):
    (model,) = [m for m in list_models() if m.name == "my-straight"]
    assert model.licence == "apache-2.0"
    assert model.bytes > 0
    assert not model.bundled


def test_recorded_hashes_are_those_of_the_sums_file(home):
    model = find("my-straight")
    assert model.recorded_sha256() is None
    line = f"{model.sha256()}  my-straight/model.safetensors\n"
    (home / "models" / "SHA256SUMS").write_text(f"0  other/model.safetensors\n{line}")
    assert model.recorded_sha256() == model.sha256()


def test_an_unknown_name_names_the_nearest_and_the_command(home):
    with pytest.raises(UserError, match=r"my-straigt.*did you mean my-straight\?.*kinecast models"):
        load("my-straigt")


def test_a_folder_that_is_no_checkpoint_says_what_one_holds(home, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"config\.json and model\.safetensors"):
        load(tmp_path / "empty")
    write(tmp_path / "half")
    (tmp_path / "half" / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"without model\.safetensors"):
        load(tmp_path / "half")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"bias": torch.zeros(2)}, "1 unexpected: bias"),
        ({"spread": torch.zeros(2)}, r"1 misshapen: spread \(expected \(\), got \(2,\)\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(home, tmp_path, tensors, message):
    write(tmp_path / "odd", **tensors)
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path / "odd")
    assert "\n" not in str(error.value)


def test_a_missing_tensor_is_named(home, tmp_path):
    save_checkpoint(tmp_path / "bare", CONFIG, {}, CARD)
    with pytest.raises(UserError, match="1 missing: spread"):
        load(tmp_path / "bare")


def test_a_damaged_file_or_an_unknown_system_is_one_line(home, tmp_path):
    write(tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(UserError, match="damaged"):
        load(tmp_path / "cut")
    write(tmp_path / "new")
    config = tmp_path / "new" / "config.json"
    config.write_text(json.dumps({**CONFIG, "system": "straigt"}))
    with pytest.raises(UserError, match=r"got 'straigt'; did you mean straight\?"):
        load(tmp_path / "new")
    config.write_text(json.dumps({**CONFIG, "format": 2}))
    with pytest.raises(UserError, match="format 1, got 2; update kinecast"):
        load(tmp_path / "new")
    config.write_text("{}")
    with pytest.raises(UserError, match="got no format"):
        load(tmp_path / "new")


def test_an_unknown_device_is_refused(home):
    with pytest.raises(UserError, match="got 'gpu'"):
        load("my-straight", device="gpu")


def test_every_registered_system_can_be_imported():
    for name in SYSTEMS:
        assert hasattr(system_class(name), "from_config")
