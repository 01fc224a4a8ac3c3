"""A model of any size with random weights: to the authors' layout, back, and one evaluation."""

import resource
import sys
from dataclasses import asdict
from typing import NamedTuple

import torch

import kinecast
from kinecast.core import rng
from kinecast.flow.sampler import euler, uniform_times
from kinecast.released.conversion import export_files, import_files, reader, same_bytes
from kinecast.released.files import Layout, read_tensors, write_layout
from kinecast.released.released import Released
from kinecast.systems.base import FieldBatch, ImageBatch
from kinecast.systems.registry import build
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.paper import PaperConfig
from kinecast.systems.trajloom.vae import VAEConfig
from kinecast.systems.trajloom.visibility import VisibilityConfig
from kinecast.systems.whn import presets
from kinecast.systems.whn.config import DenoiserConfig, WHNConfig
from kinecast.systems.whn.system import WHN
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLiberoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.policy import PolicyConfig


class Row(NamedTuple):
    """One model: whose reader reads it, its system, its `model` section, the reader's options."""

    published: str
    system: str
    model: dict
    options: dict


def trajloom(**parts):
    return Row("trajloom", "trajloom-paper", asdict(PaperConfig(history_seen=False, **parts)), {})


def _whn(name, size="B"):
    kubric = name == "kubric"
    config = presets.published(name, size, (1.0,) * 8 if kubric else ())
    with torch.device("meta"):
        model = WHN(config).to_config()
    scale = "1,1,1,1,1,1,1,1" if kubric else name
    return Row("whn", "whn", model, {"scale": scale} if config.vae else {})


def _zipmo(planner, kind):
    return Row("zipmo", "zipmo", asdict(ZipMoConfig(planner=planner)), {"planner": kind})


def _libero(**parts):
    return Row("zipmo", "zipmo-libero", asdict(ZipMoLiberoConfig(**parts)), {})


TINY_TRAJLOOM = {
    "vae": VAEConfig((2, 3), 9, 4, 4, 16, 2, 4.0, 2, 2, 8),
    "generator": GeneratorConfig(
        4, 3, 4, 4, 8, grid=(2, 3), width=16, heads=2, depth=2, future_start=9
    ),
    "visibility": VisibilityConfig(4, 8, 2),
}
TINY_WHN = Row(
    "whn",
    "whn",
    WHN(
        WHNConfig(
            presets.LAYOUTS["physion"],
            DenoiserConfig(
                grid=(6, 6), patch=2, frames=6, channels=2, width=32, heads=2, depth=2,
                features=64, tokens=(3, 4), text=None, point_width=8,
            ),
        )
    ).to_config(),
    {"layout": "physion", "heads": "2"},
)  # fmt: skip
TINY = {"trajloom": trajloom(frame=(24, 16), **TINY_TRAJLOOM), "whn": TINY_WHN}
TIME = LiberoConfig(start_time=True)
PUBLISHED = {
    "trajloom": lambda: trajloom(generator=GeneratorConfig(), frame=(832, 480)),
    "whn-kubric-s": lambda: _whn("kubric", "S"),
    "whn-kubric-b": lambda: _whn("kubric", "B"),
    "whn-kubric-l": lambda: _whn("kubric", "L"),
    "whn-libero-atm": lambda: _whn("libero-atm"),
    "whn-libero-tra-moe": lambda: _whn("libero-tra-moe"),
    "whn-physion": lambda: _whn("physion"),
    "whn-physics101": lambda: _whn("physics101"),
    "whn-cityscapes-b": lambda: _whn("cityscapes", "B"),
    "whn-cityscapes-l": lambda: _whn("cityscapes", "L"),
    "zipmo-sparse": lambda: _zipmo(PlannerConfig(), "sparse"),
    "zipmo-dense": lambda: _zipmo(PlannerConfig(pokes=40, fill=False), "dense"),
    "zipmo-libero-atm": lambda: _libero(),
    "zipmo-libero-tramoe": lambda: _libero(planner=TIME),
    "zipmo-policy-atm": lambda: _libero(policy=PolicyConfig()),
    "zipmo-policy-tramoe": lambda: _libero(planner=TIME, policy=PolicyConfig()),
}


def there_and_back(row, folder):
    """Build, write the authors' files, import, export, load, evaluate; returns the peak in bytes.

    Raises:
        AssertionError: a tensor came back different, or an evaluation gave what is no number.
    """
    network = build({"format": 1, "system": row.system, "model": row.model})
    files = reader(row.published).write(Released(row.system, row.model, network.state_dict()))
    del network
    given = folder / "given"
    given.mkdir()
    for name, tensors in files.items():
        write_layout(given / name, tensors, Layout(pickled=not name.endswith(".safetensors")))
    names = list(files)
    del files
    options = dict(row.options)
    if row.published == "trajloom":
        options |= _settings(row, folder)
    import_files(row.published, [given / name for name in names], folder / "model", options)
    export_files(folder / "model", folder / "back")
    for name in names:
        before, after = (read_tensors(folder / place / name) for place in ("given", "back"))
        assert before.keys() == after.keys()
        assert all(same_bytes(before[key], after[key]) for key in before)
        del before, after
    system = kinecast.load(folder / "model", device="cpu").system
    with torch.inference_mode():
        _evaluate(system)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _evaluate(system):
    cond = system.condition(_given(system))
    noise = rng.sample_noise(0, [0], system.latent_shape(cond))
    start = system.source(noise, cond)
    z = euler(lambda z, t: system.velocity(z, t, cond), start, uniform_times(1), system.pin(cond))
    queries = (
        ()
        if system.needs.grid is not None
        else (2 * torch.rand(5, 8, 2, generator=rng.generator(1)) - 1,)
    )
    if system.needs.condition == "history":
        queries = ()
    xy, _ = system.decode(z, cond, *queries)
    assert xy.isfinite().all()
    assert xy.shape[1] == system.needs.frames


def _given(system):
    needs, draws = system.needs, rng.generator(1)
    if needs.condition == "history":
        h, w = system.config.vae.grid
        xy = torch.rand(1, needs.frames, h, w, 2, generator=draws) * 2 - 1
        return FieldBatch(xy, torch.ones(xy.shape[:-1], dtype=torch.bool), (832, 480))
    W, H = needs.frame or (224, 224)
    features = None
    if needs.features is not None:
        rows, columns = system.config.denoiser.tokens
        features = torch.randn(1, 1, rows * columns, needs.features.width, generator=draws)
    pokes = None
    if needs.pokes is not None:
        pokes = torch.rand(1, max(1, needs.pokes[0]), 5, generator=draws)
    text = None if needs.text is None else torch.randn(1, 1, needs.text.width, generator=draws)
    pixels = torch.zeros(1, needs.views, H, W, 3, dtype=torch.uint8)
    step = 3 if needs.episode_step else None
    return ImageBatch(pixels, (W, H), features, pokes, text, step)


def _settings(row, folder):
    """The authors' JSON files of a model that is not of the published sizes."""
    import trajloom_files

    tiny = row.model["vae"]["width"] == TINY_TRAJLOOM["vae"].width
    return trajloom_files.settings(folder) if tiny else {}
