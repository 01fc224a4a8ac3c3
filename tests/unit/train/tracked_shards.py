"""Shards of tracked clips for the tests of training on them."""

from dataclasses import replace

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.grid import Grid
from kinecast.core.video import ArraySource, Video
from kinecast.data import synth
from kinecast.data.shards import write_shard

SIZE, STRIDE = (96, 64), 16.0


def tracked(seed, frames=14, size=SIZE, stride=STRIDE, recording=None):
    """A clip as a tracker gives it: positions of hidden points unknown; a picture of noise."""
    grid = Grid.over(size, stride)
    tracks = synth.synth("mix", seed=seed, frames=frames, size=size, grid=grid).tracks
    xy = np.where(tracks.visible[..., None], tracks.xy, np.float32(np.nan))
    source = {"tracker": "test", "sha256": f"video {seed if recording is None else recording}"}
    draw = np.random.default_rng(seed)
    W, H = size
    picture = draw.integers(0, 256, (1, H // 8, W // 8, 3), dtype=np.uint8)
    picture = picture.repeat(8, 1).repeat(8, 2).repeat(frames, 0)
    video = Video(ArraySource(picture, 24.0), f"video {seed}")
    return Clip(replace(tracks, xy=xy, source=source), video, f"clip {seed}", f"clip-{seed}")


def write(folder, seeds, **options):
    """Two shards of clips, one recording each."""
    folder.mkdir(exist_ok=True)
    seeds = list(seeds)
    half = len(seeds) // 2
    for number, part in enumerate((seeds[:half], seeds[half:])):
        if part:
            clips = [tracked(seed, **options) for seed in part]
            write_shard(folder / f"shard-{number:05d}.parquet", clips)
    return folder
