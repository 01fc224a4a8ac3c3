"""Published files to a checkpoint folder and back."""

import json
import pickle
from functools import partial

import image_models
import pytest
import torch
import trajloom_files as small
from safetensors.torch import save_file

import kinecast
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.core.tracks import Tracks
from kinecast.io.checkpoint import CONFIG, WEIGHTS, file_hash
from kinecast.released import trajloom
from kinecast.released.conversion import KEPT, export_files, import_files, same_bytes
from kinecast.released.files import Layout, read_layout, read_tensors

VAE, FLOW, SEEN = "trajloom_vae.pt", "trajloom_generator.pt", "visibility_predictor.pt"


@pytest.fixture
def states():
    return small.tensors()


def imported(tmp_path, states):
    paths = small.save(tmp_path, states)
    import_files("trajloom", paths, tmp_path / "model", small.settings(tmp_path))
    return tmp_path / "model"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("layers", "prefix"),
    [
        ({VAE: ("vae",), FLOW: ("generator",), SEEN: ("model",)}, ""),
        ({VAE: ("model_state_dict",), FLOW: ("model",), SEEN: ("predictor",)}, "module."),
        ({VAE: (), FLOW: ("state_dict",), SEEN: ()}, "module._orig_mod."),
        ({VAE: ("ema_state_dict",), FLOW: (), SEEN: ("state_dict",)}, "_orig_mod."),
    ],
)
def test_every_layout_goes_there_and_back_byte_for_byte(tmp_path, dtype, layers, prefix):
    states = small.tensors(dtype)
    for name, state in states.items():
        content = {prefix + key: value for key, value in state.items()}
        for layer in reversed(layers[name]):
            content = {layer: content, "step": 3}
        torch.save(content, tmp_path / name)
    paths = [tmp_path / name for name in states]
    import_files("trajloom", paths, tmp_path / "model", small.settings(tmp_path))
    export_files(tmp_path / "model", tmp_path / "back")
    for name, state in states.items():
        again, layout = read_layout(tmp_path / "back" / name)
        assert again.keys() == state.keys()
        assert all(same_bytes(again[key], state[key]) for key in state)
        assert layout == Layout(pickled=True, layers=layers[name], prefix=prefix)
    assert kinecast.load(tmp_path / "model").system.config.frame == small.FRAME


def test_safetensors_stay_safetensors_and_absent_tensors_absent(tmp_path, states):
    del states[VAE]["encoder_blocks.0.norm2.weight"]  # nothing uses it
    paths = []
    for name, state in states.items():
        path = (tmp_path / name).with_suffix(".safetensors")
        save_file(state, path)
        paths.append(path)
    import_files("trajloom", paths, tmp_path / "model", small.settings(tmp_path))
    export_files(tmp_path / "model", tmp_path / "back")
    for path in paths:
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


def test_the_folder_says_what_was_read(tmp_path, states):
    model = imported(tmp_path, states)
    files = json.loads((model / CONFIG).read_text())["released"]["files"]
    assert {f["name"]: f["sha256"] for f in files} == {
        name: file_hash(tmp_path / name) for name in states
    }
    card = (model / "README.md").read_text()
    assert "license: not stated" in card
    assert all(file_hash(tmp_path / name) in card for name in states)


