"""TrajLoom's published files <-> the system `trajloom-paper`.

The published VAE works on pixels and ours on cells (`trajloom_dense`), so a way back from ours
gives one of many pixel networks that do the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from kinecast.core.errors import UserError, did_you_mean
from kinecast.flow.stats import ChannelStats
from kinecast.released import trajloom_keys as keys
from kinecast.released.case import read_json
from kinecast.released.released import Files, Released
from kinecast.released.rules import Rule, to_ours, to_published
from kinecast.released.trajloom_dense import DenseVAE, collapse, spread
from kinecast.released.trajloom_stats import Z_ALL
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.paper import PaperConfig, PaperTrajLoom
from kinecast.systems.trajloom.vae import VAEConfig
from kinecast.systems.trajloom.visibility import VisibilityConfig, VisibilityPredictor

SYSTEM = "trajloom-paper"
PATCH = 32  # published: pixels of a cell's side
FILES = {  # role -> the authors' name, and a key that only this one has
    "vae": ("trajloom_vae.pt", "patch_pos_lff.w"),
    "generator": ("trajloom_generator.pt", "hist_track_proj.weight"),
    "visibility": ("visibility_predictor.pt", "temporal_net.0.weight"),
}
Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config")
OPTIONS = ("config", "predictor", "stats")
CELLS = ("embed.weight", "embed.bias", "head.weight", "head.bias")  # differ in the pixel network


def read(files: Files, options: Mapping[str, str]) -> Released:
    """The three published files as one system.

    Args:
        files: VAE, generator and visibility predictor, told apart by their keys.
        options: paths of the authors' JSON files, where they are not the published ones: `config`
            (its sections `generator` and `trajloom_vae`), `predictor` (its section `predictor`)
            and `stats` (its section `z_all`).

    Raises:
        UserError: a file too few or too many, an unknown option, a configuration that does not
            fit, or tensors that do not fit it.
    """
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown:
        near = did_you_mean(unknown[0], OPTIONS)
        raise UserError(f"expected options of {', '.join(OPTIONS)}, got {unknown[0]!r}{near}")
    tensors = _by_role(files)
    vae_config, patch, offsets, generator_config, visibility_config = _configs(options)
    if not offsets:
        raise UserError("expected a VAE on grid-anchor offsets, got use_offsets = false")
    h, w = vae_config.grid
    config = PaperConfig(
        vae=vae_config,
        generator=generator_config,
        visibility=visibility_config,
        frame=(w * patch, h * patch),
        history_seen=False,
    )
    dense = DenseVAE(vae_config, patch)
    stored = to_ours(keys.vae_rules(dense), tensors["vae"], dense.state_dict())
    dense.load_state_dict(stored)
    cells = collapse(dense).state_dict()
    parts = {
        "vae": {k: cells[k] if k in CELLS else stored[k] for k in cells},
        "generator": to_ours(
            keys.generator_rules(generator_config),
            tensors["generator"],
            _on_meta(Generator, generator_config).state_dict(),
        ),
        "visibility": to_ours(
            keys.visibility_rules(visibility_config),
            tensors["visibility"],
            _on_meta(VisibilityPredictor, visibility_config).state_dict(),
        ),
    }
    state = {f"{part}.{key}": value for part in parts for key, value in parts[part].items()}
    network = _on_meta(PaperTrajLoom, config).to_empty(device="cpu")
    network.set_latent_stats(_stats(options))
    state |= {k: v for k, v in network.state_dict().items() if k in ("latent_mean", "latent_std")}
    return Released(SYSTEM, asdict(config), state)


def write(released: Released) -> dict[str, dict[str, Tensor]]:
    """The three published files of a system.

    Raises:
        UserError: another system, or tensors that do not fit its configuration.
    """
    with torch.device("meta"):
        config = PaperTrajLoom.from_config(released.model_of(SYSTEM)).config
    patch = PATCH if config.frame is None else config.frame[0] // config.vae.grid[1]
    part = {role: _part(released.state, role) for role in FILES}
    part["vae"] |= spread(config.vae.grid, patch, {k: part["vae"][k] for k in CELLS})
    rules: dict[str, list[Rule]] = {
        "vae": keys.vae_rules(_on_meta(lambda c: DenseVAE(c, patch), config.vae)),
        "generator": keys.generator_rules(config.generator),
        "visibility": keys.visibility_rules(config.visibility),
    }
    return {FILES[role][0]: to_published(rules[role], part[role]) for role in FILES}


def dense_vae(tensors: Mapping[str, Tensor], section: Mapping[str, Any]) -> DenseVAE:
    """The VAE as it is stored, from its tensors and its `trajloom_vae.config` section."""
    config, patch, offsets = keys.vae_config(section)
    return _loaded(DenseVAE(config, patch, offsets=offsets), keys.vae_rules, tensors)


def generator(tensors: Mapping[str, Tensor], section: Mapping[str, Any]) -> Generator:
    """The generator from its tensors and its `generator` section."""
    network = Generator(keys.generator_config(section))
    return _loaded(network, lambda n: keys.generator_rules(n.config), tensors)


def predictor(tensors: Mapping[str, Tensor], section: Mapping[str, Any]) -> VisibilityPredictor:
    """The visibility predictor from its tensors and its `predictor` section."""
    network = VisibilityPredictor(keys.visibility_config(section))
    return _loaded(network, lambda n: keys.visibility_rules(n.config), tensors)


def latent_stats(path: Path, key: str = "z_all") -> ChannelStats:
    """A section of the authors' file of latent statistics.

    Raises:
        UserError: the file cannot be read, or lacks the section.
    """
    section = read_json(path)[key]
    channels = section["per_channel"]
    return ChannelStats(
        tuple(channels["mean"]), tuple(channels["std"]), int(section.get("count", 0))
    )


def _stats(options: Mapping[str, str]) -> ChannelStats:
    return latent_stats(Path(options["stats"])) if "stats" in options else Z_ALL


def _configs(
    options: Mapping[str, str],
) -> tuple[VAEConfig, int, bool, GeneratorConfig, VisibilityConfig]:
    vae: tuple[VAEConfig, int, bool] = (VAEConfig(), PATCH, True)
    flow, visibility = GeneratorConfig(), VisibilityConfig()
    if "config" in options:
        sections = read_json(Path(options["config"]))
        vae = keys.vae_config(sections["trajloom_vae"]["config"])
        flow = keys.generator_config(sections["generator"])
    if "predictor" in options:
        visibility = keys.visibility_config(read_json(Path(options["predictor"]))["predictor"])
    return *vae, flow, visibility


def _by_role(files: Files) -> dict[str, Mapping[str, Tensor]]:
    roles: dict[str, Mapping[str, Tensor]] = {}
    for name, tensors in files.items():
        role = next((r for r, (_, key) in FILES.items() if key in tensors), None)
        if role is None or role in roles:
            got = f"a second {role}" if role else f"tensors such as {', '.join([*tensors][:3])}"
            raise UserError(f"expected a VAE, a generator or a predictor in {name}, got {got}")
        roles[role] = tensors
    missing = [f"{role} ({FILES[role][0]})" for role in FILES if role not in roles]
    if missing:
        raise UserError(
            f"expected three files of TrajLoom, got {len(files)}, without {' and '.join(missing)}"
        )
    return roles


def _part(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    start = f"{part}."
    return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}


def _loaded(
    network: Network, rules: Callable[[Network], list[Rule]], tensors: Mapping[str, Tensor]
) -> Network:
    network.load_state_dict(to_ours(rules(network), tensors, network.state_dict()))
    return network.eval()


def _on_meta(make: Callable[[Config], Network], config: Config) -> Network:
    with torch.device("meta"):
        return make(config)
