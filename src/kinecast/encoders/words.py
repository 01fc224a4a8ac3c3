"""The words of a text without their order: what stands for a language model without weights."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

WIDTH = 256  # bits of SHA-256


class Words:
    """Texts -> one token of 256 numbers: the words' vectors, summed, over the root of their count.

    A word's vector is the bits of the SHA-256 of its lower case, as -1 and 1: the same everywhere,
    and nearly orthogonal to that of any other word. A text without words is all zeros.
    """

    name = "words-sha256"
    width = WIDTH
    digest = hashlib.sha256(name.encode()).hexdigest()

    def encode(self, items: Sequence[str]) -> Float[Tensor, "b 1 d"]:
        """Bags of words."""
        return torch.from_numpy(np.stack([_bag(text) for text in items]))[:, None]


def _bag(text: str) -> Float[np.ndarray, " d"]:
    words = re.findall(r"\w+", text.lower())
    total = np.zeros(WIDTH, np.float32)
    for word in words:
        bits = np.unpackbits(np.frombuffer(hashlib.sha256(word.encode()).digest(), np.uint8))
        total += 2.0 * bits - 1.0
    return np.asarray(total / np.sqrt(max(len(words), 1)), np.float32)
