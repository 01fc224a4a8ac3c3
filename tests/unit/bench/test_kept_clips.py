"""What a suite makes once is kept."""

import numpy as np
import pytest

from kinecast.bench.suites.kept import code_hash, kept
from kinecast.core.errors import UserError


@pytest.fixture
def make(monkeypatch, tmp_path):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    calls = []

    def make():
        calls.append(1)
        return {"x": np.full(3, len(calls), np.float32)}

    return make


def _x(*asked):
    return kept(*asked).take("x", "float32", (3,)).tolist()


def test_the_same_is_made_once(make):
    assert _x("clip", {"seed": 1}, "code", make) == [1.0] * 3
    assert _x("clip", {"seed": 1}, "code", make) == [1.0] * 3


@pytest.mark.parametrize(
    "other",
    [("other", {"seed": 1}, "code"), ("clip", {"seed": 2}, "code"), ("clip", {"seed": 1}, "")],
)
def test_another_name_argument_or_code_is_made_anew(make, other):
    assert _x("clip", {"seed": 1}, "code", make) == [1.0] * 3
    assert _x(*other, make) == [2.0] * 3


def test_a_damaged_file_is_an_error(make, tmp_path):
    _x("clip", {}, "code", make)
    (file,) = (tmp_path / "home" / "bench").iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"damaged"):
        _x("clip", {}, "code", make)


def test_a_killed_one_leaves_nothing(make, tmp_path):
    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept("clip", {}, "code", killed)
    assert _x("clip", {}, "code", make) == [1.0] * 3


def test_code_hash_follows_files_and_versions(tmp_path):
    (tmp_path / "below").mkdir()
    file = tmp_path / "below" / "a.py"
    file.write_text("1")
    one = code_hash(tmp_path, versions=("1",))
    code_hash.cache_clear()
    assert code_hash(tmp_path, versions=("1",)) == one != code_hash(tmp_path, versions=("2",))
    file.write_text("2")
    code_hash.cache_clear()
    assert code_hash(tmp_path, versions=("1",)) != one
