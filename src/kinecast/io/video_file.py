"""Frames of a video file, decoded as they are asked for."""

import bisect
import io
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.stream import VideoStream
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError

_HIDDEN_FRAMES = {"vp8"}  # codecs some of whose packets give no picture
_RECENT_BYTES = 32 << 20  # frames kept, so that overlapping windows need no seek
_SKIP = 16  # frames it is cheaper to decode through than to seek over

_Timed = tuple[int, av.VideoFrame]


class FileSource:
    """Frames of a video file; windows in order are decoded without seeking.

    Frames are told apart by their presentation time where the packets give one, by their order of
    decoding otherwise (then going back means decoding from the start). A frame that does not decode
    repeats the one before it, as players do, and `warnings` says so.

    Args:
        path: of the file.
        content: its bytes, where they are in memory (a member of an archive); `path` is then only
            what messages call it.

    Attributes:
        size: (W, H) as displayed: rotation metadata is applied.
        fps: average frames a second, or None when the file gives no times.
        warnings: what is wrong with the file, in words.

    Raises:
        UserError: not a video, or nothing in it decodes.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._content = content
        self._held: _Timed | None = None  # the last frame whose turn has come
        self._pending: _Timed | None = None  # the one decoded after it
        self._open()
        declared = self._stream.frames
        packets, times, self._keys = self._scan()
        self._timed = times is not None
        self._rewind()
        if self._pending is None:
            raise UserError(f"expected a video, got no frame that decodes: {path}")
        first, frame = self._pending
        self._turns: int = round((frame.rotation or 0) / 90) % 4
        self._coded_size: Size = (frame.width, frame.height)
        W, H = self._coded_size
        self.size: Size = (H, W) if self._turns % 2 else (W, H)
        self._recent: deque[tuple[int, np.ndarray]] = deque(
            maxlen=max(1, _RECENT_BYTES // (3 * W * H))
        )
        if times is None:
            self._times: list[int] | range = range(1 + sum(1 for _ in self._frames))
        else:
            self._keys = [key for key in self._keys if key > first]
            self._keys.insert(0, first)
            last = times[-1] if declared == packets else self._last_time()
            self._times = [time for time in times if first <= time <= last]
        self._rewind()
        self.fps: float | None = self._rate()
        missing = max(declared - packets, 0) + (len(times) - len(self) if times else 0)
        missing = missing or self._missing_by_duration()
        if missing > 0:
            self.warnings.append(
                f"{path.name} is truncated or damaged: {len(self)} frames decode and are used, "
                f"about {missing} are missing"
            )

    def __len__(self) -> int:
        return len(self._times)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        W, H = self.size
        frames = np.empty((stop - start, H, W, 3), np.uint8)
        recent = dict(self._recent)
        for i in range(start, stop):
            frame = recent.get(i)
            if frame is None:
                frame = self._rgb(self._frame(i))
                self._recent.append((i, frame))
            frames[i - start] = frame
        return frames

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        W, H = self._coded_size  # a stream may change size on its way: the first frame's holds
        image = frame.to_ndarray(format="rgb24", width=W, height=H)
        return np.ascontiguousarray(np.rot90(image, self._turns))

    def _frame(self, i: int) -> av.VideoFrame:
        """Frame i, by decoding on from where the last call stopped, or from a key frame."""
        time = self._times[i]
        if not self._is_ahead(i):
            self._seek(time)
        while self._pending is not None and self._pending[0] <= time:
            self._held, self._pending = self._pending, next(self._frames, None)
        assert self._held is not None  # _seek stops at or before `time`
        if self._held[0] != time and not any("do not decode" in w for w in self.warnings):
            self.warnings.append(
                f"{self._path.name} is damaged: some frames (the first is {i}) do not decode; "
                "each repeats the frame before it"
            )
        return self._held[1]

    def _is_ahead(self, i: int) -> bool:
        """Whether decoding on reaches frame i soon."""
        if self._held is None or self._held[0] > self._times[i]:
            return False
        here = bisect.bisect_right(self._times, self._held[0]) - 1
        key = self._keys[bisect.bisect_right(self._keys, self._times[i]) - 1]
        return i - here <= _SKIP or key <= self._held[0]

    def _seek(self, time: int) -> None:
        """Start decoding at a frame at or before `time`."""
        keys = self._keys[1 : bisect.bisect_right(self._keys, time)]
        for key in reversed(keys[-2:]):  # containers with poor indexes land late: then one earlier
            with suppress(av.FFmpegError):
                self._container.seek(key, stream=self._stream)
                self._start()
                if self._pending is not None and self._pending[0] <= time:
                    return
        self._rewind()

    def _rewind(self) -> None:
        self._open()
        self._start()

    def _start(self) -> None:
        self._frames = self._decode()
        self._held = None
        self._pending = next(self._frames, None)

    def _open(self) -> None:
        try:
            content = None if self._content is None else io.BytesIO(self._content)
            self._container = av.open(content or str(self._path.absolute()), "r")
        except av.FFmpegError as error:
            raise UserError(
                f"expected a video, got a file that cannot be read as one ({error.strerror}): "
                f"{self._path}; if it is a video, its end or its header is missing"
            ) from error
        stream = self._container.streams.best("video")
        if (
            not isinstance(stream, VideoStream)
            or stream.codec_context is None
            or stream.disposition & Disposition.attached_pic
            or self._container.format.name == "tty"  # FFmpeg plays text files
        ):
            raise UserError(f"expected a video, got a file without a video stream: {self._path}")
        stream.thread_type = "AUTO"
        self._stream = stream

    def _decode(self) -> Iterator[_Timed]:
        """Frames as they decode, with their times; packets that do not decode leave a gap."""
        count = 0
        with suppress(av.FFmpegError):  # a truncated container ends where it cannot be read on
            for packet in self._container.demux(self._stream):
                frames: Sequence[Any] = ()
                with suppress(av.FFmpegError):
                    frames = packet.decode()
                for frame in frames:
                    yield (frame.pts if self._timed else count), frame
                    count += 1

    def _scan(self) -> tuple[int, list[int] | None, list[int]]:
        """Number of packets; their times and those of key frames, increasing, without decoding.

        The times are None where they do not tell frames apart: not stored (avi, mpg), or packets
        that give no picture.
        """
        count, times, keys = 0, [], [0]
        with suppress(av.FFmpegError):
            for packet in self._container.demux(self._stream):
                if packet.size == 0:  # the end
                    continue
                count += 1
                if packet.is_discard or packet.is_corrupt:
                    continue
                if packet.pts is None:
                    return count, None, [0]
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
        avi = self._container.format.name == "avi" and len(keys) <= len(times)
        hidden = self._stream.codec_context.name in _HIDDEN_FRAMES
        if not times or len(set(times)) < len(times) or avi or hidden:
            return count, None, [0]
        return count, sorted(times), sorted(keys[1:])

    def _last_time(self) -> int:
        """The time of the last frame that decodes."""
        for key in (*reversed(self._keys[1:]), None):
            if key is None:
                self._rewind()
            else:
                with suppress(av.FFmpegError):
                    self._container.seek(key, stream=self._stream)
                self._start()
            if self._pending is not None:
                return max((time for time, _ in self._frames), default=self._pending[0])
        raise UserError(f"expected a video, got no frame that decodes: {self._path}")

    def _rate(self) -> float | None:
        stated = float(self._stream.average_rate or 0) or None
        if not self._timed or len(self) < 2:
            return stated
        seconds = (self._times[-1] - self._times[0]) * self._tick()
        measured = (len(self) - 1) / seconds
        if stated is None or abs(stated / measured - 1) > 0.02:
            return measured
        return stated

    def _tick(self) -> float:
        """Seconds in one unit of time."""
        return float(self._stream.time_base or 0)

    def _missing_by_duration(self) -> int:
        """About how many frames the stated duration holds beyond those there are."""
        if self.fps is None or self._stream.frames:
            return 0
        stream, container = self._stream, self._container
        if stream.duration is not None:
            stated = stream.duration * self._tick()
        elif container.duration is not None and len(container.streams) == 1:
            stated = container.duration / av.time_base
        else:
            return 0
        missing = stated - len(self) / self.fps
        return round(missing * self.fps) if missing > max(0.5, 0.02 * stated) else 0
