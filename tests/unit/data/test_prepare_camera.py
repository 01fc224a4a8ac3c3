"""Words for the camera's motion: what the camera does, not what the picture does."""

import numpy as np
import pytest

from kinecast.core.tracks import Tracks
from kinecast.data.prepare.camera_caption import camera_motion

SIZE, T, FPS = (832, 480), 49, 24.0
SECONDS = (T - 1) / FPS


def filmed(shift=(0.0, 0.0), zoom=0.0, roll=0.0, shake=0.0, others=0.3, size=SIZE):
    """Tracks of a plane under a similarity of the picture about its centre.

    shift: pixels in all; zoom: log factor in all; roll: degrees clockwise on the screen in all;
    shake: pixels a frame; others: share of the points that move by themselves.
    """
    rng = np.random.default_rng(0)
    W, H = size
    z = rng.uniform(0, W, 300) - W / 2 + 1j * (rng.uniform(0, H, 300) - H / 2)
    t = np.linspace(0, 1, T)[:, None]
    path = t * complex(*shift) + shake * (rng.normal(size=(T, 1)) + 1j * rng.normal(size=(T, 1)))
    now = z * np.exp(t * (zoom + 1j * np.deg2rad(roll))) + path
    mine = rng.random(300) < others
    now[:, mine] += t * 120j  # an object that falls
    xy = np.stack([now.real + W / 2, now.imag + H / 2], -1).astype(np.float32)
    visible = ((xy >= 0) & (xy < size)).all(-1)
    return Tracks(xy=xy, visible=visible, size=size, fps=FPS)


@pytest.mark.parametrize(
    ("motion", "words"),
    [
        ({}, ["static"]),
        ({"shift": (-100, 0)}, ["slow pan right"]),
        ({"shift": (-200, 0)}, ["medium pan right"]),
        ({"shift": (200, 0)}, ["medium pan left"]),
        ({"shift": (-500, 0)}, ["fast pan right"]),
        ({"shift": (0, 200)}, ["medium tilt up"]),
        ({"shift": (0, -200)}, ["medium tilt down"]),
        ({"zoom": 0.2}, ["medium zoom in"]),
        ({"zoom": -0.06}, ["slow zoom out"]),
        ({"zoom": 0.5}, ["fast zoom in"]),
        ({"roll": 20}, ["medium roll counter-clockwise"]),
        ({"roll": -5}, ["slow roll clockwise"]),
        ({"shake": 1.5}, ["medium hand-held"]),
        ({"shift": (-200, 0), "zoom": 0.2}, ["medium pan right", "medium zoom in"]),
    ],
)
def test_words(motion, words):
    assert list(camera_motion(filmed(**motion)).words) == words


@pytest.mark.parametrize(
    ("motion", "name", "rate"),
    [
        ({"shift": (-200, 0)}, "pan right", 200 / np.hypot(*SIZE) / SECONDS),
        ({"shift": (0, 100)}, "tilt up", 100 / np.hypot(*SIZE) / SECONDS),
        ({"zoom": 0.1}, "zoom in", 0.1 / SECONDS),
        ({"roll": 8}, "roll counter-clockwise", 8 / SECONDS),
    ],
)
def test_rates_are_those_of_the_camera(motion, name, rate):
    rates = camera_motion(filmed(**motion)).rates
    assert rates.pop(name) == pytest.approx(rate, rel=0.03)
    assert max(rates.values()) < 0.02


def test_what_moves_by_itself_has_no_vote():
    rates = [camera_motion(filmed(shift=(-200, 0), others=share)).rates for share in (0, 0.4)]
    assert rates[0]["pan right"] == pytest.approx(rates[1]["pan right"], rel=0.02)
    assert rates[1]["tilt down"] < 0.002


def test_the_size_of_the_picture_does_not_count():
    small = filmed(shift=(-100, 0), zoom=0.1).resized((416, 240))
    assert camera_motion(small).words == camera_motion(filmed(shift=(-100, 0), zoom=0.1)).words


def test_too_few_points_are_no_evidence():
    tracks = filmed(shift=(-200, 0))
    blind = Tracks(xy=tracks.xy, visible=np.zeros_like(tracks.visible), size=SIZE, fps=FPS)
    assert camera_motion(blind).words == ()
    assert camera_motion(blind).append_to("A castle.") == "A castle."


def test_the_phrase_ends_the_caption():
    motion = camera_motion(filmed(shift=(-200, 0), zoom=0.2))
    assert motion.append_to("A castle.") == "A castle, medium pan right, medium zoom in."
    assert motion.append_to("") == "medium pan right, medium zoom in."
