"""umT5's feature of a caption: the mean over its tokens, as TrajLoom takes it.

Source: TrajLoom, appendix E.1; the encoder is that of Wan 2.1.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core.extra import optional
from kinecast.encoders.extra import EXTRA, network, pretrained
from kinecast.encoders.files import digest, find_files

REPOSITORIES = ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "Wan-AI/Wan2.1-T2V-14B-Diffusers")
CONFIG = "text_encoder/config.json"
LONGEST = 128  # tokens, the one that ends the text included


class UMT5:
    """Texts -> mean of umT5's last hidden states over the real tokens.

    An empty text is its end token, not a null vector. White space is collapsed first.

    Args:
        source: a folder with `text_encoder` and `tokenizer`, or None to look for Wan 2.1's.
        device: where it runs, in the dtype of the files (11 GB in bfloat16 for umt5-xxl).

    Raises:
        MissingExtraError: transformers is not installed.
        UserError: no such folder, or one that does not hold it.
    """

    name = f"umt5-mean-{LONGEST}"

    def __init__(
        self, source: str | Path | None = None, device: torch.device | str = "cpu"
    ) -> None:
        transformers = optional("transformers", EXTRA)
        folder = find_files(source, REPOSITORIES, CONFIG)
        self.parts, self.device = (folder / "text_encoder", folder / "tokenizer"), device
        self.tokenizer = pretrained(transformers.AutoTokenizer, self.parts[1])
        self.model = network(transformers.UMT5EncoderModel, self.parts[0], dtype="auto").to(device)
        self.width = int(self.model.config.d_model)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its files."""
        return "-".join(digest(part) for part in self.parts)

    def encode(self, items: Sequence[str]) -> Float[Tensor, "b 1 d"]:
        """Mean features."""
        return torch.stack([self._mean(" ".join(text.split())) for text in items])[:, None]

    @torch.no_grad()
    def _mean(self, text: str) -> Float[Tensor, " d"]:
        tokens = self.tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")
        hidden = self.model(input_ids=tokens["input_ids"].to(self.device)).last_hidden_state
        return hidden[0].float().mean(0).cpu()