def test_points_at_top_left_pixels_become_points_of_the_rule(tmp_path, states):
    """The imported system on our coordinates is the published network on the authors'."""
    model = imported(tmp_path, states)
    system = kinecast.load(model, device="cpu").system
    grid = system.needs.grid
    assert (grid.h, grid.w, grid.stride, grid.origin) == (*small.GRID, small.PATCH, (0.5, 0.5))
    theirs = (
        grid.points()
        - 0.5
        + torch.rand(1, small.FRAMES, *small.GRID, 2, generator=generator(0)).numpy()
    )
    theirs = torch.from_numpy(theirs)
    ours = coords.normalise(coords.from_pixel_centres(theirs), small.FRAME)
    dense = trajloom.dense_vae(states[VAE], small.CONFIG["trajloom_vae"]["config"])
    field = coords.normalise(theirs, small.FRAME).movedim(-1, 2)
    field = field.repeat_interleave(small.PATCH, 3).repeat_interleave(small.PATCH, 4)
    stats = trajloom.latent_stats(tmp_path / "stats.json")
    with torch.no_grad():
        z = stats.normalise(dense.encode_field(field).mean)
        torch.testing.assert_close(system.latents(ours).mean, z, rtol=0, atol=2e-5)
        decoded = dense.decode_field(stats.denormalise(z))[..., :: small.PATCH, :: small.PATCH]
        decoded = coords.denormalise(decoded.movedim(2, -1), small.FRAME)
        xy, logits = system.decode(z, {"last": z[:, -1]})
    again = coords.to_pixel_centres(coords.denormalise(xy, small.FRAME))
    torch.testing.assert_close(again, decoded, rtol=0, atol=1e-4)
    assert logits.shape == xy.shape[:-1]


def test_an_imported_model_forecasts(tmp_path, states):
    model = kinecast.load(imported(tmp_path, states), device="cpu")
    grid, T = model.system.needs.grid, small.FRAMES
    xy = grid.points().reshape(1, -1, 2).repeat(T, axis=0)
    seen = torch.ones(xy.shape[:2], dtype=torch.bool).numpy()
    history = Tracks(xy=xy, visible=seen, size=small.FRAME, grid=grid)
    futures = model.forecast(history=history, k=2, seed=1)
    assert len(futures) == 2
    assert futures[0].xy.shape == (T, grid.count, 2)
    with pytest.raises(UserError, match="takes points of 24x16 frames, got a history of 48x32"):
        model.forecast(history=history.resized((48, 32)))


def test_a_model_of_our_own_training_leaves_in_the_authors_layout(tmp_path, states):
    model = imported(tmp_path, states)
    config = json.loads((model / CONFIG).read_text())
    del config["released"]
    (model / CONFIG).write_text(json.dumps(config))
    (model / KEPT).unlink()
    export_files(model, tmp_path / "back")
    paths = [tmp_path / "back" / name for name in (VAE, FLOW, SEEN)]
    import_files("trajloom", paths, tmp_path / "again", small.settings(tmp_path))
    first, second = (kinecast.load(tmp_path / name).system for name in ("model", "again"))
    xy = torch.rand(1, small.FRAMES, *small.GRID, 2, generator=generator(1))
    with torch.no_grad():
        torch.testing.assert_close(
            first.latents(xy).mean, second.latents(xy).mean, rtol=0, atol=1e-5
        )


def test_one_key_renamed_is_told(tmp_path, states):
    states[FLOW]["in_proj.wieght"] = states[FLOW].pop("in_proj.weight")
    with pytest.raises(UserError, match=r"1 missing \(in_proj.weight\); 1 unexpected .*renamed"):
        imported(tmp_path, states)
    assert not (tmp_path / "model").exists()


def test_one_key_missing_is_told(tmp_path, states):
    del states[VAE]["encoder_blocks.1.attn.qkv.bias"]
    with pytest.raises(UserError, match=r"1 missing \(encoder_blocks.1.attn.qkv.bias\)"):
        imported(tmp_path, states)


def test_one_tensor_misshapen_is_told(tmp_path, states):
    states[SEEN]["out.weight"] = states[SEEN]["out.weight"][:, :-1]
    with pytest.raises(UserError, match=r"out.weight: expected \(1, 8, 1\), got \(1, 7, 1\)"):
        imported(tmp_path, states)


def test_a_file_too_few_is_told(tmp_path, states):
    del states[SEEN]
    with pytest.raises(UserError, match=r"visibility \(visibility_predictor.pt\)"):
        imported(tmp_path, states)


def test_an_option_misspelt_is_told(tmp_path, states):
    with pytest.raises(UserError, match="'stat'; did you mean stats"):
        import_files("trajloom", small.save(tmp_path, states), tmp_path / "m", {"stat": "x"})


