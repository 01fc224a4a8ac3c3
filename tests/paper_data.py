"""The papers' evaluation data in miniature, in their published layouts."""

import io
from pathlib import Path

import numpy as np
import torch

from kinecast.core.clip import Clip
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.builders import builder
from kinecast.data.builders.base import with_settings
from kinecast.data.shards import write_shard
from kinecast.io.image import write_image
from kinecast.io.npy import npy_bytes
from kinecast.io.video import write_video
from kinecast.io.webdataset import write_samples

FPS = 24.0
VIEWS = ("agent", "gripper")


class Straight:
    """A tracker: points of the right half move (-0.5, 0.25) pixels a frame, the others rest."""

    name = "straight"

    def track(self, video, *, grid=None, points=None, reference="first", start=0, stop=None,
              progress=None):  # fmt: skip
        laid = grid.points().reshape(-1, 2)
        moves = (laid[:, 0] > video.size[0] / 2)[:, None] * np.array([-0.5, 0.25])
        T = len(video)
        xy = laid + np.arange(T)[:, None, None] * moves
        visible = np.ones((T, len(laid)), bool)
        query = np.zeros(len(laid), np.int64)
        return Tracks(
            xy.astype(np.float32), visible, video.size, query, visible.astype(np.float32),
            video.fps, grid,
        )  # fmt: skip


def built(name: str, source: Path, folder: Path, *words: str) -> Path:
    """A set of `kinecast build`, tracked by `Straight`."""
    made = builder(name)
    folder.mkdir(parents=True)
    made.build(source, folder, with_settings(made.settings, words), Straight(), lambda _: None)
    return folder


def video(path: Path, T: int, size=(96, 64), seed: int = 0) -> Path:
    """One picture, T times."""
    W, H = size
    picture = np.random.default_rng(seed).integers(40, 220, (H // 8, W // 8, 3), np.uint8)
    frame = picture.repeat(8, 0).repeat(8, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (frame for _ in range(T)), FPS, (frame.shape[1], frame.shape[0]))
    return path


def trajloom_set(folder: Path, clips: int = 2) -> Path:
    """TrajLoomDatasets: clip i moves (0.5 + i, 0.25) pixels a frame; column 0 is hidden later."""
    (folder / "tracks").mkdir(parents=True)
    grid = np.stack(np.meshgrid(np.arange(26) * 32.0, np.arange(15) * 32.0), -1).reshape(-1, 2)
    for i in range(clips):
        t = np.arange(162)[None, :, None]
        points = (grid[:, None] + t * np.array([0.5 + i, 0.25])).astype(np.float32)
        seen = np.ones((390, 162), bool)
        seen[grid[:, 0] == 0, 100:] = False
        np.savez(folder / "tracks" / f"clip{i}.npz", trajectory=points, visibility=seen)
        video(folder / "videos" / f"clip{i}.mp4", 162, (104, 56), seed=i)
    (folder / "captions.csv").write_text("videoid,text\nclip0,a pan\n")
    return folder


def rollouts(folder: Path, split: str, scenes: int, futures: int) -> Path:
    """WHN's rollout folders: the left half is object 1, which moves; the rest is background."""
    for scene in range(scenes):
        picture = np.full((256, 256, 3), 40 + scene, np.uint8)
        for k in range(futures):
            name = f"movi_a_{split}_movi_a_256x256_{scene:06d}-{k:06d}"
            here = folder / name
            here.mkdir(parents=True)
            y, x = np.mgrid[0:256:8, 0:256:8] + 0.5
            mask = np.zeros((24, 256, 256, 1), np.uint8)
            mask[:, :, :128] = 1
            on = (x < 128)[None, ..., None]
            draw = np.random.default_rng([scene, k])
            path = np.cumsum(draw.normal(0, 1, (24, 1, 1, 2)), 0)
            path -= path[:1]
            xy = np.stack([x, y], -1)[None] + on * path
            np.save(here / "trajectories.npy", xy.astype(np.float32))
            np.save(here / "visibility.npy", np.ones(xy.shape[:3], bool))
            np.save(here / "segmentations.npy", mask)
            for t in range(24):
                write_image(here / f"{name}_{t:02d}.png", picture)
    return folder


def atm_demo(path: Path, T: int = 40, points: int = 60) -> Path:
    """ATM's hdf5 of one demonstration: the first half of the points goes 2 pixels a frame."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for v, view in enumerate(("agentview", "eye_in_hand")):
            draw = np.random.default_rng(v)
            start = draw.uniform(20, 100, (points, 2))
            moves = np.where(np.arange(points)[:, None] < points // 2, [1.0, -2.0], 0.0)
            xy = start + np.arange(T)[:, None, None] * moves
            seen = np.ones((1, T, points), bool)
            seen[0, 16:, 0] = False
            frames = np.full((1, T, 3, 128, 128), 90 + v, np.uint8)
            file[f"root/{view}/video"] = frames
            file[f"root/{view}/tracks"] = (xy / 128).astype(np.float32)[None]
            file[f"root/{view}/vis"] = seen
    return path


def libero_shard(path: Path) -> Path:
    """WHN's shard of one window, both views: the upper half goes (1, 2) pixels a frame."""
    path.parent.mkdir(parents=True)
    y, x = np.mgrid[1:128:2, 1:128:2] + 0.5
    laid = np.stack([x, y], -1).reshape(-1, 1, 2)
    moves = np.where(laid[..., 1:] < 64, [1.0, 2.0], 0.0)
    xy = (laid + np.arange(16)[None, :, None] * moves).astype(np.float32)
    frames = io.BytesIO()
    np.savez(frames, **{v: np.full((16, 128, 128, 3), i, np.uint8) for i, v in enumerate(VIEWS)})
    tracks = {f"trajectories__{view}__trajectories.npy": npy_bytes(xy) for view in VIEWS}
    sample = {"frames.npz": frames.getvalue(), **tracks, "instruction.txt": b"open the drawer"}
    write_samples(path.parent, [("window", sample)])[0].rename(path)
    return path


def tracked_shard(path: Path, lengths, points: int = 50) -> Path:
    """A shard of clips: 30 points go (1.5, 0.75) a frame, others rest, the last is lost."""
    clips = []
    for i, T in enumerate(lengths):
        start = np.random.default_rng(i).uniform(2, 60, (points, 2))
        moves = np.where(np.arange(points)[:, None] < 30, [1.5, 0.75], 0.0)
        xy = (start + np.arange(T)[:, None, None] * moves).astype(np.float32)
        seen = np.ones((T, points), bool)
        seen[1:, -1] = False
        xy[1:, -1] = np.nan
        tracks = Tracks(xy, seen, (96, 64), np.zeros(points, np.int64), fps=FPS)
        frames = np.full((T, 64, 96, 3), 70, np.uint8)
        clips.append(Clip(tracks, Video(ArraySource(frames, FPS)), "", f"sequence-{i}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_shard(path, clips, pictures="first")
    return path


def poked_tracks(folder: Path) -> torch.Tensor:
    """(40, 64, 2) of the built open set's first video."""
    stored = torch.load(folder / "gt_tracks.pt", weights_only=True)
    return next(iter(stored.values()))["tracks"]
