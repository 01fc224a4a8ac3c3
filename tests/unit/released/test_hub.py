"""Fetching published files, from a stand-in for the hub on this machine."""

import io
import json

import pytest
import torch
import trajloom_files as small
from hub_stand_in import COMMIT, REPOSITORY, StandIn
from huggingface_hub import constants

import kinecast
from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.io.checkpoint import CONFIG
from kinecast.released import hub
from kinecast.released.conversion import import_files
from kinecast.released.published import PUBLICATIONS, published

CARD = b"---\nlicense: cc-by-nc-4.0\n---\n# Weights\n"


def pickled(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a stand-in that every download goes to; they are kept in a new folder."""
    servers = []
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 256)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)

    def start(files, **trouble):
        server = StandIn({"README.md": CARD, **files}, **trouble)
        servers.append(server)
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def weights():
    return {f"released/{name}": pickled(state) for name, state in small.tensors().items()}


def test_from_nothing_to_a_model_in_one_command(serve, weights, tmp_path, capsys):
    serve(weights)
    options = small.settings(tmp_path)
    words = ["import-weights", "trajloom", "--hub", "--repository", REPOSITORY]
    settings = [f"{name}={path}" for name, path in options.items()]
    assert main([*words, "--out", str(tmp_path / "model"), "--set", *settings]) == 0
    assert "licence of the weights: cc-by-nc-4.0" in capsys.readouterr().err
    origin = json.loads((tmp_path / "model" / CONFIG).read_text())["released"]["origin"]
    assert origin == {"repository": REPOSITORY, "revision": COMMIT, "licence": "cc-by-nc-4.0"}
    assert "license: cc-by-nc-4.0" in (tmp_path / "model" / "README.md").read_text()
    given = [tmp_path / name.rpartition("/")[2] for name in weights]
    for path, content in zip(given, weights.values(), strict=True):
        path.write_bytes(content)
    import_files("trajloom", given, tmp_path / "other", options)
    ours, same = (kinecast.load(tmp_path / name).system.state_dict() for name in ("model", "other"))
    assert all(torch.equal(ours[key], same[key]) for key in ours)


def test_offline_takes_what_is_there_and_never_asks(serve, weights):
    server = serve(weights)
    online = hub.fetch(REPOSITORY, list(weights), "main", offline=False)
    del server.requests[:]
    for revision in ("main", COMMIT):
        assert hub.fetch(REPOSITORY, list(weights), revision, offline=True) == online
    with pytest.raises(UserError, match="was not fetched before; run once without --offline"):
        hub.fetch("authors/others", ["x"], "main", offline=True)
    assert server.requests == []


def test_what_was_fetched_is_not_fetched_again(serve, weights):
    server = serve(weights)
    for _ in range(2):
        hub.fetch(REPOSITORY, list(weights), COMMIT, offline=False)
    gets = [path for method, path, _ in server.requests if method == "GET" and "/resolve/" in path]
    assert len(gets) == len(weights) + 1  # and the card


def test_an_interrupted_download_goes_on_where_it_stopped(serve):
    content = bytes(range(256)) * 64
    server = serve({"a.bin": content}, cut="a.bin")
    with pytest.raises(UserError, match="run again to go on where it stopped"):
        hub.fetch(REPOSITORY, ["a.bin"], "main", offline=False)
    server.revive()
    del server.requests[:]
    fetched = hub.fetch(REPOSITORY, ["a.bin"], "main", offline=False)
    assert fetched.paths[0].read_bytes() == content
    asked = [byte for _, path, byte in server.requests if path.endswith("a.bin") and byte]
    assert asked == [f"bytes={len(content) // 2}-"]


def test_a_damaged_file_is_told(serve):
    serve({"a.bin": b"weights" * 100}, damaged="a.bin")
    with pytest.raises(UserError, match=r"a\.bin was damaged on its way"):
        hub.fetch(REPOSITORY, ["a.bin"], "main", offline=False)


def test_what_is_not_there_is_told(serve, weights):
    serve(weights)
    for repository, revision, pattern, message in (
        ("authors/others", "main", "*", "cannot be fetched"),
        (REPOSITORY, "v9", "*", "cannot be fetched"),
        (
            REPOSITORY,
            "main",
            "absent.pt",
            r"got none among README.md",
        ),
        (REPOSITORY, "main", "released/*.pt", r"one file released/\*.pt .* got released/"),
        ("no such name", "main", "*", "cannot be fetched"),
    ):
        with pytest.raises(UserError, match=message):
            hub.fetch(repository, [pattern], revision, offline=False)


def test_no_server_is_told(serve, weights):
    server = serve(weights)
    hub.fetch(REPOSITORY, list(weights), "main", offline=False)
    server.down = True
    with pytest.raises(UserError, match="cannot be fetched"):  # although it is here
        hub.fetch(REPOSITORY, list(weights), "main", offline=False)


def test_published_models_have_names():
    assert published("zipmo", "sparse").files == ("zipmo_planner_sparse.safetensors",)
    assert published("trajloom", None) is PUBLICATIONS["trajloom"].models["published"]
    with pytest.raises(UserError, match="did you mean sparse"):
        published("zipmo", "spars")
    with pytest.raises(UserError, match=r"a published model of whn .*, got nothing"):
        published("whn", None)
