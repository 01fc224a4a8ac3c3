"""How a world is filmed: the lens, the level and the ways a camera moves."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinecast.data.synth.draws import Draws
from kinecast.data.synth.motion import minimum_jerk, oscillate, smooth, stop_and_go, wander
from kinecast.data.synth.scene import Camera, Stage

# Shares of (hand, turn, travel, orbit, zoom, roll, follow) in each way of filming.
STYLES: dict[str, tuple[float, ...]] = {
    "static": (0, 0, 0, 0, 0, 0, 0),
    "hand": (1, 0, 0, 0, 0, 0, 0),
    "pan": (0.2, 1, 0, 0, 0, 0, 0),
    "travel": (0.5, 0.2, 1, 0, 0, 0, 0),
    "orbit": (0.3, 0, 0, 1, 0, 0, 0),
    "zoom": (0.1, 0.3, 0, 0, 1, 0, 0),
    "follow": (0.5, 0, 0.3, 0, 0, 0, 1),
    "free": (1, 0.5, 0.6, 0.3, 0.3, 1, 0),
}
FIXED = {"static": 1.0}
USUAL = {
    "static": 0.42,
    "hand": 0.2,
    "pan": 0.12,
    "travel": 0.08,
    "orbit": 0.04,
    "zoom": 0.04,
    "follow": 0.06,
    "free": 0.04,
}
MOVING = {
    "hand": 0.3,
    "pan": 0.22,
    "travel": 0.18,
    "orbit": 0.1,
    "zoom": 0.1,
    "free": 0.1,
}


@dataclass(frozen=True)
class View:
    """The camera in the anchor frame, before it moves.

    Attributes:
        stage: frames and size.
        focal: (n,) pixels.
        depth: (n,) of the subject, in units (half a frame's height there).
        pitch: (n,) radians down from the horizon.
    """

    stage: Stage
    focal: Tensor
    depth: Tensor
    pitch: Tensor

    @classmethod
    def draw(
        cls, draws: Draws, stage: Stage, *, down: tuple[float, float] = (-0.1, 0.55)
    ) -> "View":
        """A lens of 30 to 75 degrees, looking `down` by an angle in this range."""
        focal = draws.log_uniform(lo=0.65, hi=1.9) * stage.size[0]
        pitch = draws.uniform(lo=down[0], hi=down[1])
        return cls(stage, focal, focal / (stage.size[1] / 2), pitch)

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.stage.size[0] / self.stage.size[1]

    @property
    def subject(self) -> Tensor:
        """World point (n, 3) in the middle of the frame at the subject's depth."""
        return self.level(self.depth[:, None] * self.depth.new_tensor([0.0, 0.0, 1.0]))

    def place(self, x: Tensor, y: Tensor, ratio: Tensor) -> Tensor:
        """World points (n, ..., 3) that are seen at x, y (in half heights) in the anchor frame.

        ratio: depth over the depth of the subject.
        """
        shape = (-1, *[1] * (x.dim() - 1))
        depth = ratio * self.depth.view(shape)
        return self.level(torch.stack([x * ratio, y * ratio, depth], -1))

    def level(self, vector: Tensor) -> Tensor:
        """Turn vectors (n, ..., 3) from the anchor camera's axes to the world's."""
        shape = (-1, *[1] * (vector.dim() - 2))
        c, s = torch.cos(self.pitch).view(shape), torch.sin(self.pitch).view(shape)
        x, y, z = vector.unbind(-1)
        return torch.stack([x, c * y + s * z, c * z - s * y], -1)

    def room(self, draws: Draws, floor: Tensor | None = None) -> Tensor:
        """Planes (n, 6, 4) of a convex room around the view, its floor at height y = `floor`."""
        if floor is None:
            floor = torch.clamp(self.subject[:, 1] + draws.uniform(lo=0.2, hi=1.3), min=0.25)
        far = self.depth * draws.log_uniform(lo=1.2, hi=8.0)
        side = self.depth[:, None] * draws.log_uniform(2, lo=0.9, hi=5.0)
        n = len(draws)
        planes = torch.zeros(n, 6, 4, device=draws.device)
        turn = draws.uniform(lo=-0.4, hi=0.4)
        planes[:, 0, 1], planes[:, 0, 3] = 1.0, floor
        planes[:, 1, 0], planes[:, 1, 2] = torch.sin(turn), torch.cos(turn)
        planes[:, 1, 3] = far * torch.cos(turn)
        planes[:, 2, 0], planes[:, 2, 3] = -1.0, side[:, 0]
        planes[:, 3, 0], planes[:, 3, 3] = 1.0, side[:, 1]
        planes[:, 4, 1], planes[:, 4, 3] = -1.0, draws.log_uniform(lo=2.0, hi=10.0)
        planes[:, 5, 2], planes[:, 5, 3] = -1.0, draws.log_uniform(lo=2.0, hi=8.0)
        return planes

    def shoot(
        self, draws: Draws, styles: dict[str, float] = USUAL, target: Tensor | None = None
    ) -> Camera:
        """Move the camera in one of `styles` (name -> weight).

        Args:
            target: (n, T, 3) what a following camera keeps in the frame.
        """
        stage = self.stage
        chosen = draws.pick(list(styles.values()))
        table = torch.tensor([STYLES[name] for name in styles], device=draws.device)
        share = table[chosen]
        hand, turn, travel, orbit, zoom, roll, follow = (s[:, None] for s in share.unbind(1))
        pixel = (1.0 / self.focal)[:, None]  # radians

        angles = _held(draws, stage, 3, pixel) * hand[..., None]
        tilts = draws.chance(0.35).float()[:, None]
        axes = torch.stack([turn, turn * tilts, 0.3 * roll], -1)
        angles = angles + _moves(draws, stage, 3, 0.2, 6.5)[0] * pixel[..., None] * axes
        half_height = 2.0 / stage.size[1]  # pixels at the subject to units
        position = _held(draws, stage, 3, half_height * torch.ones_like(pixel)) * hand[..., None]
        way, eased = _moves(draws, stage, 3, 0.4, 7.0)
        axis = draws.pick([0.4, 0.1, 0.5])
        along = torch.nn.functional.one_hot(axis, 3).float()[:, None] + 0.15
        position = position + way * half_height * along * travel[..., None]
        angles = angles - angles[:, stage.anchor, None]
        position = position - position[:, stage.anchor, None]

        swing = eased * draws.uniform(1, lo=0.2, hi=0.9) * draws.sign(1) * orbit
        angles = angles - torch.stack([swing, swing * 0, swing * 0], -1)
        around = self.depth[:, None]
        position = position + torch.stack(
            [around * torch.sin(swing), swing * 0, around * (1 - torch.cos(swing))], -1
        )
        if target is not None:
            angles = angles + follow[..., None] * self._aim(draws, target - position)
        limit = 0.6 * self.depth[:, None, None]
        position = limit * torch.tanh(position / limit)
        focal = self.focal[:, None] * torch.exp(zoom * self._zoom(draws))
        yaw, pitch, tilt = angles.unbind(-1)
        return Camera(_turn(yaw, pitch + self.pitch[:, None], tilt), position, focal)

    def _aim(self, draws: Draws, target: Tensor) -> Tensor:
        """Yaw and pitch that keep the target where it is in the anchor frame, with a lag."""
        late = smooth(target, 6) + smooth(target, 25)
        x, y, z = late.unbind(-1)
        z = z.clamp(min=0.2)
        yaw, pitch = torch.atan(x / z), torch.atan(y / torch.sqrt(x * x + z * z))
        aim = torch.stack([yaw, pitch, 0 * yaw], -1)
        return aim - aim[:, self.stage.anchor, None]

    def _zoom(self, draws: Draws) -> Tensor:
        """Logarithm of the zoom factor, (n, T), 0 in the anchor frame."""
        steps = draws.uniform(1, 4, 1, lo=-0.7, hi=0.7)
        path = stop_and_go(
            draws, self.stage.times, steps, duration=(15.0, 120.0), pause=(1.0, 80.0)
        )[:, :, 0, 0]
        return (path - path[:, self.stage.anchor, None]).clamp(-0.9, 0.9)


def _held(draws: Draws, stage: Stage, d: int, scale: Tensor) -> Tensor:
    """Hand-held motion (n, T, d): slow sway, steps and tremor; `scale` turns pixels into its unit.

    Sway of 1 to 25 pixels in about a second, the bob of walking in some clips, and a tremor of up
    to a pixel at 4 to 12 Hz.
    """
    times = stage.times
    sway = wander(draws, times, 1, d, lo=8.0, hi=45.0)[:, :, 0] * draws.log_uniform(
        1, d, lo=0.7, hi=18.0
    )
    quick = wander(draws, times, 1, d, lo=2.5, hi=7.0, knots=72)[:, :, 0]
    quick = quick * draws.log_uniform(1, d, lo=0.1, hi=1.5)
    bob = oscillate(draws, times, 1, d, lo=12.0, hi=22.0)[:, :, 0]
    bob = bob * draws.log_uniform(1, d, lo=0.5, hi=8.0) * draws.chance(0.3, 1, 1)
    return (sway + quick + bob) * scale[..., None]


def _moves(draws: Draws, stage: Stage, d: int, lo: float, hi: float) -> tuple[Tensor, Tensor]:
    """Eased moves with stops, (n, T, d) at lo to hi units a frame, and one eased 0 to 1 ramp."""
    S = 6
    length = draws.log_uniform(1, S, 1, lo=12.0, hi=90.0)
    speed = draws.log_uniform(1, 1, 1, lo=lo, hi=hi)
    heading = draws.sign(1, 1, d) * torch.where(draws.chance(0.75, 1, S, 1), 1.0, -1.0)
    steps = length * speed * heading * draws.uniform(1, S, d, lo=0.4, hi=1.0)
    path = stop_and_go(draws, stage.times, steps, duration=(12.0, 90.0), pause=(1.0, 60.0))
    begin = draws.uniform(1, lo=-80.0, hi=100.0)
    ramp = minimum_jerk((stage.times - begin) / draws.log_uniform(1, lo=30.0, hi=250.0))
    return path[:, :, 0], ramp - ramp[:, stage.anchor, None]


def _turn(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """World to camera (n, T, 3, 3): yaw to the right, pitch down, then roll clockwise."""
    cy, sy, cp, sp = torch.cos(yaw), torch.sin(yaw), torch.cos(pitch), torch.sin(pitch)
    cr, sr, zero = torch.cos(roll), torch.sin(roll), torch.zeros_like(yaw)
    first = _matrix([[cy, zero, -sy], [zero, zero + 1, zero], [sy, zero, cy]])
    second = _matrix([[zero + 1, zero, zero], [zero, cp, -sp], [zero, sp, cp]])
    third = _matrix([[cr, sr, zero], [-sr, cr, zero], [zero, zero, zero + 1]])
    return third @ second @ first


def _matrix(rows: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def filmed(draws: Draws, view: View, otherwise: Camera, share: float = 0.6) -> Camera:
    """A recorded camera path in `share` of the clips, where recordings are given.

    The path is turned so that it looks at the view in the anchor frame; its translation is scaled
    to the room, because recorded scales are arbitrary against a unit of half a frame.
    """
    stage, n = view.stage, len(draws)
    choice, where, file = draws.uniform(), draws.uniform(), draws.uniform()
    fps = 30.0 / draws.log_uniform(lo=0.1, hi=0.6)
    scale = draws.log_uniform(lo=0.3, hi=2.0)
    used = draws.chance(share)
    files = () if stage.recordings is None else stage.recordings.cameras
    if not files:
        return otherwise
    which = (file * len(files)).long().clamp(max=len(files) - 1)
    pose = torch.empty(n, stage.frames, 7, device=draws.device)
    for i, recording in enumerate(files):
        rows = torch.nonzero(which == i).flatten()
        if len(rows):
            pose[rows] = recording.windows(choice[rows], where[rows], fps[rows], stage.times)
    to_world = _from_quaternion(pose[..., 3:])
    first = to_world[:, stage.anchor].transpose(1, 2)  # world to the anchor camera
    relative = to_world.transpose(2, 3) @ first.transpose(1, 2)[:, None]
    way = (first[:, None] * (pose[..., :3] - pose[:, stage.anchor, None, :3])[..., None, :]).sum(-1)
    rotation = relative @ otherwise.rotation[:, stage.anchor, None]
    position = view.level(way * scale[:, None, None])
    limit = 0.7 * view.depth[:, None, None]
    position = limit * torch.tanh(position / limit)
    pick = used[:, None, None]
    return Camera(
        torch.where(pick[..., None], rotation, otherwise.rotation),
        torch.where(pick, position, otherwise.position),
        torch.where(used[:, None], otherwise.focal[:, stage.anchor, None], otherwise.focal),
    )


def _from_quaternion(q: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) in x, y, z, w order."""
    x, y, z, w = (q / q.norm(dim=-1, keepdim=True).clamp(min=1e-6)).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return _matrix(rows)
