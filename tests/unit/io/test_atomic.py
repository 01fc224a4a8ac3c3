"""Outputs appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_folder, atomic_path


def _write_half(context, name, failure):
    with context as temporary:
        (temporary / name if name else temporary).write_text("half")
        raise failure


def test_a_file_appears_when_the_body_succeeds(tmp_path):
    path = tmp_path / "new" / "folder" / "out.mp4"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".mp4"
        assert temporary.parent == path.parent
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["out.mp4"]


def test_a_file_has_the_mode_of_any_new_file(tmp_path):
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_text("")
    with atomic_path(ours) as temporary:
        temporary.write_text("")
        temporary.chmod(0o600)  # as safetensors leaves its files
    assert ours.stat().st_mode == plain.stat().st_mode


@pytest.fixture
def calls(monkeypatch):
    """What was written through to the disk and what was renamed, in that order, by inode."""
    seen, fsync, replace, rename = [], os.fsync, os.replace, Path.rename

    def flushed(handle):
        seen.append(("flushed", os.fstat(handle).st_ino))
        fsync(handle)

    def moved(move):
        def call(source, target):
            seen.append(("moved", os.stat(source).st_ino))
            return move(source, target)

        return call

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", moved(replace))
    monkeypatch.setattr(Path, "rename", moved(rename))
    return seen


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    with atomic_path(tmp_path / "out") as temporary:
        temporary.write_text("whole")
    file, folder = (tmp_path / "out").stat().st_ino, tmp_path.stat().st_ino
    assert calls == [("flushed", file), ("moved", file), ("flushed", folder)]


def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    with atomic_folder(tmp_path / "model") as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "a").write_text("1")
    model = (tmp_path / "model").stat().st_ino
    moved = calls.index(("moved", model))
    for path in (
        tmp_path / "model",
        tmp_path / "model" / "deep",
        tmp_path / "model" / "deep" / "a",
    ):
        assert ("flushed", path.stat().st_ino) in calls[:moved]
    assert calls[-1] == ("flushed", tmp_path.stat().st_ino)


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path, monkeypatch):
    real = os.open

    def no_folders(path, *rest):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "as on Windows")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", no_folders)
    with atomic_path(tmp_path / "out") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "out").read_text() == "whole"


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_keeps_the_old_file_and_removes_the_new(tmp_path, failure):
    path = tmp_path / "out.npz"
    path.write_text("old")
    with pytest.raises(failure):
        _write_half(atomic_path(path), "", failure)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.npz"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "out.txt"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert path.read_text() == "1"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_a_folder_in_the_files_place_is_said(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="expected a file to write, got the folder"):  # noqa: SIM117
        with atomic_path(tmp_path / "out"):
            pytest.fail("must not run")


@pytest.mark.parametrize("context", [atomic_path, atomic_folder])
def test_a_file_among_the_parents_is_said(tmp_path, context):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*a part of the path is a file"):  # noqa: SIM117
        with context(tmp_path / "file" / "deep" / "out"):
            pytest.fail("must not run")


@pytest.mark.parametrize("context", [atomic_path, atomic_folder])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EACCES, "no permission to write there; choose another folder"),
        (errno.EROFS, "the file system is read-only"),
    ],
)
def test_errors_of_the_disk_say_what_to_do(tmp_path, context, number, words):
    with pytest.raises(UserError, match=words), context(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    assert os.listdir(tmp_path) == []


def test_other_errors_of_the_body_pass(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out"):
        (tmp_path / "input that is not there").read_bytes()


def test_a_new_folder_appears_whole(tmp_path):
    with atomic_folder(tmp_path / "deep" / "model") as temporary:
        (temporary / "a").write_text("1")
        assert not (tmp_path / "deep" / "model").exists()
    assert os.listdir(tmp_path / "deep") == ["model"]
    assert (tmp_path / "deep" / "model" / "a").read_text() == "1"


def test_a_folder_with_the_same_files_is_replaced(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("old")
    with atomic_folder(folder) as temporary:
        (temporary / "a").write_text("new")
        (temporary / "b").write_text("more")
    assert {p.name: p.read_text() for p in folder.iterdir()} == {"a": "new", "b": "more"}
    assert os.listdir(tmp_path) == ["model"]


def test_files_of_the_users_in_the_folder_are_kept(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a").write_text("old")
    (folder / "mine.txt").write_text("mine")
    with atomic_folder(folder) as temporary:
        (temporary / "a").write_text("new")
    assert {p.name: p.read_text() for p in folder.iterdir()} == {"a": "new", "mine.txt": "mine"}


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_folder_that_fails_leaves_the_old_one(tmp_path, failure):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("old")
    with pytest.raises(failure):
        _write_half(atomic_folder(folder), "a", failure)
    assert (folder / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["model"]


def test_a_file_in_the_folders_place_is_said(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(UserError, match="expected a folder to write, got the file"):  # noqa: SIM117
        with atomic_folder(tmp_path / "out"):
            pytest.fail("must not run")
