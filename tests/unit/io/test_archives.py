import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.io.archives import safe_members

CONTENT = {"a.txt": b"one", "b/c.npy": bytes(5000), "b/d": b""}


def write_tar(path, members, mode="w"):
    """A tar of (TarInfo or name, bytes)."""
    with tarfile.open(path, mode) as archive:
        for info, data in members:
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for info, data in members:
            archive.writestr(info, data)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_members_come_in_order_with_their_content(kind, tmp_path):
    path = tmp_path / f"data.{kind}"
    if kind == "zip":
        write_zip(path, [("b/", b""), *CONTENT.items()])
    else:
        folder, _ = special("b", tarfile.DIRTYPE)
        mode = "w:" + kind.partition(".")[2]
        write_tar(path, [(folder, b""), *CONTENT.items()], mode)
    found = {member.name: (member.size, member.read()) for member in safe_members(path)}
    assert found == {name: (len(data), data) for name, data in CONTENT.items()}
    assert list(found) == list(CONTENT)


def test_a_member_is_saved_where_it_is_told(tmp_path):
    path = write_zip(tmp_path / "data.zip", [("deep/down/x.bin", b"123")])
    for member in safe_members(path):
        member.save(tmp_path / "out" / "y.bin")
    assert (tmp_path / "out" / "y.bin").read_bytes() == b"123"
    assert {p.name for p in tmp_path.iterdir()} == {"data.zip", "out"}


NAMES = ["/etc/passwd", "../up", "a/../../up", "..", "C:/x", "a\\..\\b", "c:up"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_that_leave_the_folder_are_refused(kind, name, tmp_path):
    write = write_tar if kind == "tar" else write_zip
    path = write(tmp_path / "data", [("fine", b"1"), (name, b"2")])
    with pytest.raises(UserError, match="leaves the folder"):
        list(safe_members(path))


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "inside"),
        (tarfile.LNKTYPE, "a.txt"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(kind, target, tmp_path):
    path = write_tar(tmp_path / "data.tar", [("a.txt", b"1"), special("b", kind, target)])
    with pytest.raises(UserError, match="link, a device or sparse"):
        list(safe_members(path))


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    path = write_zip(tmp_path / "data.zip", [(info, b"/etc/passwd")])
    with pytest.raises(UserError, match="link, a device or sparse"):
        list(safe_members(path))


def test_a_name_twice_is_refused(tmp_path):
    path = write_tar(tmp_path / "data.tar", [("a", b"1"), ("a", b"2")])
    with pytest.raises(UserError, match="'a' twice"):
        list(safe_members(path))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_zip_bomb_is_refused_unread(kind, tmp_path):
    zeros = bytes(100 << 20)
    path = tmp_path / f"bomb.{kind}"
    if kind == "zip":
        write_zip(path, [("x", zeros)])
    else:
        write_tar(path, [("x", zeros)], "w:" + kind.partition(".")[2])
    with pytest.raises(UserError, match="bomb"):
        list(safe_members(path))


def test_many_small_members_that_share_their_data_are_refused(tmp_path):
    """Entries of the directory that point to one content: more is packed than there is."""
    path = write_zip(
        tmp_path / "data.zip", [(f"{i}", np.random.default_rng(i).bytes(9000)) for i in range(2)]
    )
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 24] = struct.pack("<I", 1 << 20)
    path.write_bytes(data)
    with pytest.raises(UserError, match="overlap"):
        list(safe_members(path))


def test_a_member_longer_than_it_says_is_damaged(tmp_path):
    path = write_zip(tmp_path / "data.zip", [("x", bytes(1000))])
    data = path.read_bytes().replace(struct.pack("<I", 1000), struct.pack("<I", 10))
    path.write_bytes(data)
    with pytest.raises(UserError, match="whole, got a damaged one"):
        [member.read() for member in safe_members(path)]


def test_a_huge_header_in_a_small_tar_is_not_read(tmp_path):
    """A name of 100 MB of zeros, packed to nothing."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 100 << 20
    path = write_tar(tmp_path / "data.tar.gz", [(info, bytes(100 << 20))], "w:gz")
    with pytest.raises(UserError, match="a header of"):
        list(safe_members(path))


def test_an_encrypted_zip_is_refused(tmp_path):
    path = write_zip(tmp_path / "data.zip", [("x", b"123")])
    data = bytearray(path.read_bytes())
    for start in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[start] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="encrypted"):
        list(safe_members(path))


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_a_truncated_archive_is_refused(kind, keep, tmp_path):
    path = tmp_path / f"data.{kind}"
    members = [(f"{i}", np.random.default_rng(i).bytes(3000)) for i in range(3)]
    if kind == "zip":
        write_zip(path, members)
    else:
        write_tar(path, members, "w:" + kind.partition(".")[2])
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(UserError, match="damaged"):
        [member.read() for member in safe_members(path)]


def test_a_tar_cut_off_between_two_members_is_refused(tmp_path):
    path = write_tar(tmp_path / "data.tar", [("a", b"1"), ("b", b"2")])
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(UserError, match="without its last block"):
        [member.read() for member in safe_members(path)]


def test_what_is_no_archive_is_named(tmp_path):
    path = tmp_path / "data.tar"
    with pytest.raises(UserError, match="no such file"):
        list(safe_members(path))
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(UserError, match="expected a tar or zip archive"):
        list(safe_members(path))
