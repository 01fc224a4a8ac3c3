"""Film a scene: which surface each grid point lies on, where it goes, and when it is seen.

Exact for rigid bodies: points are cast on the nearest surface in the anchor frame, attached to it,
carried along, projected, and hidden where another surface (or the far side of their own) is nearer.
All of it happens in camera coordinates, where a ray is z * (u, v, 1).
"""

import torch
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.data.synth.scene import Bodies, Scene, Waves

SOLID = 0.99  # bodies hide with 99 % of their size, so that rounding never hides their own surface
NEAR = 1e-3  # units; nearer than this is behind the camera
THROUGH = 0.02  # units a point may sink into a wall before it is hidden
REACH = 1.0  # positions are clamped to this many frame sizes around the frame


def film(scene: Scene, points: Tensor, anchor: int, size: Size) -> tuple[Tensor, Tensor]:
    """Tracks of the surface points seen at `points` in frame `anchor`.

    Args:
        scene: n worlds of T frames.
        points: (P, 2) pixels xy.
        anchor: frame in [0, T).
        size: (W, H).

    Returns:
        xy (n, T, 2, P) pixels, finite everywhere; visible (n, T, P).
    """
    camera = scene.camera
    middle = torch.tensor(size, device=points.device) / 2
    rays = (points.T - middle[:, None]) / camera.focal[:, anchor, None, None]  # (n, 2, P)
    groups = [g for g in (scene.balls, scene.boxes) if g is not None]
    centre, axes = _in_camera(scene, groups)
    inverse = _inverse(axes)
    origin = -(inverse * centre[:, :, :, None]).sum(-1)  # the camera in body coordinates
    body, depth = _cast(scene, rays, anchor, inverse[:, anchor], origin[:, anchor])
    surface = torch.cat([rays, torch.ones_like(rays[:, :1])], 1) * depth[:, None]  # (n, 3, P)

    centre, axes = _with_room(scene, centre, axes)
    local = _attach(surface, body, centre[:, anchor], _inverse(axes[:, anchor]))
    moved = _carry(local, body, centre, axes)
    if scene.waves is not None:
        moved = moved + _displacement(scene.waves, local, body, axes, anchor)

    z = moved[:, :, 2]
    ray = moved[:, :, :2] / z.clamp(min=NEAR)[:, :, None]
    xy = ray * camera.focal[:, :, None, None] + middle[:, None]
    visible = (z > NEAR) & coords.inside(xy.movedim(2, -1), size)
    visible &= ~_hidden(scene, ray, z, inverse, origin)
    visible &= ~_outside(scene, moved, body)
    reach = torch.tensor(size, device=points.device)[:, None]
    xy = torch.minimum(torch.maximum(xy, -REACH * reach), (1 + REACH) * reach)
    xy[:, anchor], visible[:, anchor] = points.T, True
    return xy, visible


def _in_camera(scene: Scene, groups: list[Bodies]) -> tuple[Tensor, Tensor]:
    """Centres (n, T, k, 3) and axes (n, T, k, 3, 3) of all bodies in camera coordinates."""
    rotation, position = scene.camera.rotation, scene.camera.position
    if not groups:
        n, T = position.shape[:2]
        return position.new_zeros(n, T, 0, 3), position.new_zeros(n, T, 0, 3, 3)
    centre = torch.cat([g.centre for g in groups], 2) - position[:, :, None]
    axes = torch.cat([g.axes for g in groups], 2)
    turn = rotation[:, :, None]
    return (turn * centre[:, :, :, None]).sum(-1), turn @ axes


