"""A velocity the straightforward way: all that depends on the condition alone, each time anew.

It is what the cached velocity is measured against, and computes the same numbers. Contexts are
copied for all rows of tokens before each block projects them to keys and values, and modulations
are computed for each row, as the authors' codes do.
"""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from kinecast.flow import times
from kinecast.flow.sampler import Velocity
from kinecast.nn.embed import sinusoid
from kinecast.nn.mixing import TOKENS, Along, Axis, to_rows
from kinecast.systems.base import FieldBatch, ImageBatch
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.systems.whn.points import from_patches
from kinecast.systems.whn.system import WHN
from kinecast.systems.zipmo.libero_system import ZipMoLibero
from kinecast.systems.zipmo.system import YX_POKE, ZipMo


def uncached_velocity(system: Any, given: Any) -> Velocity:
    """velocity(z_t, t) of a system for one clip, with what it encodes of the clip at hand."""
    for kind, make in VELOCITIES.items():
        if isinstance(system, kind):
            velocity: Velocity = make(system, given)
            return velocity
    raise TypeError(f"no straightforward velocity of {type(system).__name__} is written down")


def _paper(system: PaperTrajLoom, given: FieldBatch) -> Velocity:
    history = system.latents(given.xy).mean
    told = system.config.generator.visibility and system.config.history_seen
    seen = system.tokens_seen(given.visible).float() if told else None
    return partial(_generator, system.generator, history=history, visibility=seen)


def _small(system: TrajLoom, given: FieldBatch) -> Velocity:
    code = system.history(given)

    def velocity(z_t: Tensor, t: Tensor) -> Tensor:
        gaussian = ((2 * t - 1) / ((1 - t) ** 2 + t**2))[:, None, None, None]
        history = code.tokens[:, None]
        out = _generator(system.generator, z_t, t, history=history, positions=code.positions)
        return gaussian * z_t + out

    return velocity


def _generator(
    network: Generator,
    z_t: Tensor,
    t: Tensor,
    *,
    history: Tensor,
    visibility: Tensor | None = None,
    positions: Tensor | None = None,
) -> Tensor:
    b, steps = z_t.shape[:2]
    config, make = network.config, network.history
    history = history.expand(b, -1, -1, -1)
    position = make.positions(positions)
    if visibility is not None:
        visibility = visibility.expand(b, -1, -1)
    track, video = make.tracks(history, visibility), make.videos(None, like=history)
    tokens = make.tokens(track, video)
    contexts: dict[Axis, Tensor] = {"time": to_rows(tokens, "time")}
    if config.spatial_context != "none":
        spatial, _ = make.spatial(tokens, track.shape[1], position, None)
        contexts["space"] = spatial.repeat_interleave(steps, dim=0)
    x = network.embed(z_t) + make.hints(track, video, position)
    cond = network.time(sinusoid(times.clamped(t), config.width))
    cond = cond + make.summary(history, None, None, None)
    for block, axis in zip(network.blocks, config.axes, strict=True):
        x = _by_rows(block, axis, x, cond, contexts.get(axis))
    return network.out(network.norm(x))


def _whn(system: WHN, given: ImageBatch) -> Velocity:
    network = system.denoiser
    assert given.features is not None
    features = given.features[:, 0]

    def velocity(z_t: Tensor, t: Tensor) -> Tensor:
        b = len(z_t)
        image = network.image(features).expand(b, -1, -1)
        points = z_t if network.points is None else network.points(z_t)
        x = network.embed(points) + network.position
        cond = network.embed_time(t)
        if network.text is not None:
            assert given.text is not None
            cond = cond + network.text(given.text[:, 0])
        for index, block in enumerate(network.blocks):
            axis: Axis = "time" if index % 2 else "space"
            if index == 1:
                x = x + network.time_position[:, None]
            x = _by_rows(block, axis, x, cond, _for_rows(image, axis, x))
        shift, scale = network.modulate(F.silu(cond))[:, None, None].chunk(2, dim=-1)
        x = network.head(network.norm(x) * (1 + scale) + shift)
        return from_patches(x, network.rows, network.config.patch)

    return velocity


def _zipmo(system: ZipMo, given: ImageBatch) -> Velocity:
    planner: Any = system.planner
    assert given.pokes is not None
    image, pokes = system.see(given).planner[:, 0], given.pokes[..., YX_POKE]

    def velocity(z_t: Tensor, t: Tensor) -> Tensor:
        tokens = planner.poke_tokens(pokes)
        return planner(z_t, t, planner.context(image, tokens, system.vae.position))

    return velocity


def _libero(system: ZipMoLibero, given: ImageBatch) -> Velocity:
    planner = system.planner
    assert given.text is not None
    text, image = given.text, system.see(given).planner
    step = given.episode_step
    start = None if step is None else torch.full((len(text),), step, device=text.device)

    def velocity(z_t: Tensor, t: Tensor) -> Tensor:
        instruction = planner.instruction(text, start)
        return planner(z_t, t, planner.context(image, instruction, system.vae.position))

    return velocity


def _by_rows(block: Any, axis: Axis, x: Tensor, cond: Tensor, context: Tensor | None) -> Tensor:
    """A block on rows along its axis, each with a context and with modulations of its own."""
    rows, each = to_rows(x, axis), _for_rows(cond, axis, x)
    for name, branch in block.items():
        op: Any = branch.op.op if isinstance(branch.op, Along) else branch.op
        y, gate = branch.modulate(branch.norm(rows), each)
        given = {"context": op.project(context)} if name == "cross" else {}
        rows = rows + gate * op(y, **given)
    out: Tensor = rearrange(rows, TOKENS[axis], b=len(x))
    return out


def _for_rows(values: Tensor, axis: Axis, x: Tensor) -> Tensor:
    """What belongs to each sample, copied for each of its rows, in their order."""
    steps, points = x.shape[1:3]
    if axis == "time":
        return values.repeat(points, *[1] * (values.ndim - 1))
    return values.repeat_interleave(steps, dim=0)


VELOCITIES: dict[type, Any] = {
    PaperTrajLoom: _paper,
    TrajLoom: _small,
    WHN: _whn,
    ZipMo: _zipmo,
    ZipMoLibero: _libero,
}
