"""What trackers and cameras do to exact tracks: noise, dropouts, drift, time-warps, mirrors.

Pure functions of xy (b, t, h, w, 2) float32 pixels, visible (b, t, h, w) bool and an explicit
generator (on the tensors' device). The strength given is the largest: each clip draws its own from
0 to it. At strength 0 every function returns its input, equal bit for bit.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinecast.core.coords import Size

XY = Float[Tensor, "b t h w 2"]
Visible = Bool[Tensor, "b t h w"]


def tracker_noise(
    xy: XY,
    generator: torch.Generator,
    *,
    jitter: float = 0.6,
    wander: float = 0.5,
    anchor: int | None = None,
) -> XY:
    """A tracker's error: white jitter, and a slow error (Ornstein-Uhlenbeck) of its own per point.

    Args:
        jitter: largest standard deviation of the white part, pixels.
        wander: largest standard deviation of the slow part, pixels; it forgets in 5 to 40 frames.
        anchor: frame that stays exact, as points are exact where they are laid.
    """
    b, t = xy.shape[:2]
    white = torch.randn(xy.shape, generator=generator, device=xy.device)
    error = white * _each(b, generator, xy.device, hi=jitter)
    keep = torch.exp(-1.0 / _each(b, generator, xy.device, lo=5.0, hi=40.0))[:, 0]
    amount = _each(b, generator, xy.device, hi=wander)[:, 0]
    state = torch.randn(xy[:, 0].shape, generator=generator, device=xy.device)
    for i in range(t):
        error[:, i] += amount * state
        push = torch.randn(state.shape, generator=generator, device=xy.device)
        state = keep * state + torch.sqrt(1 - keep * keep) * push
    if anchor is not None:
        error -= error[:, anchor, None].clone()
    return xy + error


def dropouts(
    visible: Visible,
    generator: torch.Generator,
    *,
    spells: float = 0.15,
    lost: float = 0.1,
    anchor: int = 0,
) -> Visible:
    """Points that a tracker does not see, or gives up.

    Args:
        spells: largest share of points with one spell of 3 to 40 frames unseen.
        lost: largest share of points never seen again from some frame on, away from the anchor in
            either direction of time.
        anchor: frame in which points are laid and stay visible.
    """
    b, t, h, w = visible.shape
    device = visible.device
    frames = torch.arange(t, device=device)[:, None, None] - anchor

    def uniform() -> Tensor:
        return torch.rand(b, 1, h, w, generator=generator, device=device)

    has_spell = uniform() < _each(b, generator, device, hi=spells)[..., 0]
    length = torch.exp(math.log(3.0) + uniform() * math.log(40.0 / 3.0))
    begin = uniform() * (t + length) - length - anchor
    unseen = has_spell & (frames >= begin) & (frames < begin + length)
    is_lost = uniform() < _each(b, generator, device, hi=lost)[..., 0]
    reach = uniform() * t
    forward = uniform() < (t - anchor) / t
    after = torch.where(forward, frames, -frames) > reach
    return visible & ~((unseen | (is_lost & after)) & (frames != 0))


def drift(
    xy: XY,
    generator: torch.Generator,
    *,
    share: float = 0.06,
    edges: float = 0.5,
    anchor: int = 0,
) -> XY:
    """Points that slide off what they were laid on and stick to a neighbour's motion.

    From some frame on, away from the anchor in either direction of time, a point moves as one of
    its four grid neighbours does.

    Args:
        share: largest share of points that drift anywhere.
        edges: largest share among points at a motion boundary, whose neighbour ends up more than
            2 pixels elsewhere relative to them.
    """
    b, t, h, w = xy.shape[:4]
    device = xy.device

    def uniform() -> Tensor:
        return torch.rand(b, 1, h, w, generator=generator, device=device)

    side = (uniform() * 4).long().clamp_(max=3)
    begin, forward = uniform() * t, uniform() < (t - anchor) / t
    chosen = uniform()
    chance = _each(b, generator, device, hi=share)[..., 0]
    at_edges = _each(b, generator, device, hi=edges)[..., 0]

    rows = (
        torch.arange(h, device=device)[:, None] + torch.tensor([-1, 1, 0, 0], device=device)[side]
    )
    columns = torch.arange(w, device=device) + torch.tensor([0, 0, -1, 1], device=device)[side]
    index = (rows.clamp(0, h - 1) * w + columns.clamp(0, w - 1)).view(b, 1, h * w, 1)
    flat = xy.flatten(2, 3)
    other = flat.gather(2, index.expand(-1, t, -1, 2)).view_as(xy)

    frames = torch.arange(t, device=device)[:, None, None] - anchor
    past = torch.where(forward, frames, -frames) - begin
    first = (begin.ceil() * torch.where(forward, 1, -1)).long() + anchor
    first = first.clamp(0, t - 1)[..., None].expand(-1, -1, -1, -1, 2)
    parted = other - xy
    parted = parted - parted.gather(1, first)  # how the neighbour has moved since, relative to it
    apart = ((parted.norm(dim=-1) > 2.0) & (past > 0)).any(1, keepdim=True)
    sliding = chosen < torch.where(apart, torch.maximum(chance, at_edges), chance)
    return torch.where((sliding & (past > 0))[..., None], xy + parted, xy)


def time_warp(
    xy: XY,
    visible: Visible,
    generator: torch.Generator,
    *,
    frames: int,
    anchor: int,
    strength: float = 1.0,
    lo: float = 0.3,
    hi: float = 2.0,
) -> tuple[XY, Visible]:
    """Play a longer window at a smoothly varying speed, with eased slow-downs.

    The anchor frame stays where it is relative to the input's own: input frame `anchor` becomes
    output frame `anchor - (t - frames) // 2`, exactly. A warp that would leave the input is slowed
    down as a whole to fit.

    Args:
        frames: of the output, at most those of the input.
        strength: largest share of the logarithm of the speed that is applied; 0 plays the window
            around the anchor as it is.
        lo, hi: slowest and fastest speed at strength 1.

    Returns:
        xy (b, frames, h, w, 2) and visible (b, frames, h, w).
    """
    b, t = xy.shape[:2]
    cut = (t - frames) // 2
    if not 0 < frames <= t or not cut <= anchor < cut + frames:
        raise ValueError(f"expected 0 < frames <= {t} around frame {anchor}, got {frames}")
    device = xy.device
    amount = torch.rand(b, 1, generator=generator, device=device) * strength
    mean = torch.rand(b, 1, generator=generator, device=device)
    speed = math.log(lo) + mean * (math.log(hi) - math.log(lo))
    time = torch.arange(frames, device=device, dtype=torch.float32)
    for period in (60.0, 150.0):
        phase = torch.rand(b, 1, generator=generator, device=device) * 2 * math.pi
        speed = speed + 0.35 * torch.sin(2 * math.pi * time / period + phase)
    slow_at = torch.rand(b, 1, generator=generator, device=device) * frames
    width = 6.0 + 24.0 * torch.rand(b, 1, generator=generator, device=device)
    depth = 2.5 * torch.rand(b, 1, generator=generator, device=device)
    depth = depth * (torch.rand(b, 1, generator=generator, device=device) < 0.5)
    speed = speed - depth * torch.exp(-(((time - slow_at) / width) ** 2))
    step = torch.exp(amount * speed).clamp(max=hi)
    mid = anchor - cut
    moved = torch.cumsum(step, 1) - step  # where each output frame plays, from its first frame
    moved = moved - moved[:, mid, None]
    before, after = -moved[:, :1], moved[:, -1:]
    room = [(anchor, before), (t - 1 - anchor, after)]
    fit = torch.stack([torch.where(used > 0, has / used, 1.0) for has, used in room]).amin(0)
    at = (anchor + moved * fit.clamp(max=1.0)).clamp(0, t - 1)
    low = at.floor().long()
    weight = at - low
    high = (low + 1).clamp(max=t - 1)
    clip = torch.arange(b, device=device)[:, None]
    between = torch.lerp(xy[clip, low], xy[clip, high], weight[..., None, None, None])
    seen = torch.where((weight < 0.5)[..., None, None], visible[clip, low], visible[clip, high])
    return between, seen


def flips(
    xy: XY, visible: Visible, generator: torch.Generator, size: Size, *, chance: float = 0.5
) -> tuple[XY, Visible]:
    """Mirror clips in x, and in y half as often, with their grid: point (i, j) stays in its place.

    The grid must be symmetric in the frame, as Grid.over lays it where the stride divides the size.
    """
    b = len(xy)
    draw = torch.rand(b, 2, generator=generator, device=xy.device)
    extent = torch.tensor(size, dtype=xy.dtype, device=xy.device)
    xy, visible = xy.clone(), visible.clone()
    for axis, limit in ((0, chance), (1, 0.5 * chance)):
        which = (draw[:, axis] < limit).nonzero()[:, 0]
        mirrored = xy[which].flip(3 - axis)
        mirrored[..., axis] = extent[axis] - mirrored[..., axis]
        xy[which] = mirrored
        visible[which] = visible[which].flip(3 - axis)
    return xy, visible


def reverse(
    xy: XY, visible: Visible, generator: torch.Generator, *, chance: float = 0.25
) -> tuple[XY, Visible]:
    """Play clips backwards; frame i becomes t - 1 - i, the anchor frame with it."""
    which = torch.rand(len(xy), generator=generator, device=xy.device) < chance
    return (
        torch.where(which[:, None, None, None, None], xy.flip(1), xy),
        torch.where(which[:, None, None, None], visible.flip(1), visible),
    )


def _each(
    b: int, generator: torch.Generator, device: torch.device, *, lo: float = 0.0, hi: float
) -> Tensor:
    """One uniform number a clip, (b, 1, 1, 1, 1)."""
    return lo + (hi - lo) * torch.rand(b, 1, 1, 1, 1, generator=generator, device=device)
