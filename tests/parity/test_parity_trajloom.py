"""TrajLoom's networks, samplers and scripts against recorded numbers of the authors' code."""

from pathlib import Path

import pytest
import torch

from kinecast.core import coords
from kinecast.released import trajloom
from kinecast.released.case import Case
from kinecast.released.check import check
from kinecast.released.trajloom_dense import collapse, spread
from kinecast.systems.trajloom.cells import to_offsets

CASES = Path(__file__).parent / "cases" / "trajloom"
NAMES = sorted(path.parent.name for path in CASES.glob("*/case.json"))


def test_the_recorded_kinds():
    assert {Case.read(CASES / name).kind for name in NAMES} == {
        *("functions", "pipeline", "sampler", "vae", "velocity", "visibility")
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_output_is_within_its_tolerance(name):
    found = check(Case.read(CASES / name))
    assert found
    assert [d for d in found if not d.within] == []


@pytest.fixture(scope="module")
def dense():
    case = Case.read(CASES / "vae")
    return trajloom.dense_vae(case.weights("vae"), case.config["trajloom_vae"]["config"])


@pytest.fixture(scope="module")
def xy():
    tracks = Case.read(CASES / "vae").inputs["tracks_px"]
    return coords.normalise(tracks, (160, 96)).unflatten(2, (3, 5))


@torch.no_grad()
def test_on_rasterised_tracks_cells_and_pixels_agree(dense, xy):
    field = xy.movedim(-1, 2).repeat_interleave(32, dim=3).repeat_interleave(32, dim=4)
    cells = collapse(dense)
    on_pixels, on_cells = dense.encode_field(field), cells.encode(to_offsets(xy))
    torch.testing.assert_close(on_cells.mean, on_pixels.mean, rtol=0, atol=1e-5)
    z = on_pixels.mean
    corners = dense.decode_field(z)[..., ::32, ::32].movedim(2, -1)
    torch.testing.assert_close(to_offsets(corners), cells.decode(z), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_network_on_cells_has_one_on_pixels_that_does_the_same(dense, xy):
    cells = collapse(dense)
    names = ("embed.weight", "embed.bias", "head.weight", "head.bias")
    state = cells.state_dict()
    dense.load_state_dict(state | spread((3, 5), 32, {name: state[name] for name in names}))
    again = collapse(dense)
    offsets = to_offsets(xy)
    z = cells.encode(offsets).mean
    torch.testing.assert_close(again.encode(offsets).mean, z, rtol=0, atol=1e-5)
    torch.testing.assert_close(again.decode(z), cells.decode(z), rtol=0, atol=1e-5)
