"""How fast shards are read, beside what the biggest planned training consumes."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.video import ArraySource, Video
from kinecast.data.dataset import ClipDataset, Sampler, Windows
from kinecast.data.shards import open_shard, write_shard
from kinecast.data.synth import generate

# The published generator on 8 H200: 2.85 TFLOP a clip forward (docs/speed.md: 2.42 the velocity,
# 0.43 the context, made once), three times that with the backward pass; 989 TFLOP/s in bf16 each,
# of which 40 % is a good training run.
CONSUMED = 8 * 989 * 0.40 / (3 * 2.85)  # clips a second
AIM = 20  # times that

_FRAMES, _JITTER = 162, 0.1  # of a published clip; pixels of a tracker's noise, which packs badly
_LATENT = (2, 21, 390, 16)  # history and future of the published generator
_SECONDS = 2.0  # of CPU a row is measured for


@dataclass(frozen=True)
class Row:
    """One way to read.

    Attributes:
        what: in words.
        clips: a CPU-second, on one thread.
        megabytes: a CPU-second, as they lie in the file.
        cores: that read `AIM` times what is consumed.
    """

    what: str
    clips: float
    megabytes: float
    cores: float


def measure(clips: int) -> list[Row]:
    """Write a shard of `clips` clips of the published size and read it in every way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.parquet"
        latents = {"z": np.random.default_rng(0).normal(size=_LATENT).astype(np.float16)}
        start = time.process_time()
        write_shard(path, _clips(clips), latents=lambda clip: latents)
        written = clips / (time.process_time() - start)
        tracks = Path(folder) / "tracks.parquet"
        size = write_shard(tracks, _clips(clips, pictures=False)).bytes / clips
        shard, streamed = open_shard(path), open_shard(tracks)
        windows = ClipDataset([tracks], Windows(81, hop=81))

        def stream() -> int:
            return sum(1 for _ in streamed)

        def shuffled() -> int:
            return sum(1 for _ in windows.stream(Sampler(len(windows), seed=0)))

        def pictured() -> int:
            return sum(1 for clip in shard if clip.video is not None and len(clip.video[0:1]))

        def latent() -> int:
            return sum(len(shard.latents(i)) for i in range(clips))

        rows = [
            _row("tracks, streamed", stream, size),
            _row("tracks, windows of 81 in random order", shuffled, size),
            _row("tracks and the first picture (PNG)", pictured, path.stat().st_size / clips),
            _row("latents alone", latent, float(latents["z"].nbytes)),
        ]
        return [*rows, Row("written, with pictures and latents", written, 0.0, 0.0)]


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = [
        f"| one thread | clips a CPU-second | MB | cores for {AIM} x {CONSUMED:.0f} clips/s |",
        "|---|---|---|---|",
    ]
    for row in rows:
        rest = f"{row.megabytes:.0f} | {row.cores:.1f}" if row.cores else "|"
        lines.append(f"| {row.what} | {row.clips:.0f} | {rest} |")
    return "\n".join(lines)


def to_json(rows: list[Row]) -> dict[str, Any]:
    """As a JSON object."""
    return {"consumed": CONSUMED, "aim": AIM, "rows": [asdict(row) for row in rows]}


def _row(what: str, read: Callable[[], int], size: float) -> Row:
    read()  # once, so that files are in the cache and modules are loaded
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < _SECONDS:
        count += read()
    rate = count / spent
    return Row(what, rate, rate * size / 1e6, AIM * CONSUMED / rate)


def _clips(count: int, pictures: bool = True) -> Iterator[Clip]:
    draw = np.random.default_rng(0)
    for start in range(0, count, 8):
        worlds = generate("mix", seed=0, n=min(8, count - start), start=start, frames=_FRAMES)
        for i in range(len(worlds)):
            clip = worlds.clip(i)
            tracks = clip.tracks
            noisy = tracks.xy + draw.normal(0, _JITTER, tracks.xy.shape).astype(np.float32)
            video = None
            if pictures:
                W, H = tracks.size
                shade = draw.integers(0, 256, (1, H // 16, W // 16, 3), np.uint8)
                frame = shade.repeat(16, 1).repeat(16, 2)
                frames = np.broadcast_to(frame, (len(tracks), H, W, 3))
                video = Video(ArraySource(frames, tracks.fps))
            yield replace(clip, tracks=replace(tracks, xy=noisy), video=video)
