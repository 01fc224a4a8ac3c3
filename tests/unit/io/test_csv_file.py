"""Tracks as CSV: readable by anything, and strict when read."""

import csv

import numpy as np
import pytest
from track_values import random_tracks

from kinecast.core.errors import UserError
from kinecast.io.csv_file import load_csv, save_csv


def test_a_spreadsheet_sees_one_row_a_frame_and_point(tmp_path):
    tracks = random_tracks(bare=True)
    save_csv(tmp_path / "a.csv", tracks)
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        assert file.readline().startswith("# {")
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 15
    row = rows[2 * 15 + 7]
    assert (row["frame"], row["point"], row["visible"]) == ("2", "7", "1")
    assert np.float32(row["x"]) == tracks.xy[2, 7, 0]
    assert np.float32(row["y"]) == tracks.xy[2, 7, 1]


def _edit(tmp_path, change):
    path = tmp_path / "bad.csv"
    save_csv(path, random_tracks())
    path.write_text("\n".join(change(path.read_text("utf-8").splitlines())), "utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[1:], "expected a first line"),
        (lambda lines: [], "expected a first line"),
        (lambda lines: ["# {}", *lines[1:]], "expected a first line"),
        (lambda lines: [lines[0].replace('"version": 1', '"version": 7'), *lines[1:]], "version 1"),
        (lambda lines: lines[:1], "expected the columns frame,point,x,y,visible"),
        (lambda lines: [lines[0], "frame,point,y,x,visible", *lines[2:]], "expected the columns"),
        (lambda lines: lines[:-1], "15 points each, in .*; got 74 rows"),
        (lambda lines: [*lines[:2], *lines[3:], lines[2]], "expected rows in order"),
        (lambda lines: [*lines[:2], "0,0,left,1,1,1", *lines[3:]], "expected 6 numbers a row"),
        (lambda lines: [*lines[:2], "0,0,1,1,2,1", *lines[3:]], "expected visible 0 or 1"),
        (lambda lines: [*lines[:32], "2,0,nan,1,1,1", *lines[33:]], "finite xy where visible"),
        (lambda lines: [lines[0].replace("[80, 48]", "80"), *lines[1:]], "size"),
        (lambda lines: [lines[0].replace("[80, 48]", '"80"'), *lines[1:]], "size"),
        (lambda lines: [lines[0].replace('"grid": [', '"grid": ["a", '), *lines[1:]], "grid"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    with pytest.raises(UserError, match=message) as caught:
        load_csv(_edit(tmp_path, change))
    assert "bad.csv" in str(caught.value)
