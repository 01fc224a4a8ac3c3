import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.encoders.cache import Cached, item_hash


class Means:
    """Encodes images by their mean colour, and counts."""

    width = 3

    def __init__(self, name="means", digest="d"):
        self.name, self.digest, self.asked = name, digest, []

    def encode(self, items):
        self.asked.append(len(items))
        if isinstance(items, list):
            return torch.tensor([[[float(len(text))] * 3] for text in items])
        return items.float().mean(dim=(1, 2))[:, None]


def images(*values, height=4):
    return torch.stack([torch.full((height, 6, 3), v, dtype=torch.uint8) for v in values])


def test_an_item_is_encoded_once_for_all(tmp_path):
    first, second = Means(), Means()
    features = Cached(first, tmp_path).encode(images(1, 2))
    again = Cached(second, tmp_path).encode(images(2, 3, 1))
    assert (first.asked, second.asked) == ([2], [1])
    assert torch.equal(features[:, 0, 0], torch.tensor([1.0, 2.0]))
    assert torch.equal(again[:, 0, 0], torch.tensor([2.0, 3.0, 1.0]))
    assert not list(tmp_path.rglob("*.partial*"))


def test_the_same_item_twice_in_a_batch_is_encoded_once(tmp_path):
    encoder = Means()
    features = Cached(encoder, tmp_path).encode(images(5, 5, 6))
    assert encoder.asked == [2]
    assert torch.equal(features[:, 0, 0], torch.tensor([5.0, 5.0, 6.0]))


def test_texts_are_kept_too(tmp_path):
    encoder = Means()
    cached = Cached(encoder, tmp_path)
    assert torch.equal(cached.encode(["ab", "c"]), cached.encode(["ab", "c"]))
    assert encoder.asked == [2]


@pytest.mark.parametrize("other", [Means(name="other"), Means(digest="e")])
def test_another_encoder_or_other_weights_keep_their_own(tmp_path, other):
    Cached(Means(), tmp_path).encode(images(1))
    Cached(other, tmp_path).encode(images(1))
    assert other.asked == [1]


def test_shape_and_type_are_part_of_an_item():
    flat = torch.zeros(12, dtype=torch.uint8)
    others = flat.view(2, 6), flat.view(3, 4), flat.view(2, 6).int()
    assert len({item_hash(item) for item in others}) == 3


def test_a_failed_encoder_leaves_nothing(tmp_path):
    encoder = Means()
    encoder.encode = lambda items: (_ for _ in ()).throw(RuntimeError("no"))
    with pytest.raises(RuntimeError):
        Cached(encoder, tmp_path).encode(images(1))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_features_live_in_kinecasts_home(tmp_path, monkeypatch):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    Cached(Means()).encode(images(1))
    assert len(list((tmp_path / "cache" / "features").rglob("*.safetensors"))) == 1


def test_a_damaged_file_says_which(tmp_path):
    cached = Cached(Means(), tmp_path)
    cached.encode(images(1))
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=f"{path.name}.*delete it"):
        cached.encode(images(1))
