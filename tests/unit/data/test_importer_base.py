import re
from pathlib import Path

import numpy as np
import pytest

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.exporters import EXPORTERS, exporter
from kinecast.data.importers import IMPORTERS, importer
from kinecast.data.importers.base import (
    Importer,
    choice,
    first_visible,
    from_unit,
    number,
    stated_size,
    whole,
)


@pytest.mark.parametrize("name", IMPORTERS)
def test_every_importer_says_what_it_is(name):
    found = importer(name)
    assert found.name == name
    assert len(found.about) > 30
    assert len(found.convention) > 20
    assert all("=" in option for option in found.options)
    assert "licen" in found.about.lower() or "CC BY" in found.about or "made by" in found.about


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_exporter_says_what_it_is(name):
    found = exporter(name)
    assert found.name == name
    assert found.about
    assert found.convention


def test_the_documents_table_names_them_all():
    text = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text("utf-8")
    first = re.findall(r"^\| `(\w[\w-]*)`", text, re.MULTILINE)
    assert sorted(first) == sorted([*IMPORTERS, *EXPORTERS])
    for name in IMPORTERS:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` "))
        options = [option.partition("=")[0] for option in importer(name).options]
        cell = re.split(r"(?<!\\)\|", row)[5]
        assert re.findall(r"`([a-z]+)[=`]", cell) == options, name


def test_an_unknown_name_says_what_is_near():
    with pytest.raises(UserError, match="did you mean tapvid"):
        importer("tapvit")
    with pytest.raises(UserError, match="did you mean shards"):
        exporter("shard")


def yields(*ids):
    tracks = Tracks(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1), bool), (4, 3))
    made = [Clip(tracks, id=name) for name in ids]
    return Importer("x", "", "", ("unit=a|b: what", "fps=NUMBER"), lambda path, options: iter(made))


def test_ids_are_unique_plain_names(tmp_path):
    assert [clip.id for clip in yields("a", "b/c").items(tmp_path)] == ["a", "b/c"]
    with pytest.raises(UserError, match="'a' twice"):
        list(yields("a", "a").items(tmp_path))
    for name in ("", "../up", "/etc/passwd", "a\nb", "a//b"):
        with pytest.raises(UserError, match="plain relative name"):
            list(yields(name).items(tmp_path))


def test_options_it_does_not_have_and_paths_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="it has unit, fps; did you mean unit"):
        list(yields("a").items(tmp_path, {"units": "a"}))
    with pytest.raises(UserError, match="no such file or folder"):
        list(yields("a").items(tmp_path / "nowhere"))


def test_what_an_option_may_say():
    assert choice({"u": "b"}, "u", ("a", "b")) == "b"
    assert choice({}, "u", ("a", "b"), "a") == "a"
    for options in ({}, {"u": "c"}):
        with pytest.raises(UserError, match=r"--assume u=a\|b"):
            choice(options, "u", ("a", "b"))
    assert number({"fps": "2.5"}, "fps") == 2.5
    for text in ("0", "-1", "nan", "inf", "x"):
        with pytest.raises(UserError, match="--assume fps=NUMBER"):
            number({"fps": text}, "fps")
    assert whole({}, "n", 3) == 3
    assert whole({"n": "0"}, "n", 3, least=0) == 0
    for text in ("0", "1.5", "-1", "x"):
        with pytest.raises(UserError, match="--assume n=N"):
            whole({"n": text}, "n", 3)
    assert stated_size({"size": "832x480"}) == (832, 480)
    assert stated_size({}) is None
    for text in ("832", "0x5", "axb", "1x2x3"):
        with pytest.raises(UserError, match="--assume size=WxH"):
            stated_size({"size": text})


def test_the_unit_interval_spans_the_frames_edges():
    corners = np.array([[0, 0], [1, 1], [0.5, 0.25]], ">f4")
    np.testing.assert_array_equal(from_unit(corners, (80, 48)), [[0, 0], [80, 48], [40, 12]])
    assert from_unit(corners, (80, 48)).dtype == np.float64


def test_the_first_visible_frame():
    visible = np.array([[False, True, False], [True, True, False]])
    assert first_visible(visible).tolist() == [1, 0, -1]
