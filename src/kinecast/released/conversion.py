"""Published files -> a checkpoint folder, and back, byte for byte.

What our networks do not use or hold in another form (a dense output, a second copy of an image
encoder) is kept beside the weights, so that the way back gives the very tensors that were read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean
from kinecast.io import checkpoint
from kinecast.io.atomic import atomic_folder
from kinecast.released.card import Origin, card
from kinecast.released.files import Layout, Weights, read_layout, write_layout
from kinecast.released.released import Released
from kinecast.systems.registry import FORMAT, build

SYSTEMS = {  # what the authors published -> how to read and write it
    "trajloom": "kinecast.released.trajloom",
    "whn": "kinecast.released.whn",
    "zipmo": "kinecast.released.zipmo_files",
}
KEPT = "released.safetensors"  # in a checkpoint folder: published tensors that ours do not give
SECTION = "released"  # of config.json: what was read


@dataclass(frozen=True)
class Read:
    """A published file that was read; the `files` of config.json's section `released`.

    Attributes:
        name: its name.
        sha256, bytes: of the file.
        role: the name that the system's `write` gives its tensors.
        layout: how its tensors lie in it.
        absent: tensors that `write` gives and the file does not have.
    """

    name: str
    sha256: str
    bytes: int
    role: str
    layout: Layout
    absent: tuple[str, ...]


def reader(system: str) -> Any:
    """The module that reads and writes a system's published files.

    Raises:
        UserError: an unknown system.
    """
    if system not in SYSTEMS:
        raise UserError(
            f"expected a published system of {', '.join(SYSTEMS)}, got {system!r}"
            f"{did_you_mean(system, SYSTEMS)}"
        )
    return import_module(SYSTEMS[system])


def import_files(
    system: str,
    paths: Sequence[Path],
    out: Path,
    options: Mapping[str, str],
    weights: Weights | None = None,
    origin: Origin | None = None,
) -> list[Path]:
    """Write a checkpoint folder from published files; returns the files written.

    Args:
        system: trajloom, whn or zipmo.
        paths: the published files of one model.
        out: the folder.
        options: what the system's `read` takes.
        weights: as in `files.read_tensors`.
        origin: where the files came from, if they were fetched.

    Raises:
        UserError: a file that cannot be read, or tensors that do not fit the configuration.
    """
    module = reader(system)
    names = _names(paths)
    content = {name: read_layout(path, weights) for name, path in names.items()}
    files = {name: tensors for name, (tensors, _) in content.items()}
    released: Released = module.read(files, options)
    config = {"format": FORMAT, "system": released.system, "model": dict(released.model)}
    with torch.device("meta"):
        network = build(config)
    checkpoint.check_fit(network, released.state, out.name)
    back = module.write(released)
    roles = _roles(files, back)
    read = [
        Read(
            name,
            checkpoint.file_hash(path),
            path.stat().st_size,
            roles[name],
            content[name][1],
            tuple(sorted(back[roles[name]].keys() - files[name].keys())),
        )
        for name, path in names.items()
    ]
    kept = {
        f"{roles[name]}/{key}": value.clone(memory_format=torch.contiguous_format)
        for name, tensors in files.items()
        for key, value in tensors.items()
        if not same_bytes(value, back[roles[name]].get(key))
    }
    config[SECTION] = {
        "system": system,
        "options": dict(options),
        "files": [asdict(file) for file in read],
        "origin": None if origin is None else asdict(origin),
    }
    text = card(out.name, system, [(f.name, f.bytes, f.sha256) for f in read], origin)
    beside = {KEPT: safetensors.torch.save(kept)}
    checkpoint.save_checkpoint(out, config, released.state, text, beside=beside)
    written = (checkpoint.CONFIG, checkpoint.WEIGHTS, checkpoint.CARD, KEPT)
    return [out.absolute() / name for name in written]


def export_files(folder: Path, out: Path) -> list[Path]:
    """Write a checkpoint's tensors in the authors' layout; returns the files written.

    An imported checkpoint gives the very tensors that were read, under their file names. One of our
    own training gives the authors' names.

    Raises:
        UserError: no checkpoint of a published system, or no tensors kept beside an imported one.
    """
    config = checkpoint.read_config(folder)
    section = config.get(SECTION)
    system = section["system"] if section else str(config.get("system")).partition("-")[0]
    state = safetensors.torch.load_file(folder / checkpoint.WEIGHTS)
    released = Released(str(config.get("system")), config.get("model", {}), state)
    back = reader(system).write(released)
    if section:
        files = _as_read(folder, section, back)
    else:
        files = {name: (back[name], Layout(not name.endswith(".safetensors"))) for name in back}
    with atomic_folder(out) as temporary:
        for name, (tensors, layout) in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_layout(path, tensors, layout)
    return [out.absolute() / name for name in files]


def same_bytes(a: Tensor, b: Tensor | None) -> bool:
    """Whether two tensors have the same type, shape and bits."""
    if b is None or a.dtype != b.dtype or a.shape != b.shape:
        return False
    x, y = (t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b))
    return torch.equal(x, y)


def _as_read(
    folder: Path, section: Mapping[str, Any], back: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, tuple[dict[str, Tensor], Layout]]:
    path = folder / KEPT
    if not path.is_file():
        raise UserError(f"expected {KEPT} beside the weights in {folder}, got none; import again")
    kept = safetensors.torch.load_file(path)
    files = {}
    for file in section["files"]:
        role, layout = file["role"], file["layout"]
        start = f"{role}/"
        own = {k.removeprefix(start): v for k, v in kept.items() if k.startswith(start)}
        ours = {k: v for k, v in back[role].items() if k not in file["absent"]}
        files[file["name"]] = (
            {**ours, **own},
            Layout(layout["pickled"], tuple(layout["layers"]), layout["prefix"]),
        )
    return files


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """Paths by file name; files of one name by folder and name."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}/{path.name}" for path in paths]
    if len(set(names)) < len(names):
        raise UserError(f"expected every file once, got {', '.join(map(str, paths))}")
    return dict(zip(names, paths, strict=True))


def _roles(
    files: Mapping[str, Mapping[str, Tensor]], back: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, str]:
    """File name -> the name that the way back gives it, by the keys they share."""
    roles: dict[str, str] = {}
    for name, tensors in files.items():
        left = [role for role in back if role not in roles.values()]
        roles[name] = max(left, key=lambda role: len(tensors.keys() & back[role].keys()))
    return roles
