"""`kinecast doctor`: what is installed, what is missing, and how to fix it."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import av
import torch
import tyro
from rich.console import Console
from rich.table import Table

from kinecast.core import device as devices
from kinecast.forecast.models import ModelFolder, list_models
from kinecast.io.home import home

PACKAGES = ("kinecast", "torch", "numpy", "safetensors", "av", "opencv-python-headless")
DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg4", "gif", "png")


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` is what to do where it is not fine."""

    name: str
    found: str
    fine: bool = True
    fix: str = ""


def doctor(*, json_: Annotated[bool, tyro.conf.arg(name="json")] = False) -> int:
    """Check this installation; exit status 1 where something needs fixing.

    Args:
        json_: print one JSON object.
    """
    checks = [*_versions(), *_machine(), _decoders(), *_models()]
    fine = all(check.fine for check in checks)
    if json_:
        print(json.dumps({"fine": fine, "checks": [asdict(check) for check in checks]}))
        return 0 if fine else 1
    table = Table()
    for column in ("", "check", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for check in checks:
        table.add_row("ok" if check.fine else "!!", check.name, check.found, check.fix)
    Console().print(table)
    return 0 if fine else 1


def _versions() -> list[Check]:
    checks = [Check("python", platform.python_version())]
    for package in PACKAGES:
        try:
            checks.append(Check(package, version(package)))
        except PackageNotFoundError:
            fix = f'pip install "{package}"'
            checks.append(Check(package, "not installed as a package", False, fix))
    return checks


def _machine() -> list[Check]:
    device = devices.resolve()
    memory = devices.memory_bytes(torch.device("cpu"))
    enough = memory > 3e9
    return [
        Check("device", str(device)),
        Check("cores", f"{os.cpu_count()} ({torch.get_num_threads()} threads)"),
        Check(
            "memory",
            f"{memory / 1e9:.1f} GB",
            enough,
            "" if enough else "a forecast takes up to 3 GB: use a larger --stride",
        ),
    ]


def _decoders() -> Check:
    missing = [name for name in DECODERS if not _decodes(name)]
    found = ", ".join(name for name in DECODERS if name not in missing)
    fix = f"no {', '.join(missing)}: pip install --force-reinstall av" if missing else ""
    return Check("video decoders", found, not missing, fix)


def _decodes(name: str) -> bool:
    try:
        av.codec.Codec(name, "r")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def _models() -> list[Check]:
    models = list_models()
    if not models:
        fix = f"reinstall kinecast, or put a checkpoint folder in {home() / 'models'}"
        return [Check("models", "none", False, fix)]
    return [_model(model) for model in models]


def _model(model: ModelFolder) -> Check:
    name = f"model {model.name}"
    if not model.bytes:
        return Check(name, "no weights", False, f"copy {model.name} anew; its weights are missing")
    recorded, found = model.recorded_sha256(), model.sha256()
    if recorded is None:
        return Check(name, f"sha256 {found[:12]}, not recorded")
    if recorded != found:
        fix = f"reinstall it: SHA256SUMS records {recorded[:12]}, the file changed"
        return Check(name, f"sha256 {found[:12]}", False, fix)
    return Check(name, f"sha256 {found[:12]}, as recorded")
