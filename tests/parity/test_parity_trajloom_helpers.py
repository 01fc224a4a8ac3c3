"""Embeddings, anchors, pooling and normalisation against the published functions."""

import pytest
import torch
from trajloom_cases import Case

from kinecast.core import coords
from kinecast.nn.embed import sincos_1d, sincos_2d, sinusoid
from kinecast.systems.trajloom.cells import anchors
from kinecast.systems.trajloom.history_context import block_mean
from kinecast.systems.trajloom.visibility import expand, pool

SIZE = (160, 96)


@pytest.fixture(scope="module")
def case():
    return Case("helpers")


def test_anchors_of_pixels_and_of_cells(case):
    case.check("offset_anchor_grid", anchors(96, 160).movedim(-1, 0)[None, None])
    case.check("patch_centers", anchors(3, 5).flatten(0, 1))


def test_tables_and_times(case):
    case.check("sincos2d", sincos_2d(3, 5, 64))
    case.check("sincos1d", sincos_1d(torch.arange(17.0), 64))
    case.check("timestep_embedding", sinusoid(torch.tensor([0.0, 1e-5, 0.37, 1.0]), 64))
    steps = 4.0 * torch.arange(5)
    case.check("abs_time_embed_hist", sinusoid(steps, 64)[None])
    case.check("abs_time_embed_fut", sinusoid(17 + steps, 64)[None])


def test_visibility_to_latent_steps_and_back(case):
    tokens = case.inputs["token_vis_btn"]
    case.check("latent_vis_from_tokens", pool(tokens, 4)[..., None].float())
    cells = case.inputs["dense_vis"].unflatten(3, (5, 32)).unflatten(2, (3, 32)).any(5).any(3)
    case.check("latent_vis_from_dense", pool(cells.flatten(2), 4)[..., None].float())
    case.check("repeat", expand(case.inputs["repeat_in"], 4, 33))
    case.check("repeat_padded", expand(case.inputs["repeat_in"], 3, 33))


def test_coordinates(case):
    case.check("norm_px", coords.normalise(case.inputs["tracks_px"], SIZE))
    case.check("denorm", coords.denormalise(case.inputs["points_norm"], SIZE))


def test_pooling_of_cut_patches(case):
    cells = case.inputs["pool_in"]  # (1, c, 7, 11)
    tokens = cells.flatten(2).mT[:, None]
    pooled = block_mean(tokens, (7, 11), 3)
    case.check("pool3", pooled[:, 0].mT.unflatten(2, (3, 4)))
