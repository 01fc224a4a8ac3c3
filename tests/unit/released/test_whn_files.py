from dataclasses import replace

import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.released.released import Released
from kinecast.released.whn import read, write
from kinecast.systems.whn.config import DenoiserConfig, VAEConfig, WHNConfig
from kinecast.systems.whn.presets import LAYOUTS, LIBERO_SCALES
from kinecast.systems.whn.system import WHN

VAE = VAEConfig(
    grid=(8, 8),
    patch=4,
    frames=16,
    width=64,
    heads=1,
    encoder_depth=2,
    decoder_depth=2,
    features=5,
    tokens=(2, 3),
    point_width=6,
)
LATENT = DenoiserConfig(
    grid=(2, 2), frames=16, width=128, heads=2, depth=2, features=5, tokens=(2, 3), text=7
)
LIBERO = WHNConfig(
    replace(LAYOUTS["libero"], stride=16.0), LATENT, VAE, LIBERO_SCALES["libero-atm"]
)
PHYSICS = WHNConfig(
    replace(LAYOUTS["physics101"], stride=16.0),
    DenoiserConfig(
        grid=(16, 29), frames=30, channels=2, width=64, heads=1, depth=2, features=5,
        tokens=(4, 2), point_width=6,
    ),
)  # fmt: skip
CONFIGS = pytest.mark.parametrize("config", [LIBERO, PHYSICS], ids=["latents", "points"])
SCALE = {"scale": "libero-atm"}


def released(config):
    network = WHN(config)
    for index, parameter in enumerate(network.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator(100, index))
    return Released("whn", network.to_config(), network.state_dict())


def options(config):
    return SCALE if config.vae else {}


@CONFIGS
def test_there_and_back_is_the_same_model(config):
    ours = released(config)
    again = read(write(ours), options(config))
    assert (again.system, again.model) == ("whn", ours.model)
    assert again.state.keys() == ours.state.keys()
    assert all(torch.equal(again.state[key], ours.state[key]) for key in ours.state)


@CONFIGS
def test_files_come_back_byte_for_byte_in_their_own_types(config):
    files = {
        name: {k: v.half() if v.dtype == torch.float32 else v for k, v in tensors.items()}
        for name, tensors in write(released(config)).items()
    }
    back = write(read(files, options(config)))
    assert back.keys() == files.keys()
    for name, tensors in files.items():
        assert back[name].keys() == tensors.keys()
        assert all(torch.equal(back[name][k], v) for k, v in tensors.items())
        assert all(back[name][k].dtype == v.dtype for k, v in tensors.items())


def test_the_seven_parts_of_a_modulation_find_their_branches():
    ours = released(PHYSICS)
    theirs = write(ours)["denoiser.pth"]["blocks.1.adaLN_modulation.1.weight"].chunk(7)
    stem = "denoiser.blocks.1."
    self_, gate, mlp = (
        ours.state[f"{stem}{branch}.modulate.linear.weight"] for branch in ("self", "cross", "mlp")
    )
    assert torch.equal(torch.cat(theirs[:3]), self_)
    assert torch.equal(theirs[3], gate)
    assert torch.equal(torch.cat(theirs[4:]), mlp)


def test_numbers_and_names_of_a_scale():
    files = write(released(LIBERO))
    scale = read(files, {"scale": "1,2,3,4,5,6,7,8.5"}).model["scale"]
    assert tuple(scale) == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5)
    for wrong, message in (
        ({}, "expected option scale, .* 8 latent channels"),
        ({"scale": "1,2"}, "a scale > 0 of each of 8"),
        ({"scale": "libero-atn"}, r"did you mean libero-atm\?"),
        ({"scale": "1,2,3,4,5,6,7,-8"}, "a scale > 0"),
    ):
        with pytest.raises(UserError, match=message):
            read(files, wrong)
    with pytest.raises(UserError, match="no option scale for a denoiser of points"):
        read(write(released(PHYSICS)), SCALE)


def test_heads_are_told_where_the_width_does_not_tell_them():
    config = replace(PHYSICS, denoiser=replace(PHYSICS.denoiser, width=36, heads=3))
    files = write(released(config))
    with pytest.raises(UserError, match="the number of heads with --set heads="):
        read(files, {})
    assert read(files, {"heads": "3"}).model["denoiser"]["heads"] == 3
    with pytest.raises(UserError, match="option heads as a whole number, got 'three'"):
        read(files, {"heads": "three"})


