"""What the documents say works: commands, Python, flags and links."""

import re

import documents
import image_models
import installed
import numpy as np
import published_files
import pytest
import raw_videos
import verbs
from repository import DOCUMENTS, ROOT, name

from kinecast.cli.main import main
from kinecast.data import synth
from kinecast.io.image import write_image
from kinecast.io.tracks_file import save_tracks
from kinecast.io.video import write_video
from kinecast.train.recipe import with_words
from kinecast.train.recipes import RECIPES, recipe_of

SIZE, FRAMES = (96, 64), 90  # of the clip that stands for every video of the documents
EXAMPLE = ROOT / "examples" / "big_buck_bunny.mp4"
RUNNABLE = [d for d in DOCUMENTS if any(b.runs() and not b.slow for b in documents.blocks(d))]
LONG = [d for d in DOCUMENTS if any(b.runs() and b.slow for b in documents.blocks(d))]

NEEDS = {  # what a document's commands need beyond the extra dev, and may be missing
    "docs/rendered.md": installed.why_no_pictures,
    "docs/rendered-families.md": installed.why_no_pictures,
}
SLOW_NEEDS = NEEDS | {
    "docs/tracking.md": installed.why_no_pictures,
    "docs/libero.md": installed.why_no_libero,
}


@pytest.fixture(scope="module")
def small_files(tmp_path_factory):
    """Small files under the names that the documents use."""
    folder = tmp_path_factory.mktemp("documents")
    write_video(folder / "clip.mp4", drifting(), 24.0, SIZE)
    (folder / "videos").mkdir()
    for k in range(3):
        frames = raw_videos.moving(k, 48, step=1.0 + k / 2, size=(240, 160))
        raw_videos.write(folder / "videos" / f"{'abc'[k]}.mp4", frames, size=(240, 160))
    save_tracks(folder / "tracks.npz", synth.synth("mix", frames=8, size=SIZE).tracks)
    write_image(folder / "image.png", next(drifting()))
    image_models.zipmo(folder / "home" / "models" / "zipmo-sparse")
    image_models.whn(folder / "home" / "models" / "whn-kubric")
    image_models.dinov2(folder / "home" / "encoders" / "dinov2-small")
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """What stands for the hub: nothing in the documents goes to the real one."""
    server = published_files.hub(tmp_path_factory.mktemp("hub"))
    yield server.address
    server.close()


@pytest.fixture
def workplace(small_files, hub, tmp_path, monkeypatch):
    """A folder to run a document in."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "motion").mkdir()  # no recordings: the worlds move by procedures
    for target in ("clip.mp4", f"examples/{EXAMPLE.name}"):
        (tmp_path / target).symlink_to(small_files / "clip.mp4")
    for name_ in ("tracks.npz", "image.png", "videos"):
        (tmp_path / name_).symlink_to(small_files / name_)
    published_files.trajloom(tmp_path)
    (tmp_path / "cases").symlink_to(ROOT / "tests" / "parity" / "cases")
    monkeypatch.setenv("HF_ENDPOINT", hub)
    monkeypatch.setenv("KINECAST_HOME", str(small_files / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drifting():
    """RGB frames of a texture that moves half a pixel a frame."""
    W, H = SIZE
    texture = np.random.default_rng(0).integers(0, 255, (H, W + FRAMES, 3), np.uint8)
    for t in range(FRAMES):
        yield texture[:, t // 2 : t // 2 + W].copy()


def skip_without(document, needs):
    lacking = needs.get(name(document), str)()
    if lacking:
        pytest.skip(lacking)


@pytest.mark.parametrize("document", RUNNABLE, ids=name)
def test_a_document_runs_from_top_to_bottom(document, workplace, monkeypatch):
    monkeypatch.setattr("kinecast.core.grid.DEFAULT_CELLS", 24)  # few points to follow
    skip_without(document, NEEDS)
    assert documents.run(document, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("document", LONG, ids=name)
def test_a_document_runs_with_what_takes_minutes(document, workplace):
    skip_without(document, SLOW_NEEDS)
    example = workplace / "examples" / EXAMPLE.name
    example.unlink()
    example.symlink_to(EXAMPLE)
    assert documents.run(document, slow=True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_is_in_a_block_that_is_run(document):
    for block in documents.blocks(document):
        if block.language != "sh":
            assert not block.commands(), f"{block.place}: mark the block as sh"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_flag_of_a_command_exists(document, capsys):
    """Also of those that only slow tests run, and those in the text."""
    text = document.read_text("utf-8")
    spelled = [line.split() for line in re.findall(r"`kinecast ([^`\n]+)`", text)]
    commands = [words for block in documents.blocks(document) for words in block.commands()]
    for words in [*commands, *spelled]:
        verb = verbs.verb_of(words)
        assert verb or words[0] in ("VERB", "--help"), f"kinecast {' '.join(words)}"
        if verb:
            assert main([*verb, "--help"]) == 0
            known = capsys.readouterr().out
            flags = [word for word in words if re.fullmatch(r"--[a-z-]+", word)]
            assert all(f"{flag} " in known for flag in flags), f"kinecast {' '.join(words)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_recipe_and_every_word_of_it_exists(document):
    commands = [words for block in documents.blocks(document) for words in block.commands()]
    for words in [words for words in commands if words[0] == "train" and "--list" not in words]:
        recipe, *changes = (word for word in words[1:] if word in RECIPES or "=" in word)
        size = [word.removeprefix("size=") for word in changes if word.startswith("size=")]
        with_words(recipe_of(recipe, *size), [w for w in changes if not w.startswith("size=")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_within_the_repository_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"]
    assert [page for page in pages if f"]({page})" not in index] == []
