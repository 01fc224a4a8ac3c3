import pytest

from kinecast.core.errors import UserError
from kinecast.encoders.files import digest, find_files

REPOSITORY = ("facebook/dinov2-small",)


@pytest.fixture(autouse=True)
def _empty_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def encoder_folder(folder, text="{}"):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(text)
    return folder


def test_what_was_named_is_taken(tmp_path):
    folder = encoder_folder(tmp_path / "any")
    assert find_files(folder, REPOSITORY) == folder
    file = folder / "weights.safetensors"
    file.write_bytes(b"x")
    assert find_files(file, REPOSITORY) == file


def test_kinecasts_home_comes_before_the_cache(tmp_path):
    snapshots = tmp_path / "hub" / "models--facebook--dinov2-small" / "snapshots"
    cached = encoder_folder(snapshots / "abc")
    assert find_files(None, REPOSITORY) == cached
    own = encoder_folder(tmp_path / "home" / "encoders" / "dinov2-small")
    assert find_files(None, REPOSITORY) == own


def test_the_main_revision_of_the_cache_is_the_first_choice(tmp_path):
    repository = tmp_path / "hub" / "models--facebook--dinov2-small"
    encoder_folder(repository / "snapshots" / "aaa")
    main = encoder_folder(repository / "snapshots" / "bbb")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("bbb")
    assert find_files(None, REPOSITORY) == main


def test_the_cache_is_where_its_variables_say(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    snapshots = tmp_path / "hf" / "hub" / "models--facebook--dinov2-small" / "snapshots"
    folder = encoder_folder(snapshots / "abc")
    assert find_files(None, REPOSITORY) == folder


def test_nothing_there_says_what_to_put_where(tmp_path):
    with pytest.raises(UserError, match="facebook/dinov2-small") as error:
        find_files(None, REPOSITORY)
    assert str(tmp_path / "home" / "encoders" / "dinov2-small") in str(error.value)
    assert str(tmp_path / "hub") in str(error.value)
    with pytest.raises(UserError, match=r"folder with config\.json or a file"):
        find_files(tmp_path / "nowhere", REPOSITORY)


def test_the_digest_is_of_names_and_bytes_of_the_encoders_files(tmp_path):
    a, b = (encoder_folder(tmp_path / name, "{}") for name in "ab")
    assert digest(a) == digest(b)
    (a / "notes.md").write_text("no part of it")
    assert digest(a) == digest(b)
    (a / "config.json").write_text('{"heads": 3}')
    assert digest(a) != digest(b)
    (b / "config.json").rename(b / "other.json")
    assert digest(b) not in (digest(a), digest(encoder_folder(tmp_path / "c")))
