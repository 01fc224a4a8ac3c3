"""Checkpoint folders: written whole, read strictly."""

import hashlib

import pytest
import torch

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.io.checkpoint import (
    file_hash,
    load_checkpoint,
    load_into,
    read_config,
    save_checkpoint,
)


def _tensors(seed=0):
    generator = rng.generator(seed)
    return {
        "weight": torch.randn(3, 2, generator=generator),
        "bias": torch.randn(3, generator=generator),
        "steps": torch.tensor(7),
    }


def test_what_is_written_is_read(tmp_path):
    tensors, config = _tensors(), {"system": "x", "width": 3}
    save_checkpoint(tmp_path / "m", config, tensors, "# A card\n")
    got_config, got = load_checkpoint(tmp_path / "m")
    assert got_config == config == read_config(tmp_path / "m")
    assert got.keys() == tensors.keys()
    assert all(torch.equal(got[name], tensors[name]) for name in tensors)
    assert (tmp_path / "m" / "README.md").read_text() == "# A card\n"


def test_half_precision_halves_the_file_and_reads_as_float32(tmp_path):
    big = {"weight": torch.randn(100, 100, generator=rng.generator(1)), "steps": torch.tensor(7)}
    save_checkpoint(tmp_path / "m", {}, big, "", torch.float16)
    assert (tmp_path / "m" / "model.safetensors").stat().st_size < 21_000
    _, got = load_checkpoint(tmp_path / "m")
    assert got["weight"].dtype == torch.float32
    assert got["steps"].dtype == torch.int64
    torch.testing.assert_close(got["weight"], big["weight"], rtol=1e-3, atol=1e-6)


def test_the_same_values_give_the_same_bytes(tmp_path):
    for name in "ab":
        save_checkpoint(tmp_path / name, {"a": 1}, _tensors(), "card")
    for file in ("config.json", "model.safetensors", "README.md"):
        a, b = ((tmp_path / name / file).read_bytes() for name in "ab")
        assert a == b


def test_transposed_and_shared_tensors_are_written_by_value(tmp_path):
    weight = _tensors()["weight"]
    save_checkpoint(tmp_path / "m", {}, {"a": weight.T, "b": weight}, "")
    _, got = load_checkpoint(tmp_path / "m")
    assert torch.equal(got["a"], weight.T)
    assert torch.equal(got["b"], weight)


def test_a_checkpoint_is_replaced_whole(tmp_path):
    save_checkpoint(tmp_path / "m", {"a": 1}, _tensors(), "old")
    save_checkpoint(tmp_path / "m", {"a": 2}, _tensors(1), "new")
    config, got = load_checkpoint(tmp_path / "m")
    assert config == {"a": 2}
    assert torch.equal(got["bias"], _tensors(1)["bias"])
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_config_that_json_cannot_hold_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "m", {"a": object()}, _tensors(), "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_checkpoint(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"got .* without model\.safetensors"):
        load_checkpoint(tmp_path)
    with pytest.raises(UserError, match=r"without config\.json and model\.safetensors"):
        load_checkpoint(tmp_path / "gone")


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_config(tmp_path, content):
    save_checkpoint(tmp_path / "m", {}, _tensors(), "")
    (tmp_path / "m" / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"expected .*JSON.*config\.json"):
        load_checkpoint(tmp_path / "m")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_weights(tmp_path, share):
    save_checkpoint(tmp_path / "m", {}, _tensors(), "")
    path = tmp_path / "m" / "model.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match=r"expected weights in .*model\.safetensors, got a damaged"):
        load_checkpoint(tmp_path / "m")


def test_tensors_go_into_the_module():
    module = torch.nn.Linear(2, 3)
    tensors = {name: value for name, value in _tensors().items() if name != "steps"}
    load_into(module, tensors, "m")
    assert torch.equal(module.weight, tensors["weight"])
    assert torch.equal(module.bias, tensors["bias"])


def test_missing_unexpected_and_misshapen_tensors_are_all_named_and_nothing_changes():
    module = torch.nn.Linear(2, 3)
    before = module.weight.clone()
    tensors = {"weight": torch.zeros(2, 3), **{f"extra{i}": torch.zeros(1) for i in range(5)}}
    with pytest.raises(UserError) as caught:
        load_into(module, tensors, "my-model")
    message = str(caught.value)
    assert "my-model" in message
    assert "1 missing: bias" in message
    assert "5 unexpected: extra0, extra1, extra2, ..." in message
    assert "1 misshapen: weight (expected (3, 2), got (2, 3))" in message
    assert "\n" not in message
    assert torch.equal(module.weight, before)


def test_file_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
