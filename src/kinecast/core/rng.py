"""Every random draw comes from an explicit generator, made here from integer keys.

Draws are made on the CPU, so that they do not depend on the device, and per sample, so that they do
not depend on the batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core.errors import UserError


def generator(*keys: int) -> torch.Generator:
    """A CPU generator that depends on all the keys, in order (for example seed, sample index).

    Zeros at the end do not count: (seed, 0) is (seed,). Use one number of keys for one purpose.

    Raises:
        UserError: a key is negative or has more than 32 bits.
    """
    if any(not 0 <= key < 2**32 for key in keys):
        raise UserError(f"expected seeds >= 0 of at most 32 bits, got {keys}; choose another")
    state = np.random.SeedSequence(keys).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))


def sample_noise(
    seed: int, indices: Sequence[int], shape: tuple[int, ...], window: int = 0
) -> Float[Tensor, "k *shape"]:
    """Standard normal noise of samples `indices`, float32 (K, *shape).

    Sample k depends on (seed, k) alone: it is bit-equal whatever the batch it is drawn in. Samples
    2j and 2j + 1 are mirror images (antithetic variates): each alone is normal, and what a pair
    adds to the mean of the samples cancels to first order. A forecast that rolls forward draws anew
    for each later `window`.
    """
    keys = (window,) if window else ()

    def draw(k: int) -> Float[Tensor, "*shape"]:
        noise = torch.randn(shape, generator=generator(seed, k // 2, *keys))
        return -noise if k % 2 else noise

    return torch.stack([draw(k) for k in indices])
