"""ZipMo's evaluation file: points first, (y, x), every second frame."""

import pickle

import numpy as np
import pytest
import torch
from shard_files import encoded, pictures, spread

from kinecast.core.errors import UserError
from kinecast.data.importers import importer

N, T, W, H = 40, 64, 96, 64
TRACKS = spread(N, T, -0.9, 0.9)


def put(root, name="walk", entry=None, frames=2 * T - 1, folder="pexels"):
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / f"original-{name}.mp4").write_bytes(encoded(pictures(frames, W, H), fps=24))
    torch.save({name: entry or {"tracks": torch.from_numpy(TRACKS)}}, root / "gt_tracks.pt")
    return root


def read(path, **options):
    return list(importer("zipmo-eval").items(path, options))


@pytest.mark.parametrize("folder", ["pexels", "."])
def test_every_second_frame_and_yx(tmp_path, folder):
    (clip,) = read(put(tmp_path, folder=folder))
    yx = TRACKS.astype(float).swapaxes(0, 1)
    np.testing.assert_allclose(clip.tracks.xy[..., 0], (yx[..., 1] + 1) / 2 * W, atol=1e-3)
    np.testing.assert_allclose(clip.tracks.xy[..., 1], (yx[..., 0] + 1) / 2 * H, atol=1e-3)
    assert (len(clip.video), clip.tracks.fps, clip.id) == (T, 12, "walk")
    assert (clip.tracks.query_frame == 0).all()
    whole = pictures(2 * T - 1, W, H).astype(int)
    assert np.abs(clip.video[30:31][0] - whole[60]).mean() < 8
    assert np.abs(whole[30] - whole[60]).mean() > 20


def test_a_point_outside_the_frame_is_not_seen(tmp_path):
    tracks = TRACKS.copy()
    tracks[3, 10] = (0, 1.2)
    (clip,) = read(put(tmp_path, entry={"tracks": torch.from_numpy(tracks)}))
    assert np.argwhere(~clip.tracks.visible).tolist() == [[10, 3]]


class Harmful:
    def __reduce__(self):
        return (print, ("it ran",))


def test_code_in_the_file_is_refused(tmp_path, capsys):
    put(tmp_path)
    torch.save({"walk": Harmful()}, tmp_path / "gt_tracks.pt")
    with pytest.raises(UserError, match="not run"):
        read(tmp_path)
    (tmp_path / "gt_tracks.pt").write_bytes(pickle.dumps({"walk": Harmful()}, 2))
    with pytest.raises(UserError, match=r"gt_tracks\.pt"):
        read(tmp_path)
    assert "it ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tracks": torch.zeros(N, T, 3)}, r"\(points, frames, 2\)"),
        ({"tracks": torch.zeros(N, T, 2, dtype=torch.int64)}, "tensor of floats"),
        ({"points": torch.zeros(N, T, 2)}, "tensor of floats"),
        ({"tracks": torch.zeros(N, T + 1, 2)}, "expected 129 frames"),
    ],
)
def test_another_layout_is_refused_by_name(tmp_path, entry, message):
    with pytest.raises(UserError, match=message) as error:
        read(put(tmp_path, entry=entry))
    assert "walk" in str(error.value)


def test_names_may_not_be_paths_and_videos_must_be_there(tmp_path):
    put(tmp_path)
    torch.save({"../walk": {"tracks": torch.from_numpy(TRACKS)}}, tmp_path / "gt_tracks.pt")
    with pytest.raises(UserError, match="got the path"):
        read(tmp_path)
    torch.save({"run": {"tracks": torch.from_numpy(TRACKS)}}, tmp_path / "gt_tracks.pt")
    with pytest.raises(UserError, match=r"original-run\.mp4"):
        read(tmp_path / "gt_tracks.pt")


def test_a_packed_or_damaged_file_is_refused(tmp_path):
    import zipfile

    put(tmp_path)
    path = tmp_path / "gt_tracks.pt"
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", 8) as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info))
    with pytest.raises(UserError, match="zip bomb"):
        read(packed)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged"):
        read(path)
