"""A published model once it has been read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kinecast.core.errors import UserError

Files = Mapping[str, Mapping[str, Tensor]]  # file name -> published key -> tensor


@dataclass(frozen=True)
class Released:
    """A published model in our terms; what a checkpoint folder holds.

    Each `released/<system>.py` offers two functions, inverse to one another on what the network
    uses: `read(files, options) -> Released`, and `write(released) -> Files`, the authors' layout.

    Attributes:
        system: its name in `systems.registry`.
        model: the `model` section of config.json.
        state: our keys; the dtypes are those of the files.
    """

    system: str
    model: Mapping[str, Any]
    state: dict[str, Tensor]

    def model_of(self, system: str) -> Mapping[str, Any]:
        """The `model` section, where it is a model of `system`.

        Raises:
            UserError: it is another one's.
        """
        if self.system != system:
            raise UserError(f"expected a model of system {system}, got {self.system}")
        return self.model
