"""A table of blocks and a hand without dynamics: what the oracle needs of LIBERO, in 100 lines."""

import numpy as np

from kinecast.data.libero.hand import OPENING, STEP, TIP, TURN, Hand, downward
from kinecast.data.libero.relief import Relief, turned

LAG = 0.5  # of what an action asks for, the hand does this much


class BlockScene:
    """Things are unions of upright boxes, (low, high) corners, metres."""

    def __init__(self, things, places=()):
        self.things = {name: np.asarray(boxes, float) for name, boxes in things.items()}
        self.places = dict(places)
        self.at, self.rotation, self.opening = np.array([-0.2, 0.0, 0.3]), downward(np.pi / 2), 0.02
        self.held = None
        self.lowest_clearance = np.inf  # of what was carried, over everything below it

    def hand(self):
        return Hand(self.at.copy(), self.rotation.copy(), self.opening)

    def base(self):
        return np.array([-0.66, 0.0])

    def bounds(self, name):
        boxes = self.things[name]
        return np.stack([boxes[:, 0].min(0), boxes[:, 1].max(0)])

    def position(self, name):
        if name in self.places:
            return np.asarray(self.places[name], float)
        low, high = self.bounds(name)
        return np.array([*(0.5 * (low + high)[:2]), low[2]])

    def relief(self, centre, half, cell, own=None, without=None):
        count = 2 * round(half / cell) + 1
        origin = (centre[0] - half, centre[1] - half)
        patch = Relief(origin, cell, np.zeros((count, count)), np.zeros((count, count), bool))
        height, marked, xy = patch.height, patch.own, patch.xy()
        for name, boxes in self.things.items():
            for low, high in boxes if name != without else ():
                over = ((xy >= low[:2]) & (xy <= high[:2])).all(-1) & (high[2] > height)
                height[over], marked[over] = high[2], name == own
        return patch

    def act(self, action):
        """Move, turn, open or close; what is between closing fingers is held."""
        assert action.shape == (7,)
        assert (np.abs(action) <= 1).all()
        step = LAG * STEP * action[:3]
        if self.held is not None:  # what lies under it holds it up
            step[2] = max(step[2], -max(self._clearance(self.held), 0.0))
        self.at = self.at + step
        self.rotation = turn(LAG * TURN * action[3:6]) @ self.rotation
        if self.held is not None:
            self.things[self.held] = self.things[self.held] + step
            self.lowest_clearance = min(self.lowest_clearance, self._clearance(self.held))
        self.opening = float(np.clip(self.opening - 0.01 * action[6], 0.0, OPENING))
        if action[6] > 0 and self.held is None:
            self.held = self._between()
        elif action[6] < 0 and self.held is not None:
            drop = self._clearance(self.held)
            self.things[self.held] = self.things[self.held] - [0.0, 0.0, drop]
            self.held = None

    def _between(self):
        """The thing that the closing fingers meet."""
        for name, boxes in self.things.items():
            for low, high in boxes:
                samples = np.stack(np.meshgrid(*np.linspace(low, high, 9).T), -1).reshape(-1, 3)
                a, b = turned(samples[:, :2] - self.at[:2], self.hand().yaw)
                z = samples[:, 2] - self.at[2]
                inside = (np.abs(a) < 0.5 * self.opening) & (np.abs(b) < 0.01)
                if (inside & (np.abs(z) < TIP)).any():
                    return name
        return None

    def _clearance(self, name):
        """How far a thing is above what lies under it."""
        gaps = [self.bounds(name)[0, 2]]
        for low, high in self.things[name]:
            for other, boxes in self.things.items():
                for under_low, under_high in boxes if other != name else ():
                    if (low[:2] < under_high[:2]).all() and (high[:2] > under_low[:2]).all():
                        gaps.append(low[2] - under_high[2])
        return min(gaps)


def turn(vector):
    """The rotation matrix of a rotation vector."""
    angle = float(np.linalg.norm(vector))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def box(x, y, z, wide, deep, high):
    """Corners of a box that stands at (x, y, z)."""
    return [[x - wide / 2, y - deep / 2, z], [x + wide / 2, y + deep / 2, z + high]]
