"""WHN's rollout folders: every point, or those that the benchmark's query files name."""

import numpy as np
import pytest
import torch
from shard_files import pictures
from test_import_whn import laid

from kinecast.core.errors import UserError
from kinecast.data.builders.whn_kubric import rollout_seeds
from kinecast.data.importers import importer
from kinecast.io.image import write_image

T, H, W = 4, 24, 40
NAME = "movi_a_rood_movi_a_256x256_000003-000017"


def put(root, name=NAME, stride=1, queries=((0, 5, 2), (0, 39, 23))):
    folder = root / name
    folder.mkdir(parents=True)
    for t, image in enumerate(pictures(T, W, H)):
        write_image(folder / f"{name}_{t:02d}.png", image)
    tracks = laid(H // stride, W // stride, stride, 0.5, T)
    visible = np.ones(tracks.shape[:3], bool)
    visible[2, 1, 3] = False
    np.save(folder / "trajectories.npy", tracks)
    np.save(folder / "visibility.npy", visible)
    torch.save(torch.tensor(queries), folder / "q42_grid.pt")
    torch.save(torch.tensor(queries)[:1, 1:].float(), folder / "q42_obj.pt")
    return tracks


def read(path, **options):
    return list(importer("whn-rollouts").items(path, options))


@pytest.mark.parametrize("stride", [1, 8])
def test_every_point_of_every_folder(tmp_path, stride):
    tracks = put(tmp_path, stride=stride)
    put(tmp_path, NAME.replace("rood", "rval"), stride)
    rood, rval = read(tmp_path)
    assert (rood.id, rval.id) == (NAME, NAME.replace("rood", "rval"))
    np.testing.assert_allclose(rood.tracks.xy, tracks.reshape(T, -1, 2), atol=1e-3)
    assert (rood.tracks.size, rood.tracks.fps, len(rood.video)) == ((W, H), 12, T)
    assert np.argwhere(~rood.tracks.visible).tolist() == [[2, W // stride + 3]]
    assert (rood.tracks.source["scene"], rood.tracks.source["rollout"]) == ("000003", "000017")
    np.testing.assert_array_equal(rood.video[1:2][0], pictures(T, W, H)[1])
    assert [clip.id for clip in read(tmp_path, worlds="rval")] == [rval.id]
    assert len(read(tmp_path / NAME)) == 1


def test_queries_look_points_up_and_start_at_themselves(tmp_path):
    tracks = put(tmp_path)
    (clip,) = read(tmp_path, points="grid")
    np.testing.assert_allclose(clip.tracks.xy[0], [[5.5, 2.5], [39.5, 23.5]], atol=1e-3)
    np.testing.assert_allclose(clip.tracks.xy[1:, 0], tracks[1:, 2, 5], atol=1e-3)
    np.testing.assert_allclose(clip.tracks.xy[1:, 1], tracks[1:, 23, 39], atol=1e-3)
    assert (clip.tracks.query_frame == 0).all()
    (clip,) = read(tmp_path, points="objects")
    np.testing.assert_allclose(clip.tracks.xy[0], [[5.5, 2.5]], atol=1e-3)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (((0, 5, 24),), r"got \[5, 24\]"),
        (((0, 40, 0),), r"got \[40, 0\]"),
        (((0, 3, 0),), r"got \[3, 0\]"),
        (((2, 8, 8),), "queries in frame 0"),
    ],
)
def test_queries_where_no_point_starts_are_refused(tmp_path, queries, message):
    put(tmp_path, stride=8, queries=queries)
    with pytest.raises(UserError, match=message):
        read(tmp_path, points="grid")


def test_what_is_missing_or_exchanged_is_named(tmp_path):
    tracks = put(tmp_path)
    np.save(tmp_path / NAME / "trajectories.npy", tracks[..., ::-1])
    with pytest.raises(UserError, match=r"\(y, x\) instead of \(x, y\)"):
        read(tmp_path)
    (tmp_path / NAME / "trajectories.npy").unlink()
    with pytest.raises(UserError, match=r"expected .*trajectories\.npy, got none"):
        read(tmp_path)
    with pytest.raises(UserError, match="expected folders movi_a_rval"):
        read(_empty(tmp_path))


def _empty(folder):
    path = folder / "empty"
    path.mkdir()
    return path


def test_seeds_are_the_published_draws():
    seeds = rollout_seeds()
    assert (len(seeds), seeds[:3]) == (65, [1608637542, 3421126067, 4083286876])
    assert max(seeds) + 1 < 2**32
