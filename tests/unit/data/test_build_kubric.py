"""The simulated Kubric benchmark: rollout folders, one first frame, futures that differ."""

import json

import numpy as np
from sim_worlds import needs_gl

from kinecast.cli.main import main
from kinecast.data.importers import importer

pytestmark = needs_gl


def test_futures_share_their_first_frame_and_are_read_again(tmp_path, capsys):
    out = tmp_path / "bench"
    words = ["whn-kubric", "scenes=1", "rollouts=2", "worlds=rood", "first=3", "stride=16"]
    assert main(["build", *words, "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    names = [f"movi_a_rood_movi_a_256x256_000003-{r:06d}" for r in range(2)]
    assert result["kept"] == names
    assert result["paths"] == [str(out / name) for name in [*names, "report.json"]]
    one, two = importer("whn-rollouts").items(out)
    assert (one.tracks.size, len(one.tracks), one.tracks.count) == ((256, 256), 24, 256)
    assert one.tracks.grid.origin == (0.5, 0.5)
    np.testing.assert_array_equal(one.video[0:1], two.video[0:1])
    np.testing.assert_array_equal(one.tracks.xy[0], two.tracks.xy[0])
    assert np.abs(one.tracks.xy[-1] - two.tracks.xy[-1]).max() > 5
    assert np.load(out / names[0] / "segmentations.npy").shape == (24, 256, 256, 1)
    (objects, _) = importer("whn-rollouts").items(out, {"points": "objects"})
    (grid, _) = importer("whn-rollouts").items(out, {"points": "grid"})
    assert 0 < objects.tracks.count < grid.tracks.count == 256
    still = np.ptp(grid.tracks.xy, axis=0).max(-1) < 1e-3
    moved = np.ptp(objects.tracks.xy, axis=0).max(-1) > 1
    assert still.any()
    assert moved.all()
