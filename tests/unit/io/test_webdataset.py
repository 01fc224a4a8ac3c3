"""WebDataset tars: which members belong together, and what is read of them."""

import io
import tarfile

import pytest

from kinecast.core.errors import UserError
from kinecast.io.webdataset import read_samples, sample_key, shards_in, write_samples


def tar(path, *names, link=False):
    with tarfile.open(path, "w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            if link:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(info)
                continue
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    return path


def test_neighbours_of_one_name_up_to_its_first_dot_are_a_sample(tmp_path):
    path = tar(tmp_path / "a.tar", "x/1.a.npy", "x/1.b", "x/2.a.npy", "y/2.a.npy", "x/1.a.npz")
    samples = list(read_samples(path, {"a.npy", "b"}))
    assert [sample.key for sample in samples] == ["x/1", "x/2", "y/2", "x/1"]
    assert samples[0].parts == {"a.npy": b"x/1.a.npy", "b": b"x/1.b"}
    assert (samples[3].parts, samples[3].names) == ({}, ("a.npz",))
    with pytest.raises(UserError, match=r"expected x/1\.a\.npy of .*a\.tar, got only a\.npz"):
        samples[3].array("a.npy")


@pytest.mark.parametrize("name", ["1", "1.", ".npy", "x/.a.npy"])
def test_a_name_without_key_or_part_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"expected names such as KEY\.part\.npy"):
        list(read_samples(tar(tmp_path / "a.tar", name), {"npy"}))


def test_links_and_empty_archives_are_refused(tmp_path):
    with pytest.raises(UserError, match="a link"):
        list(read_samples(tar(tmp_path / "a.tar", "1.npy", link=True), {"npy"}))
    with pytest.raises(UserError, match="an empty archive"):
        list(read_samples(tar(tmp_path / "b.tar"), {"npy"}))


def test_shards_come_in_order_and_by_their_place(tmp_path):
    for name in ("b.tar", "a/2.tar", "a/10.tar", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [name for _, name in shards_in(tmp_path)] == ["a/10", "a/2", "b"]
    assert shards_in(tmp_path / "b.tar") == [(tmp_path / "b.tar", "b")]


def test_written_and_read_again_without_time_or_owner(tmp_path):
    samples = [(sample_key(i, "a b/c.d"), {"x.npy": bytes([i]), "y": b""}) for i in range(2)]
    (path,) = write_samples(tmp_path, iter(samples))
    assert [(s.key, dict(s.parts)) for s in read_samples(path, {"x.npy", "y"})] == samples
    assert samples[1][0] == "000001_a_b_c_d"
    with tarfile.open(path) as archive:
        assert {(m.mtime, m.uid, m.uname) for m in archive} == {(0, 0, "")}
    assert write_samples(tmp_path, iter(())) == []
