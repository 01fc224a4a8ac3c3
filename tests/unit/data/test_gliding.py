import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.gliding import glide

SIZE, FRAMES = (96, 64), 8
POINTS = Grid.over(SIZE, 4.0).points().reshape(-1, 2)
COMPASS = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}


def scenes(family, count=12):
    return [glide(family, 5, i, frames=FRAMES, size=SIZE) for i in range(count)]


def grey_at(picture, xy):
    column, row = np.floor(xy).astype(int).T
    return picture.mean(-1)[row, column]


def mover(scene, view=0):
    """Points of the nearest thing, those that move with it: start (n, 2), displacement (2,)."""
    xy, _ = scene.follow(POINTS, view)
    moved = xy[-1] - xy[0]
    far = np.linalg.norm(moved, axis=-1)
    like = np.linalg.norm(moved - moved[far.argmax()], axis=-1) < 3
    return POINTS[like], moved[like].mean(0), far.max()


def test_the_same_arguments_give_the_same_scene_and_others_another():
    one, again = (glide("layers", 5, 3, frames=FRAMES, size=SIZE) for _ in range(2))
    other = glide("layers", 5, 4, frames=FRAMES, size=SIZE)
    assert np.array_equal(one.picture(), again.picture())
    assert np.array_equal(one.follow(POINTS)[0], again.follow(POINTS)[0])
    assert not np.array_equal(one.picture(), other.picture())


def test_things_are_brighter_where_they_go_and_others_are_not():
    def agree(family):
        found = []
        for scene in scenes(family):
            start, moved, far = mover(scene)
            if far < 8 or len(start) < 8:
                continue
            along = (start - start.mean(0)) @ moved
            found.append(np.corrcoef(along, grey_at(scene.picture(), start))[0, 1])
        assert len(found) > 6
        return np.mean(found)

    assert agree("layers") > 0.8
    assert abs(agree("layers-told")) < 0.5


def test_the_text_tells_where_the_thing_goes():
    for scene in scenes("layers-told"):
        _, moved, far = mover(scene)
        assert far > 5
        way = np.sum([v for word, v in COMPASS.items() if word in scene.text], axis=0)
        assert moved @ way > 0.85 * np.linalg.norm(moved) * np.linalg.norm(way)


def test_the_text_tells_where_everything_drifts():
    for scene in scenes("layers-panned"):
        xy, _ = scene.follow(POINTS)
        moved = np.median(xy[-1] - xy[0], axis=0)
        way = np.sum([v for word, v in COMPASS.items() if word in scene.text], axis=0)
        assert moved @ way > 0.85 * np.linalg.norm(moved) * np.linalg.norm(way)
        assert 0.15 < np.linalg.norm(moved) / min(SIZE) < 0.65
        assert np.linalg.norm(xy[-1] - xy[0] - moved, axis=-1).max() > 5  # things have ways besides


def test_points_start_where_they_are_laid_and_are_seen():
    for view in (0, 1):
        xy, visible = scenes("layers", 1)[0].follow(POINTS, view)
        assert xy.shape == (FRAMES, len(POINTS), 2)
        np.testing.assert_array_equal(xy[0], POINTS)
        assert visible[0].all()


def test_a_second_view_sees_the_same_motion_turned_and_nearer():
    for scene in scenes("layers-told", 6):
        start, _, _ = mover(scene)
        middle = np.asarray(SIZE) / 2
        turned = (start - middle) @ np.array([[0, 1.25], [-1.25, 0]]) + middle
        inside = ((turned > 1) & (turned < np.asarray(SIZE) - 1)).all(-1)
        seen, _ = scene.follow(turned[inside].astype(np.float32), 1)
        there = seen[-1] - seen[0]
        wanted = scene.follow(start[inside])[0]
        wanted = (wanted[-1] - wanted[0]) @ np.array([[0, 1.25], [-1.25, 0]])
        np.testing.assert_allclose(there, wanted, atol=0.01)
        tones = [
            grey_at(scene.picture(view), points[inside])
            for view, points in enumerate((start, turned))
        ]
        assert np.abs(tones[0] - tones[1]).mean() < 8


def test_mistakes():
    with pytest.raises(UserError, match="layers, layers-told, layers-panned, got 'planes'"):
        glide("planes", 0, 0, frames=4, size=SIZE)
    with pytest.raises(UserError, match="2 frames or more"):
        glide("layers", 0, 0, frames=1, size=SIZE)
