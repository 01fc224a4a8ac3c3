"""WHN's attention and MLP: what its denoiser and its VAE share and no other system has.

Source: WHN, appendix (attention blocks): queries and keys are normalised over the whole width, all
heads jointly, before the split into heads.
"""

from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.nn.attention import KeyValue, attend, split_heads
from kinecast.nn.mlp import MLP
from kinecast.nn.norm import RMSNorm

QK_EPS = 1e-5


class Attention(nn.Module):
    """Multi-head attention of rows of tokens to themselves, or to a context projected once.

    Raises:
        UserError: the heads do not divide the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise UserError(f"expected a width that {heads} heads divide, got {width}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.query_norm = RMSNorm(width, learned=True, eps=QK_EPS)
        self.key_norm = RMSNorm(width, learned=True, eps=QK_EPS)
        self.out = nn.Linear(width, width)

    def project(self, context: Float[Tensor, "g s d"]) -> KeyValue:
        """Keys and values of `context`; they depend on nothing else."""
        key, value = self.key_value(context).chunk(2, dim=-1)
        return KeyValue(split_heads(self.key_norm(key), self.heads), split_heads(value, self.heads))

    def forward(
        self, x: Float[Tensor, "b *tokens d"], context: KeyValue | None = None
    ) -> Float[Tensor, "b *tokens d"]:
        """Attend: each row to itself, or all tokens of all rows that share a context in one call.

        With a context of g clips, b is a multiple of g; b/g neighbouring rows share one, uncopied.
        """
        query = self.query_norm(self.query(x))
        context = self.project(x) if context is None else context
        rows = query.reshape(len(context.key), -1, x.shape[-1])
        out: Tensor = self.out(attend(split_heads(rows, self.heads), context).reshape(x.shape))
        return out


class TanhMLP(MLP):
    """Linear, GELU in its tanh approximation, Linear."""

    approximate = "tanh"
