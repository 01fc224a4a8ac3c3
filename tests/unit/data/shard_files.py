"""Published shards in miniature, written with the plain tools: tarfile, np.save, PyAV."""

import io
import tarfile
from pathlib import Path

import av
import numpy as np


def npy(array: np.ndarray) -> bytes:
    """An .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """An .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    """A tar of members, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def pictures(T: int, W: int, H: int) -> np.ndarray:
    """Smooth frames that differ, uint8 (T, H, W, 3)."""
    t, y, x = np.mgrid[:T, :H, :W].astype(float)
    waves = [np.sin(x / 9 + t / 5), np.cos(y / 7 - t / 6), np.sin((x + y) / 11)]
    return (np.stack(waves, -1) * 100 + 128).astype(np.uint8)


def encoded(frames: np.ndarray, suffix: str = ".mp4", fps: int = 30) -> bytes:
    """A video file of frames: H.264 in .mp4, MPEG-1 in .mpg."""
    stream = io.BytesIO()
    kind, codec = {".mp4": ("mp4", "libx264"), ".mpg": ("mpeg", "mpeg1video")}[suffix]
    with av.open(stream, "w", format=kind) as container:
        video = container.add_stream(codec, rate=fps)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode(None))
    return stream.getvalue()


def spread(T: int, N: int, low: float, high: float, seed: int = 0) -> np.ndarray:
    """Float32 (T, N, 2) with other ranges in x and y."""
    points = np.random.default_rng(seed).uniform(low, high, (T, N, 2))
    points[..., 1] = (points[..., 1] + low) / 2  # so that exchanged axes show
    return points.astype(np.float32)
