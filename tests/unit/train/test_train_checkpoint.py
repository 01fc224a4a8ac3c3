import os

import pytest
import torch
from torch import nn

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.train import checkpoint


def stepped(seed):
    module = nn.Linear(3, 2)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=rng.generator(seed)))
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.1)
    return module, optimiser


def step(module, optimiser, seed):
    optimiser.zero_grad()
    module(torch.randn(5, 3, generator=rng.generator(seed))).square().mean().backward()
    optimiser.step()


def test_tensors_and_note_survive(tmp_path):
    tensors = {"a": torch.arange(6).view(2, 3).T, "b": torch.tensor(1.5, dtype=torch.bfloat16)}
    checkpoint.save(tmp_path / "new" / "x.safetensors", tensors, {"best": float("inf"), "step": 3})
    got, note = checkpoint.load(tmp_path / "new" / "x.safetensors")
    assert note == {"best": float("inf"), "step": 3}
    for name, value in tensors.items():
        assert torch.equal(got[name], value)
        assert got[name].dtype == value.dtype


def test_an_optimiser_continues_where_it_was(tmp_path):
    module, optimiser = stepped(0)
    for seed in range(3):
        step(module, optimiser, seed)
    checkpoint.save(tmp_path / "x.safetensors", checkpoint.pack_optimiser(optimiser))
    other, restored = stepped(0)
    other.load_state_dict(module.state_dict())
    checkpoint.unpack_optimiser(restored, checkpoint.load(tmp_path / "x.safetensors")[0])
    for m, o in ((module, optimiser), (other, restored)):
        step(m, o, 9)
    assert torch.equal(module.weight, other.weight)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, {"a": torch.zeros(1)})

    def cut_short(flat, temporary, metadata):
        temporary.write_bytes(b"half")
        raise checkpoint.SafetensorError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", cut_short)
    with pytest.raises(UserError, match=r"No space left.*run the same command to continue"):
        checkpoint.save(path, {"a": torch.ones(1)})
    assert checkpoint.load(path)[0]["a"] == 0
    assert os.listdir(tmp_path) == ["x.safetensors"]


@pytest.mark.parametrize("content", [b"", b"not a safetensors file at all"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read .*x.safetensors.*; name a whole .*file"):
        checkpoint.load(path)
    with pytest.raises(UserError, match=r"x.safetensors.*; look elsewhere$"):
        checkpoint.load(path, "look elsewhere")


def test_prefixes_share_a_file():
    one, two = {"w": torch.zeros(1)}, {"w": torch.ones(1)}
    both = {**checkpoint.prefixed("one", one), **checkpoint.prefixed("two", two)}
    assert checkpoint.part("one", both) == one
    assert checkpoint.part("two", both) == two
