"""ZipMo's published files: sizes, keys there and back, and files that are not right."""

from dataclasses import asdict, replace

import pytest
import torch

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.nn.vit import ViTConfig
from kinecast.released import zipmo, zipmo_sizes
from kinecast.released.released import Released
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.positions import volume
from kinecast.systems.zipmo.system import ZipMo
from kinecast.systems.zipmo.vae import VAEConfig

DENSE = PlannerConfig(pokes=zipmo_sizes.DENSE, fill=False)
TINY = ZipMoConfig(
    vae=VAEConfig(32, 2, 64, 2, 1, channels=4, grid=(1, 2, 2), image_grid=(2, 2)),
    planner=PlannerConfig(48, 3, 2, 64, poke_width=40, time_width=16, channels=4),
    image=ViTConfig(64, depth=1, heads=1, registers=4, side=5, antialias=True),
)
NAMES = {
    "vae": "zipmo_vae.safetensors",
    "sparse": "zipmo_planner_sparse.safetensors",
    "dense": "zipmo_planner_dense.safetensors",
}


def _config(kind: str) -> ZipMoConfig:
    if kind == "vae":
        return replace(TINY, planner=None)
    if kind == "sparse":
        return TINY
    return replace(TINY, planner=replace(TINY.planner, pokes=40, fill=False))


def _published(config: ZipMoConfig, dtype=torch.float32) -> dict[str, torch.Tensor]:
    """A file of random numbers; positions are those of the grid."""
    state = ZipMo(config).state_dict()
    for i, (key, value) in enumerate(state.items()):
        if not key.endswith("position") or key.startswith("image."):
            value = torch.randn(value.shape, generator=rng.generator(i))
        state[key] = value.to(dtype)
    (file,) = zipmo.write(Released(zipmo.SYSTEM, asdict(config), state)).values()
    return {key: value.clone() for key, value in file.items()}


@pytest.mark.parametrize(
    ("config", "tensors", "numbers"),
    [
        (ZipMoConfig(planner=None), 611, 339_164_197),
        (ZipMoConfig(), 1216, 872_580_645),
        (ZipMoConfig(planner=DENSE), 1216, 872_580_645),
    ],
)
def test_published_sizes_have_the_published_tensors(config, tensors, numbers):
    with torch.device("meta"):
        state = ZipMo(config).state_dict()
    (file,) = zipmo.write(Released(zipmo.SYSTEM, asdict(config), state)).values()
    assert (len(file), sum(value.numel() for value in file.values())) == (tensors, numbers)
    assert file["encoder.trajs_in.coeffs" if tensors == 611 else "track_cond_emb.coeffs"].ndim == 1


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_file_comes_back_as_it_was(kind, dtype):
    file = _published(_config(kind), dtype)
    released = zipmo.read({NAMES[kind]: file}, {})
    assert ZipMoConfig.read(released.model) == _config(kind)
    back = zipmo.write(released)
    assert back.keys() == {NAMES[kind]}
    again = back[NAMES[kind]]
    assert again.keys() == file.keys()
    assert all(torch.equal(again[k], file[k]) and again[k].dtype == dtype for k in file)


def test_equal_copies_are_stored_once_and_others_twice():
    file = _published(TINY)
    shared = zipmo.read({"sparse": file}, {})
    assert not any(key.startswith("vae_image.") for key in shared.state)
    file["vae.img_embedder.model.norm.bias"] += 1
    own = zipmo.read({"sparse": file}, {})
    assert own.model["two_images"]
    back = zipmo.write(own)[NAMES["sparse"]]
    assert all(torch.equal(back[key], file[key]) for key in file)
    system = ZipMo.from_config(own.model)
    system.load_state_dict(own.state)
    assert torch.equal(system.vae_image.norm.bias, system.image.norm.bias + 1)


def test_positions_of_encoder_and_decoder_must_agree():
    file = _published(TINY)
    file["vae.decoder.pos_cross"] += 0.1
    with pytest.raises(UserError, match=r"vae.decoder.pos_cross to equal its copy"):
        zipmo.read({"sparse": file}, {})


@pytest.mark.parametrize(
    "key",
    [
        "in_proj.proj.weight",
        "backbone.1.self_attn.scale",
        "backbone.0.cross_attn.kv_proj.weight",
        "vae.encoder.query_pos",
        "vae.encoder.backbone.0.ff.up_proj.weight",
        "vae.decoder.trajs_out.3.bias",
        "img_embedder.model.blocks.0.ls1.gamma",
        "time_emb.weight",
    ],
)
def test_a_missing_a_renamed_and_a_misshapen_tensor_are_named(key):
    file = _published(TINY)
    value = file.pop(key)
    with pytest.raises(UserError, match=key.removeprefix("vae.")) as missing:
        zipmo.read({"sparse": file}, {})
    assert "0 unexpected" not in str(missing.value)
    with pytest.raises(UserError, match=f"{key}_old|{key.removeprefix('vae.')}"):
        zipmo.read({"sparse": {**file, f"{key}_old": value}}, {})
    with pytest.raises(UserError, match=key.rpartition(".")[2]) as misshapen:
        zipmo.read({"sparse": {**file, key: torch.cat([value, value])}}, {})
    assert len(str(misshapen.value)) < 400


def test_what_no_tensor_tells_must_be_said():
    file = _published(TINY)
    with pytest.raises(UserError, match=r"planner=dense to be set for weights.* got nothing"):
        zipmo.read({"weights": file}, {})
    dense = zipmo.read({"weights": file}, {"planner": "dense", "pokes": "12", "scale": "9.5"})
    config = ZipMoConfig.read(dense.model)
    assert (config.planner.pokes, config.planner.fill, config.scale) == (12, False, 9.5)
    with pytest.raises(UserError, match=r"expected options of .*; did you mean planner"):
        zipmo.read({"weights": file}, {"planer": "dense"})
    with pytest.raises(UserError, match="expected option pokes as a number, got 'many'"):
        zipmo.read({"dense": file}, {"pokes": "many"})
    with pytest.raises(UserError, match="expected one file of ZipMo, got 2"):
        zipmo.read({"sparse": file, "dense": file}, {})


def test_tensors_of_something_else_are_refused():
    with pytest.raises(UserError, match="expected tensors of ZipMo such as out_proj"):
        zipmo.read({"vae": {"weight": torch.zeros(2)}}, {})


def test_a_grid_is_read_from_its_positions():
    for grid in ((1, 3, 5), (2, 4, 4)):
        assert zipmo_sizes.grid_of("query_pos", volume(grid).half()) == grid
    with pytest.raises(UserError, match="expected query_pos to hold the positions"):
        zipmo_sizes.grid_of("query_pos", torch.rand(9, 3, generator=rng.generator(0)))
