"""WHN's published files <-> the system `whn`: a denoiser of points, or of latents with its VAE."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from kinecast.core.errors import UserError, did_you_mean
from kinecast.released.released import Files, Released
from kinecast.released.rules import Rule, to_ours, to_published
from kinecast.released.whn_keys import denoiser_rules, vae_rules
from kinecast.released.whn_sizes import denoiser_config, vae_config
from kinecast.systems.whn.config import DenoiserConfig, Layout, VAEConfig, WHNConfig
from kinecast.systems.whn.denoiser import Denoiser
from kinecast.systems.whn.presets import LAYOUTS, LIBERO_SCALES, PUBLISHED
from kinecast.systems.whn.system import WHN
from kinecast.systems.whn.vae import VAE

SYSTEM = "whn"
OPTIONS = ("layout", "scale", "heads", "vae_heads")
FILES = {  # role -> the file's name on the way back, and how some of its keys begin
    "denoiser": ("denoiser.pth", ("blocks.",)),
    "vae": ("vae.pth", ("encoder_blocks.", "decoder_blocks.")),
}


def read(files: Files, options: Mapping[str, str]) -> Released:
    """A denoiser's file, and its VAE's where it works on latents.

    Args:
        files: told apart by their keys.
        options: `scale`, the standard deviation of each latent channel (numbers with commas
            between, `model.vae.scale` in the authors' configurations, or libero-atm or
            libero-tra-moe for theirs), needed beside a VAE; `layout` (`presets.LAYOUTS`),
            where none of the published models is alike; `heads` and `vae_heads`, where there are
            not 64 channels a head.

    Raises:
        UserError: a file too few or too many, an option that is unknown, missing or wrong, or
            tensors that are missing, unexpected or misshapen.
    """
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown:
        near = did_you_mean(unknown[0], OPTIONS)
        raise UserError(f"expected options of {', '.join(OPTIONS)}, got {unknown[0]!r}{near}")
    tensors = _by_role(files)
    denoiser = denoiser_config(tensors["denoiser"], _whole(options, "heads"))
    vae = None
    if "vae" in tensors:
        vae = vae_config(tensors["vae"], _whole(options, "vae_heads"))
    if vae is None and denoiser.point_width is None:
        raise UserError(
            "expected a denoiser of latents with its VAE, got the denoiser's file alone; "
            "give both files"
        )
    points = denoiser.grid if vae is None else vae.grid
    layout = _layout(options.get("layout") or alike(denoiser), points)
    config = WHNConfig(layout, denoiser, vae, _scale(options, vae))
    state = _state(Denoiser, denoiser, denoiser_rules(denoiser), tensors["denoiser"], "denoiser")
    if vae is not None:
        state |= _state(VAE, vae, vae_rules(vae), tensors["vae"], "vae")
    return Released(SYSTEM, _on_meta(WHN, config).to_config(), state)


def write(released: Released) -> dict[str, dict[str, Tensor]]:
    """The published files of a system.

    Raises:
        UserError: another system, or tensors that do not fit its configuration.
    """
    config = _on_meta(WHN.from_config, released.model_of(SYSTEM)).config
    rules = {"denoiser": denoiser_rules(config.denoiser)}
    if config.vae is not None:
        rules["vae"] = vae_rules(config.vae)
    stray = [key for key in released.state if key.partition(".")[0] not in rules]
    if stray:
        raise UserError(f"expected tensors of {' and '.join(rules)}, got {', '.join(stray[:3])}")
    return {
        FILES[role][0]: to_published(rules[role], _part(released.state, role)) for role in rules
    }


def load_denoiser(tensors: Mapping[str, Tensor], heads: int) -> Denoiser:
    """A denoiser from its tensors by published keys."""
    network = Denoiser(denoiser_config(tensors, heads))
    network.load_state_dict(to_ours(denoiser_rules(network.config), tensors, network.state_dict()))
    return network.eval()


def load_vae(tensors: Mapping[str, Tensor], heads: int) -> VAE:
    """A VAE from its tensors by published keys."""
    network = VAE(vae_config(tensors, heads))
    network.load_state_dict(to_ours(vae_rules(network.config), tensors, network.state_dict()))
    return network.eval()


def alike(denoiser: DenoiserConfig) -> str:
    """The layout of the published models that take a text or none, work on points or on latents,
    over as many frames and on a grid of that shape.

    Raises:
        UserError: there is none.
    """

    def kind(c: DenoiserConfig) -> tuple[Any, ...]:
        return c.text is None, c.point_width is None, c.frames, c.grid[0] / c.grid[1]

    found = {layout for layout, c, _ in PUBLISHED.values() if kind(c) == kind(denoiser)}
    if len(found) != 1:
        raise UserError(
            f"expected a denoiser like a published one, got {denoiser.frames} frames on a grid of "
            f"{denoiser.grid}; say whose frame and points it takes with --set layout=NAME"
        )
    return found.pop()


def _layout(name: str, points: tuple[int, int]) -> Layout:
    """A published layout with as many points as there are."""
    if name not in LAYOUTS:
        known = ", ".join(LAYOUTS)
        raise UserError(
            f"expected option layout {known}, got {name!r}{did_you_mean(name, LAYOUTS)}"
        )
    (rows, columns), (W, H) = points, LAYOUTS[name].size
    if W * rows != H * columns:
        raise UserError(f"expected points that fill the {W}x{H} frame of {name}, got {points}")
    return replace(LAYOUTS[name], stride=W / columns)


def _scale(options: Mapping[str, str], vae: VAEConfig | None) -> tuple[float, ...]:
    given = options.get("scale")
    if vae is None:
        if given is not None:
            raise UserError("expected no option scale for a denoiser of points, got one")
        return ()
    if given is None:
        raise UserError(
            f"expected option scale, the standard deviation of each of {vae.channels} latent "
            "channels (model.vae.scale in the authors' configuration), got none; give --set "
            f"scale=NUMBER,NUMBER,..., or scale={' or scale='.join(LIBERO_SCALES)} for theirs"
        )
    if given in LIBERO_SCALES:
        return LIBERO_SCALES[given]
    try:
        return tuple(float(number) for number in given.split(","))
    except ValueError as error:
        raise UserError(
            f"expected option scale as numbers with commas between, or "
            f"{' or '.join(LIBERO_SCALES)}, got {given!r}{did_you_mean(given, LIBERO_SCALES)}"
        ) from error


def _whole(options: Mapping[str, str], name: str) -> int | None:
    given = options.get(name)
    if given is None:
        return None
    if not given.isdigit() or int(given) < 1:
        raise UserError(f"expected option {name} as a whole number, got {given!r}")
    return int(given)


def _by_role(files: Files) -> dict[str, Mapping[str, Tensor]]:
    roles: dict[str, Mapping[str, Tensor]] = {}
    for name, tensors in files.items():
        role = next((r for r, (_, starts) in FILES.items() if _begins(tensors, starts)), None)
        if role is None or role in roles:
            got = f"a second {role}" if role else f"tensors such as {', '.join([*tensors][:3])}"
            raise UserError(f"expected a denoiser or a VAE of WHN in {name}, got {got}")
        roles[role] = tensors
    if "denoiser" not in roles:
        raise UserError(f"expected the file of a WHN denoiser, got {', '.join(files) or 'none'}")
    return roles


def _begins(tensors: Mapping[str, Tensor], starts: tuple[str, ...]) -> bool:
    return any(key.startswith(starts) for key in tensors)


def _state(
    kind: Callable[[Any], nn.Module],
    config: Any,
    rules: Sequence[Rule],
    tensors: Mapping[str, Tensor],
    part: str,
) -> dict[str, Tensor]:
    like = _on_meta(kind, config).state_dict()
    return {f"{part}.{key}": value for key, value in to_ours(rules, tensors, like).items()}


def _part(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    start = f"{part}."
    return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}


def _on_meta(make: Callable[[Any], Any], config: Any) -> Any:
    with torch.device("meta"):
        return make(config)