def test_a_layout_that_nothing_published_has_must_be_named():
    layout = replace(LAYOUTS["physion"], stride=32.0)
    config = replace(PHYSICS, layout=layout, denoiser=replace(
        PHYSICS.denoiser, grid=(8, 8), frames=12
    ))  # fmt: skip
    files = write(released(config))
    with pytest.raises(UserError, match=r"12 frames on a grid of .* with --set layout=NAME"):
        read(files, {})
    assert read(files, {"layout": "physion"}).model == WHN(config).to_config()
    with pytest.raises(UserError, match="points that fill the 448x224 frame of cityscapes"):
        read(files, {"layout": "cityscapes"})
    with pytest.raises(UserError, match=r"did you mean physion\?"):
        read(files, {"layout": "fysion"})


def changed(config, file, **keys):
    """Files with keys renamed (a name), left out (None) or replaced (a tensor)."""
    files = write(released(config))
    for key, value in keys.items():
        old = files[file].pop(key)
        if isinstance(value, str):
            files[file][value] = old
        elif value is not None:
            files[file][key] = value
    return files


@pytest.mark.parametrize(
    ("file", "key", "value", "message"),
    [
        ("denoiser.pth", "blocks.1.attn.q.bias", "blocks.1.attn.bias_q", "1 missing .*attn.q.bias"),
        ("denoiser.pth", "t_embedder.mlp.0.bias", None, "1 missing .*t_embedder.mlp.0.bias"),
        ("denoiser.pth", "final_layer.linear.bias", torch.zeros(3), r"misshapen .*\(3,\)"),
        ("denoiser.pth", "pos_embed", None, "expected pos_embed in the file of a WHN denoiser"),
        ("denoiser.pth", "pos_embed", torch.zeros(1, 4, 128), "pos_embed to be sin-cos positions"),
        ("denoiser.pth", "pos_embed", torch.zeros(4, 128), "pos_embed of 3 dimensions"),
        ("vae.pth", "frame_embed", "frame_emb", "was it renamed to frame_emb"),
        ("vae.pth", "decoder_blocks.0.gate_mxa", torch.zeros(1, 1, 3), "misshapen .*gate_mxa"),
        ("vae.pth", "to_latents.bias", "to_latents.bios", "unexpected .*to_latents.bios"),
    ],
)
def test_a_wrong_key_gets_its_own_error(file, key, value, message):
    with pytest.raises(UserError, match=message):
        read(changed(LIBERO, file, **{key: value}), SCALE)


def test_the_point_encoders_factor_must_be_the_regular_one():
    wrong = {"x_encoder.lff.scale": torch.tensor(0.5, dtype=torch.float64)}
    with pytest.raises(UserError, match=r"x_encoder\.lff\.scale to be the regular one"):
        read(changed(PHYSICS, "denoiser.pth", **wrong), {})


def test_files_must_be_one_model():
    files = write(released(LIBERO))
    with pytest.raises(UserError, match=r"a denoiser of latents with its VAE, .* give both"):
        read({"a.pth": files["denoiser.pth"]}, SCALE)
    with pytest.raises(UserError, match=r"the file of a WHN denoiser, got a.pth"):
        read({"a.pth": files["vae.pth"]}, SCALE)
    with pytest.raises(UserError, match=r"got a second denoiser"):
        read({"a.pth": files["denoiser.pth"], "b.pth": files["denoiser.pth"]}, SCALE)
    with pytest.raises(UserError, match=r"a denoiser or a VAE of WHN in a.pth, got tensors such"):
        read({"a.pth": {"weight": torch.zeros(1)}}, SCALE)
    with pytest.raises(UserError, match=r"got 'scael'; did you mean scale\?"):
        read(files, {"scael": "1"})


def test_what_is_no_whn_is_not_written():
    ours = released(PHYSICS)
    with pytest.raises(UserError, match="expected a model of system whn, got zipmo"):
        write(replace(ours, system="zipmo"))
    with pytest.raises(UserError, match=r"expected tensors of denoiser, got extra\.a"):
        write(replace(ours, state=ours.state | {"extra.a": torch.zeros(1)}))
