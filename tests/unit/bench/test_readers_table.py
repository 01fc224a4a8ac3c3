"""The table of readers, and that the page about them names all of it."""

import json
from pathlib import Path

import pytest

from kinecast.bench.contestants import outputs, videos
from kinecast.bench.readers import READERS, reader
from kinecast.bench.readers.futures import OPTIONS
from kinecast.cli.main import main
from kinecast.core.errors import UserError

PAGE = (Path(__file__).parents[3] / "docs" / "other-methods.md").read_text("utf-8")


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_called_by_its_name_and_documented(name):
    found = reader(name)
    assert found.name == name
    assert f"`{name}`" in PAGE or f"outputs:{name}:" in PAGE
    keys = [option.partition("=")[0] for option in (*found.options, *OPTIONS, *outputs.SHARED)]
    assert len(keys) == len(set(keys))
    for key in keys:
        assert f"`{key}" in PAGE, f"{key} of {name} is not in docs/other-methods.md"


def test_options_of_videos_are_documented():
    for option in videos.OPTIONS:
        key = option.partition("=")[0]
        assert f"`{key}" in PAGE or f"{key}=" in PAGE


def test_the_command_lists_all_of_them(capsys):
    assert main(["bench", "readers"]) == 0
    text = capsys.readouterr().out
    assert main(["bench", "readers", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in listed["readers"]] == list(READERS)
    for row in listed["readers"]:
        assert f"outputs:{row['name']}:FOLDER" in text
        assert row["convention"] in text
    assert listed["videos"] == list(videos.OPTIONS)


def test_an_unknown_reader_names_the_nearest():
    with pytest.raises(UserError, match=r"did you mean zipmo\?"):
        reader("zip-mo")