def _with_room(scene: Scene, centre: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """The same with the room as one more body: its own coordinates are the world's."""
    rotation, position = scene.camera.rotation, scene.camera.position
    room = -(rotation * position[:, :, None]).sum(-1)
    return torch.cat([centre, room[:, :, None]], 2), torch.cat([axes, rotation[:, :, None]], 2)


def _inverse(m: Tensor) -> Tensor:
    """Inverse of 3x3 matrices by the adjugate (exact arithmetic order in any batch)."""
    a, b, c = m[..., 0], m[..., 1], m[..., 2]
    bc, ca, ab = (torch.linalg.cross(x, y) for x, y in ((b, c), (c, a), (a, b)))
    determinant = a[..., 0] * bc[..., 0] + a[..., 1] * bc[..., 1] + a[..., 2] * bc[..., 2]
    return torch.stack([bc, ca, ab], -2) / determinant[..., None, None]


def _ball_depth(u: Tensor, v: Tensor, inverse: Tensor, origin: Tensor, r: Tensor) -> Tensor:
    """Depth at which rays (u, v, 1) enter ellipsoids of relative radius r; NaN where they miss.

    inverse (..., 3, 3) and origin (..., 3) take camera coordinates to the unit ball; they and r are
    broadcast against u, v after one more axis.
    """
    q = (inverse[..., :, None] * inverse[..., None, :]).sum(-3)[..., None]  # the quadric
    e = (inverse * origin[..., None]).sum(-2)[..., None]
    c = (origin * origin).sum(-1)[..., None] - (r * r)[..., None]
    a = torch.addcmul(2 * q[..., 0, 2, :], q[..., 0, 0, :], u)
    a = torch.addcmul(a, 2 * q[..., 0, 1, :], v) * u
    a = torch.addcmul(a, torch.addcmul(2 * q[..., 1, 2, :], q[..., 1, 1, :], v), v)
    a = a + q[..., 2, 2, :]
    b = torch.addcmul(torch.addcmul(e[..., 2, :], e[..., 0, :], u), e[..., 1, :], v)
    root = torch.sqrt(torch.addcmul(-c * a, b, b))
    return -(b + root) / a


def _box_depth(u: Tensor, v: Tensor, inverse: Tensor, origin: Tensor, r: Tensor) -> Tensor:
    """Depth at which rays (u, v, 1) enter boxes of relative half-size r; NaN where they miss."""
    nears, fars = [], []
    for i in range(3):
        m, o = inverse[..., i, :, None], origin[..., i, None]
        slope = torch.addcmul(torch.addcmul(m[..., 2, :], m[..., 0, :], u), m[..., 1, :], v)
        slope = torch.where(slope.abs() < 1e-9, 1e-9, slope).reciprocal_()
        middle, half = -o * slope, r[..., None] * slope.abs()
        nears.append(middle - half)
        fars.append(middle + half)
    near = torch.maximum(torch.maximum(nears[0], nears[1]), nears[2])
    far = torch.minimum(torch.minimum(fars[0], fars[1]), fars[2])
    return torch.where(near < far, near, torch.nan)


def _cast(
    scene: Scene, rays: Tensor, anchor: int, inverse: Tensor, origin: Tensor
) -> tuple[Tensor, Tensor]:
    """Index of the nearest body (k = the room) and its depth, each (n, P)."""
    rotation, position = scene.camera.rotation[:, anchor], scene.camera.position[:, anchor]
    normal, offset = scene.planes[..., :3], scene.planes[..., 3]
    in_camera = (normal[:, :, None] * rotation[:, None]).sum(-1)  # (n, m, 3)
    room = offset - (normal * position[:, None]).sum(-1)
    u, v = rays[:, None, 0], rays[:, None, 1]
    slope = in_camera[..., 0, None] * u + in_camera[..., 1, None] * v + in_camera[..., 2, None]
    wall = torch.where(slope > 1e-6, room[..., None] / slope, torch.inf).amin(1).clamp(0.05, 1e4)
    balls = 0 if scene.balls is None else scene.balls.count
    full = torch.ones_like(origin[..., 0])
    depths = [
        _ball_depth(u, v, inverse[:, :balls], origin[:, :balls], full[:, :balls]),
        _box_depth(u, v, inverse[:, balls:], origin[:, balls:], full[:, balls:]),
        wall[:, None],
    ]
    depth = torch.cat([d for d in depths if d.shape[1]], 1)
    depth = torch.where(depth > NEAR, depth, torch.inf)  # also where NaN: a miss
    nearest = depth.min(1)
    return nearest.indices, nearest.values


def _select(body: Tensor, count: int) -> Tensor:
    """One-hot membership (n, count, P), float32."""
    bodies = torch.arange(count, device=body.device)[:, None]
    return (body[:, None] == bodies).float()


def _attach(surface: Tensor, body: Tensor, centre: Tensor, inverse: Tensor) -> Tensor:
    """Surface points (n, 3, P) in the coordinates of the body each lies on."""
    index = body[:, None].expand(-1, 3, -1)
    offset = surface - centre.transpose(1, 2).gather(2, index)
    rows = [(inverse[..., i, :].transpose(1, 2).gather(2, index) * offset).sum(1) for i in range(3)]
    return torch.stack(rows, 1)


def _carry(local: Tensor, body: Tensor, centre: Tensor, axes: Tensor) -> Tensor:
    """Points (n, T, 3, P) in camera coordinates: one product of poses with memberships."""
    n, T, k = centre.shape[:3]
    chosen = _select(body, k)
    where = torch.cat([local[:, None] * chosen[:, :, None], chosen[:, :, None]], 2)
    pose = torch.cat([axes, centre[..., None]], -1)  # (n, T, k, 3, 4)
    pose = pose.transpose(2, 3).reshape(n, T * 3, k * 4)
    return torch.bmm(pose, where.reshape(n, k * 4, -1)).view(n, T, 3, -1)


def _displacement(waves: Waves, local: Tensor, body: Tensor, axes: Tensor, anchor: int) -> Tensor:
    """Deformation since the anchor frame, (n, T, 3, P) in camera coordinates."""
    T = axes.shape[1]
    t = torch.arange(T, device=axes.device, dtype=torch.float32)[:, None] - anchor
    total = torch.zeros_like(axes[:, :, :1, :1, 0])
    for j in range(waves.frequency.shape[1]):
        number = waves.number[:, j].transpose(1, 2).gather(2, body[:, None].expand(-1, 3, -1))
        frequency = waves.frequency[:, j].gather(1, body)[:, None]
        phase = (number * local).sum(1) + waves.phase[:, j].gather(1, body)
        swing = torch.sin(frequency * t + phase[:, None]) - torch.sin(phase)[:, None]
        push = (axes * waves.direction[:, None, j, :, None]).sum(-1).transpose(2, 3)
        push = push.gather(3, body[:, None, None].expand(-1, T, 3, -1))
        total = total + push * swing[:, :, None]
    return total


def _hidden(scene: Scene, ray: Tensor, z: Tensor, inverse: Tensor, origin: Tensor) -> Tensor:
    """True where a body is in front of the point, (n, T, P)."""
    balls = 0 if scene.balls is None else scene.balls.count
    solid = scene.solid
    if solid is None:
        solid = torch.full_like(origin[:, 0, :, 0], SOLID)
    hidden = torch.zeros_like(z, dtype=torch.bool)
    u, v = ray[:, :, 0], ray[:, :, 1]
    for k in range(origin.shape[2]):
        depth_of = _ball_depth if k < balls else _box_depth
        depth = depth_of(u, v, inverse[:, :, k], origin[:, :, k], solid[:, None, k])
        hidden |= (depth > NEAR) & (depth < z)
    return hidden


def _outside(scene: Scene, moved: Tensor, body: Tensor) -> Tensor:
    """True where a point of a body has gone through a wall of the room, (n, T, P)."""
    rotation, position = scene.camera.rotation, scene.camera.position
    normal, offset = scene.planes[:, None, :, :3], scene.planes[..., 3]
    in_camera = (normal[..., None, :] * rotation[:, :, None]).sum(-1)  # (n, T, m, 3)
    room = offset[:, None] - (normal * position[:, :, None]).sum(-1) + THROUGH
    gone = torch.zeros_like(moved[:, :, 0], dtype=torch.bool)
    x, y, z = moved.unbind(2)
    for j in range(offset.shape[1]):
        a, b, c = in_camera[:, :, j, :, None].unbind(2)
        gone |= torch.addcmul(torch.addcmul(a * x, b, y), c, z) > room[:, :, j, None]
    walls = (0 if scene.balls is None else scene.balls.count) + (
        0 if scene.boxes is None else scene.boxes.count
    )
    return gone & (body != walls)[:, None]
