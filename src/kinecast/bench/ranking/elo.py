"""Elo ratings of methods from pairwise votes, by maximum likelihood.

A rating r is 400 log10 of a method's strength s in the model of Bradley and Terry: a beats b with
chance s_a / (s_a + s_b); a tie is half a win for both. All votes count at once, so that their order
does not matter (unlike in chess). One tie between every two methods is added: without it a method
that never lost would be infinitely strong. The mean rating is 1000.

Source: Elo, The Rating of Chessplayers (1978); Bradley & Terry, Rank Analysis of Incomplete Block
Designs (Biometrika 1952); Hunter, MM Algorithms for Generalized Bradley-Terry Models (Annals of
Statistics 2004), whose iteration this is.
"""

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError

MEAN, SCALE = 1000.0, 400.0
ROUNDS, ENOUGH = 10_000, 1e-9


def elo(wins: Float[np.ndarray, "*r m m"]) -> Float64[np.ndarray, "*r m"]:
    """Ratings of M methods, of each of several tables of votes.

    Args:
        wins: how often the row's method was preferred to the column's; a tie is 0.5 for both.

    Raises:
        UserError: fewer than 2 methods, or a count that is negative or not finite.
    """
    M = wins.shape[-1]
    if M < 2 or wins.shape[-2] != M or not (np.isfinite(wins) & (wins >= 0)).all():
        raise UserError(f"expected counts of votes between 2 methods or more, got {wins.shape}")
    others = 1 - np.eye(M)
    won = (wins + 0.5) * others  # with the added tie
    met, total = won + won.swapaxes(-1, -2), won.sum(-1)
    strength = np.ones(total.shape)
    for _ in range(ROUNDS):
        share = (met / (strength[..., :, None] + strength[..., None, :])).sum(-1)
        new = total / share
        new /= np.exp(np.log(new).mean(-1, keepdims=True))
        change = np.abs(np.log(new / strength)).max()
        strength = new
        if change < ENOUGH:
            return np.asarray(MEAN + SCALE * np.log10(strength))
    raise UserError(f"expected ratings to settle in {ROUNDS} rounds, they did not; add votes")
