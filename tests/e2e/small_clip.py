"""A small moving world to forecast: a textured square drifts over a still textured background."""

import cv2
import numpy as np

from kinecast.io.video import write_video

SIZE = (128, 80)


def frames(count, size=SIZE, step=1.5):
    """RGB frames (H, W, 3); the square starts at the left and moves `step` pixels a frame."""
    W, H = size
    rng = np.random.default_rng(0)
    back = texture(rng, (W, H), 60, 160)
    square = texture(rng, (H // 2, H // 2), 80, 255)
    for t in range(count):
        frame = back.copy()
        shift = np.float32([[1, 0, 6 + step * t], [0, 1, H / 4]])
        mask = cv2.warpAffine(np.ones(square.shape[:2], np.float32), shift, (W, H))[..., None]
        frame = frame * (1 - mask) + cv2.warpAffine(square, shift, (W, H)) * mask
        yield frame.clip(0, 255).astype(np.uint8)


def texture(rng, size, low, high):
    """Smooth noise (H, W, 3), float32, with something to track in every grid cell."""
    coarse = rng.uniform(low, high, (size[1] // 4 + 1, size[0] // 4 + 1, 3)).astype(np.float32)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def write_clip(path, count, **options):
    """An mp4 of `frames`; returns its path as a string."""
    size = options.get("size", SIZE)
    write_video(path, frames(count, **options), 24.0, size)
    return str(path)
