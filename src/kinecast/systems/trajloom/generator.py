"""The generator: a rectified-flow transformer over latents of the future, given the history.

Source: TrajLoom, section 3.3 and appendix E.1. All that depends on the condition alone is computed
once, in `context`: a step of the sampler projects no key, value or hint again.
"""

from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.flow import times
from kinecast.nn.attention import CrossAttention, SelfAttention
from kinecast.nn.block import Block, Branch
from kinecast.nn.embed import sinusoid
from kinecast.nn.mixing import Along, Axis, to_rows
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import AdaLN
from kinecast.nn.norm import RMSNorm
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.history_context import HistoryContext

Context = dict[str, Any]


class Generator(nn.Module):
    """velocity(z_t, t | context). Tokens n are row-major over the grid."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.history = HistoryContext(config)
        self.embed = nn.Linear(config.latent_channels, D)
        self.time = nn.Sequential(nn.Linear(D, 4 * D), nn.SiLU(), nn.Linear(4 * D, D))
        self.blocks = nn.ModuleList(_block(config, axis) for axis in config.axes)
        self.norm = RMSNorm(D, learned=False)
        self.out = nn.Linear(D, config.latent_channels)
        if config.zero_output:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def context(
        self,
        history: Float[Tensor, "b s n c"],
        visibility: Float[Tensor, "b s n"] | None = None,
        video: Float[Tensor, "b s n v"] | None = None,
        text: Float[Tensor, "b w"] | None = None,
        positions: Float[Tensor, "b n p"] | None = None,
        mask: Bool[Tensor, "b n"] | None = None,
    ) -> Context:
        """What `forward` needs of a condition, computed once per clip.

        Args:
            history: history tokens, oldest step first.
            visibility: 0 to 1; None: zeros, as the published inference.
            video: video tokens of the same steps and points; None: zeros.
            text: pooled caption; None: its term is skipped.
            positions: features of each token's position, for `position_channels`.
            mask: False for tokens that only pad a batch; None: all are real.

        Returns:
            "tokens" (b t n d): added to the tokens of z_t. "cond" (b d): added to the embedding of
            time. "inputs": per block, what its branches take beside x.

        Raises:
            UserError: a stream the network does not have.
        """
        position = self.history.positions(positions)
        track = self.history.tracks(history, visibility)
        seen = self.history.videos(video, like=history)
        hints, steps = self.history.hints(track, seen, position), track.shape[1]
        tokens = self.history.tokens(track, seen)
        del track, seen  # as large as the state: not needed while keys and values are made
        contexts: dict[Axis, tuple[Tensor, Tensor | None]] = {}
        if "time" in self.config.mixing:
            contexts["time"] = to_rows(tokens, "time"), None
        if "space" in self.config.mixing and self.config.spatial_context != "none":
            contexts["space"] = self.history.spatial(tokens, steps, position, mask)
        del tokens
        return {
            "tokens": hints,
            "cond": self.history.summary(history, video, text, mask),
            "inputs": [
                _inputs(block, axis, contexts, mask)
                for block, axis in zip(self.blocks, self.config.axes, strict=True)
            ],
        }

    def forward(
        self, z_t: Float[Tensor, "b t n c"], t: Float[Tensor, " b"], context: Context
    ) -> Float[Tensor, "b t n c"]:
        """Velocity; the context's batch is that of z_t, or 1: samples of one clip share it."""
        x = self.embed(z_t) + context["tokens"]
        cond = self.time(sinusoid(times.clamped(t), self.config.width)) + context["cond"]
        for block, inputs in zip(self.blocks, context["inputs"], strict=True):
            x = block(x, cond, inputs)
        return self.out(self.norm(x))


def _block(config: GeneratorConfig, axis: Axis) -> Block:
    """Self-attention, cross-attention where there is a context, MLP; all modulated by time."""
    D = config.width
    ops: dict[str, nn.Module] = {
        "self": Along(axis, SelfAttention(D, config.heads, qk_norm=True)),
        "cross": Along(axis, CrossAttention(D, config.heads, qk_norm=True)),
        "mlp": MLP(D, round(D * config.mlp_ratio)),
    }
    if axis == "space" and config.spatial_context == "none":
        del ops["cross"]
    norm = RMSNorm(D, learned=False)
    return Block({name: Branch(norm, AdaLN(D), op) for name, op in ops.items()})


def _inputs(
    block: Any,
    axis: Axis,
    contexts: dict[Axis, tuple[Tensor, Tensor | None]],
    mask: Tensor | None,
) -> dict[str, dict[str, Any]]:
    """What the block's branches take beside x: the context's keys and values, the mask."""
    inputs: dict[str, dict[str, Any]] = {}
    if mask is not None and axis == "space":
        inputs["self"] = {"mask": mask}
    if axis in contexts:
        inputs["cross"] = {"context": block["cross"].op.op.project(*contexts[axis])}
    return inputs