class Runs:
    """What a pickle can do."""

    def __reduce__(self):
        return print, ("this must never be printed",)


def test_a_pickle_with_code_is_refused(tmp_path, capsys):
    for name, write in (("new.pt", torch.save), ("plain.pkl", partial(pickle.dump, protocol=2))):
        with (tmp_path / name).open("wb") as file:
            write({"model": {"x": torch.zeros(1)}, "bad": Runs()}, file)
        with pytest.raises(UserError, match="a pickle with code in it, which is never run"):
            read_tensors(tmp_path / name)
    assert "never be printed" not in capsys.readouterr().out


def test_damaged_files_are_told(tmp_path, states):
    torch.save(states[SEEN], tmp_path / "whole.pt")
    content = (tmp_path / "whole.pt").read_bytes()
    for name, cut in (("half.pt", content[:2000]), ("junk.safetensors", b"{}" * 50), ("no", b"")):
        (tmp_path / name).write_bytes(cut)
        with pytest.raises(UserError, match="damaged"):
            read_tensors(tmp_path / name)
    with pytest.raises(UserError, match="No such file"):
        read_tensors(tmp_path / "absent.pt")


def test_trained_or_averaged_weights(tmp_path):
    both = {
        "model_state_dict": {"module.x": torch.zeros(2)},
        "ema_state_dict": {"x": torch.ones(2)},
    }
    torch.save(both, tmp_path / "both.pth")
    for weights, value in ((None, 0), ("model", 0), ("ema", 1)):
        assert (read_tensors(tmp_path / "both.pth", weights)["x"] == value).all()
    torch.save({"model_state_dict": both["model_state_dict"]}, tmp_path / "one.pth")
    with pytest.raises(UserError, match="expected ema weights"):
        read_tensors(tmp_path / "one.pth", "ema")


def test_what_is_not_weights_is_told(tmp_path):
    torch.save({"step": 3}, tmp_path / "a.pt")
    torch.save({"x": torch.zeros(1), "module.x": torch.zeros(1)}, tmp_path / "b.pt")
    torch.save({"x": torch.zeros(1), "y": 3}, tmp_path / "c.pt")
    for name, message in (("a", "got step"), ("b", "x twice"), ("c", "got int under 'y'")):
        with pytest.raises(UserError, match=message):
            read_tensors(tmp_path / f"{name}.pt")


def test_the_weights_keep_the_type_they_were_published_in(tmp_path):
    states = small.tensors(torch.bfloat16)
    model = imported(tmp_path, states)
    stored = read_tensors(model / WEIGHTS)
    assert stored["generator.blocks.0.mlp.op.up.weight"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("published", "make", "options"),
    [
        ("zipmo", image_models.zipmo, {"planner": "sparse", "pokes": "4"}),
        ("zipmo", image_models.zipmo_libero, {}),
    ],
)
def test_every_system_leaves_and_returns(tmp_path, published, make, options):
    make(tmp_path / "ours")
    paths = export_files(tmp_path / "ours", tmp_path / "theirs")
    import_files(published, paths, tmp_path / "model", options)
    first, second = (kinecast.load(tmp_path / name).system for name in ("ours", "model"))
    again = second.state_dict()
    assert all(torch.equal(value, again[key]) for key, value in first.state_dict().items())
    export_files(tmp_path / "model", tmp_path / "back")
    for path in paths:
        before, after = read_tensors(path), read_tensors(tmp_path / "back" / path.name)
        assert before.keys() == after.keys()
        assert all(same_bytes(value, after[key]) for key, value in before.items())


def test_a_configuration_with_an_unknown_field_is_refused(tmp_path, states):
    model = imported(tmp_path, states)
    config = json.loads((model / CONFIG).read_text())
    config["model"]["frames"] = config["model"].pop("frame")
    (model / CONFIG).write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"'frames'; did you mean frame\?"):
        kinecast.load(model)
