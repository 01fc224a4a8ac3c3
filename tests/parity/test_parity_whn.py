"""WHN against recorded numbers of the authors' code, and its published files by their sizes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.metrics.tapvid import tapvid
from kinecast.released.case import Case, Named
from kinecast.released.check import check
from kinecast.released.released import Released
from kinecast.released.whn import write
from kinecast.released.whn_replay import replay
from kinecast.systems.whn.presets import published
from kinecast.systems.whn.system import WHN

CASES = Path(__file__).parent / "cases" / "whn"
UNIT = (1.0,) * 8
SIZES = {  # trained numbers, and all numbers of the file, of each published denoiser
    ("kubric", "S"): (7_057_544, 7_160_456),
    ("kubric", "B"): (41_505_032, 41_710_856),
    ("kubric", "L"): (219_628_040, 220_039_688),
    ("libero-atm", "B"): (43_522_184, 43_657_736),
    ("libero-tra-moe", "B"): (43_522_184, 43_657_736),
    ("physion", "B"): (42_342_408, 42_576_649),
    ("physics101", "B"): (42_342_408, 42_760_201),
    ("cityscapes", "B"): (42_950_688, 43_309_345),
    ("cityscapes", "L"): (222_519_072, 223_236_385),
}
VAE_SIZES = {
    "kubric": (57_590_552, 57_796_504),
    "libero-atm": (58_444_592, 58_580_272),
    "libero-tra-moe": (58_444_592, 58_580_272),
}


@pytest.mark.parametrize(("name", "outputs"), [("denoiser_raw_rect", 1), ("functions", 13)])
def test_every_recorded_number_is_reproduced(name, outputs):
    deviations = check(Case.read(CASES / name))
    assert len(deviations) == outputs
    assert [d for d in deviations if not d.within] == []


def test_nine_updates_between_ten_times():
    case = Case.read(CASES / "denoiser_raw_rect")
    case.config["steps"] = 11
    deviation = (replay(case)["sampled_norm"] - case.outputs["sampled_norm"]).abs().max()
    assert deviation > 1e-3


def test_the_authors_tapvid_function_is_ours():
    with np.load(CASES / "functions" / "tapvid_inputs.npz") as arrays:
        given = dict(arrays)
    expected = json.loads((CASES / "functions" / "tapvid_outputs.json").read_text())
    scores = tapvid(
        given["query"][..., 0],
        given["gt_occ"],
        given["gt"],
        given["pred_occ"],
        given["pred"],
        mode="first",
    )
    assert expected.keys() == scores.keys()
    # theirs divides by the frames of all videos of a batch, ours by those of each video
    scores["occlusion_accuracy"] = scores["occlusion_accuracy"] / len(given["gt"])
    for name, value in expected.items():
        np.testing.assert_allclose(scores[name], value, rtol=1e-12)


def test_an_unknown_kind_is_refused():
    folder = CASES / "denoiser_raw_rect"
    about = json.loads((folder / "case.json").read_text()) | {"kind": "samplr"}
    case = Case(folder, Named(about, CASES))
    with pytest.raises(UserError, match=r"expected a WHN case of vae, .* got 'samplr'"):
        replay(case)


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_published_sizes(name, size):
    scale = UNIT if name == "kubric" else ()
    with torch.device("meta"):
        system = WHN(published(name, size, scale))
    trained, stored = SIZES[name, size]
    assert sum(p.numel() for p in system.denoiser.parameters()) == trained
    files = write(Released("whn", system.to_config(), system.state_dict()))
    assert sum(t.numel() for t in files["denoiser.pth"].values()) == stored
    if name in VAE_SIZES:
        trained, stored = VAE_SIZES[name]
        assert sum(p.numel() for p in system.vae.parameters()) == trained
        assert sum(t.numel() for t in files["vae.pth"].values()) == stored
        assert len(files["vae.pth"]) == 642
    else:
        assert files.keys() == {"denoiser.pth"}


def test_published_keys_of_kubric():
    with torch.device("meta"):
        system = WHN(published("kubric", "B", UNIT))
    files = write(Released("whn", system.to_config(), system.state_dict()))
    shapes = {k: tuple(v.shape) for k, v in files["denoiser.pth"].items()}
    assert len(shapes) == 279
    assert shapes["frame_embed"] == (1, 256, 384)
    assert shapes["x_embedder.proj.weight"] == (384, 8, 1, 1)
    assert shapes["blocks.11.adaLN_modulation.1.weight"] == (2688, 384)
    assert files["vae.pth"]["x_embedder.proj.weight"].shape == (384, 130, 2, 2)
    assert files["vae.pth"]["encoder_blocks.0.gate_mxa"].shape == (1, 1, 384)
