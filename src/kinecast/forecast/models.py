"""Where models are: in the package, in the user's folder, or at a path. Never the network."""

from dataclasses import dataclass
from pathlib import Path

import kinecast
from kinecast.core.errors import UserError, did_you_mean
from kinecast.io.checkpoint import CARD, CONFIG, WEIGHTS, file_hash
from kinecast.io.home import home

SUMS = "SHA256SUMS"  # beside the model folders; lines of `sha256sum`


@dataclass(frozen=True)
class ModelFolder:
    """A checkpoint folder.

    Attributes:
        name: what `load` takes.
        path: of the folder.
        bundled: whether it came with the package.
    """

    name: str
    path: Path
    bundled: bool

    @property
    def bytes(self) -> int:
        """Size of the weights; 0 where they are missing."""
        weights = self.path / WEIGHTS
        return weights.stat().st_size if weights.is_file() else 0

    @property
    def licence(self) -> str:
        """The `license:` line of the card's header (README.md), or "not stated"."""
        card = self.path / CARD
        lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
        stated = (line.partition(":")[2].strip() for line in lines if line.startswith("license:"))
        return next(stated, "not stated")

    def sha256(self) -> str:
        """Hash of the weights file."""
        return file_hash(self.path / WEIGHTS)

    def recorded_sha256(self) -> str | None:
        """What the hash should be, by the SHA256SUMS file beside the model folders."""
        sums = self.path.parent / SUMS
        if not sums.is_file():
            return None
        lines = (line.split() for line in sums.read_text(encoding="utf-8").splitlines())
        wanted = f"{self.path.name}/{WEIGHTS}"
        return next((line[0] for line in lines if len(line) == 2 and line[1] == wanted), None)


def list_models() -> list[ModelFolder]:
    """Bundled models, then those in `home() / "models"`; a bundled name wins over the user's."""
    bundled = _folders(Path(kinecast.__file__).parent / "weights", bundled=True)
    names = {model.name for model in bundled}
    own = _folders(home() / "models", bundled=False)
    return bundled + [model for model in own if model.name not in names]


def find(name: str | Path) -> ModelFolder:
    """The model of a name, or the checkpoint folder at a path.

    Raises:
        UserError: neither; names the nearest model.
    """
    models = {model.name: model for model in list_models()}
    if str(name) in models:
        return models[str(name)]
    path = Path(name)
    if (path / CONFIG).is_file():
        return ModelFolder(path.resolve().name, path.resolve(), bundled=False)
    if path.is_dir():
        raise UserError(
            f"expected a checkpoint folder with {CONFIG} and {WEIGHTS}, got {path} without "
            f"{CONFIG}; run: kinecast models"
        )
    raise UserError(
        f"no model is called {str(name)!r}, and no checkpoint folder is there"
        f"{did_you_mean(str(name), models)}; to see them all run: kinecast models"
    )


def _folders(parent: Path, bundled: bool) -> list[ModelFolder]:
    found = sorted(config.parent for config in parent.glob(f"*/{CONFIG}"))
    return [ModelFolder(path.name, path, bundled) for path in found]
