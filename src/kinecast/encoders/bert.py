"""BERT's pooled feature of an instruction, as the LIBERO policies ATM and Tra-MoE take it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.encoders.extra import EXTRA, network, pretrained
from kinecast.encoders.files import digest, find_files

REPOSITORIES = ("google-bert/bert-base-cased", "bert-base-cased")
PADDED = 25  # tokens; a longer text keeps all of its own


class Bert:
    """Texts -> `pooler_output` of BERT.

    Args:
        source: a folder of transformers, or None to look for bert-base-cased.
        device: where it runs.

    Raises:
        MissingExtraError: transformers is not installed.
        UserError: no such folder, or one that does not hold it.
    """

    name = f"bert-pooled-{PADDED}"

    def __init__(
        self, source: str | Path | None = None, device: torch.device | str = "cpu"
    ) -> None:
        transformers = optional("transformers", EXTRA)
        self.folder, self.device = find_files(source, REPOSITORIES), torch.device(device)
        self.tokenizer = pretrained(transformers.AutoTokenizer, self.folder)
        self.model = network(transformers.BertModel, self.folder).to(self.device)
        self.width = int(self.model.config.hidden_size)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its files."""
        return digest(self.folder)

    def encode(self, items: Sequence[str]) -> Float[Tensor, "b 1 d"]:
        """Pooled features.

        Raises:
            UserError: a text of more tokens than BERT has positions.
        """
        return torch.stack([self._pooled(text) for text in items])[:, None]

    @torch.no_grad()
    def _pooled(self, text: str) -> Float[Tensor, " d"]:
        tokens = self.tokenizer(
            text, padding="max_length", max_length=PADDED, truncation=False, return_tensors="pt"
        )
        count, most = tokens["input_ids"].shape[1], self.model.config.max_position_embeddings
        if count > most:
            raise UserError(f"expected a text of at most {most} tokens, got {count}; shorten it")
        ids, mask = (tokens[key].to(self.device) for key in ("input_ids", "attention_mask"))
        out = self.model(input_ids=ids, attention_mask=mask).pooler_output[0]
        return out.float().cpu()
