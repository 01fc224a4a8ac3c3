"""The folder that is being prepared: what is where in it, and how files appear there.

    OUT/videos.jsonl        inputs, their hashes and what the scan found: all that the plan needs
    OUT/shard-00000.parquet, ...
    OUT/clips.jsonl         every candidate clip, kept or not, and why
    OUT/manifest.json       written last: the folder is complete
    OUT/.work/              while it is not: settings, scans, parts of shards, attempts, temporaries

Every file is written under .work/tmp in a folder of the writing process and renamed into its place,
so that whoever is killed leaves nothing half-written where it counts.
"""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinecast.core.errors import UserError

MANIFEST, VIDEOS, CLIPS = "manifest.json", "videos.jsonl", "clips.jsonl"


@dataclass(frozen=True)
class WorkFolder:
    """Places in an output folder.

    Attributes:
        out: the folder, absolute.
    """

    out: Path

    @property
    def work(self) -> Path:
        """What is removed when the folder is complete."""
        return self.out / ".work"

    @property
    def settings(self) -> Path:
        """Settings of the run that began."""
        return self.work / "settings.json"

    def scan(self, sha256: str) -> Path:
        """What the scan of a video of that hash found."""
        return self.work / "scans" / f"{sha256}.json"

    def part(self, shard: str, index: int) -> Path:
        """Record of one unit of a shard; its clip is beside it, with the suffix .parquet."""
        return self.work / "parts" / shard / f"{index:06d}.json"

    def shard(self, shard: str) -> Path:
        """The shard."""
        return self.out / f"{shard}.parquet"

    def shard_record(self, shard: str) -> Path:
        """What is in the shard; written after it."""
        return self.work / "shards" / f"{shard}.json"

    def attempts(self, task: str) -> Path:
        """Who tried a task in this run and did not come back."""
        return self.work / "attempts" / task

    @contextmanager
    def placing(self, path: Path) -> Iterator[Path]:
        """A temporary name, renamed to `path` if the body succeeds."""
        own = self.work / "tmp" / f"{socket.gethostname()}-{os.getpid()}"
        own.mkdir(parents=True, exist_ok=True)
        temporary = own / path.name
        try:
            yield temporary
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def write_text(self, path: Path, text: str) -> None:
        """A text file, whole or not at all."""
        with self.placing(path) as temporary:
            temporary.write_text(text, "utf-8")

    def write_json(self, path: Path, value: Any) -> None:
        """A JSON file, whole or not at all; the same value gives the same bytes."""
        self.write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")

    def settings_of(self, packages: Mapping[str, str]) -> Any:
        """The record of the run's settings, as a worker with these packages reads it.

        Raises:
            UserError: its packages are others than the run's.
        """
        record = read_json(self.settings)
        others = list(_differences("", record["packages"], packages))
        if others:
            raise UserError(
                f"expected workers with the packages of the run, got {'; '.join(others)} on "
                f"{socket.gethostname()}; install the same there"
            )
        return record

    @contextmanager
    def begun(self, settings: Mapping[str, Any]) -> Iterator[None]:
        """Hold the folder for one run; clear what killed runs left.

        Raises:
            UserError: another run is at work in it, it was begun with other settings, or it holds
                other things.
        """
        complete = (self.out / MANIFEST).is_file()
        ours = complete or self.work.is_dir()
        if self.out.exists() and not (self.out.is_dir() and (ours or not any(self.out.iterdir()))):
            raise UserError(
                f"expected --out to be a new folder or one that prepare began, got {self.out}; "
                "choose another"
            )
        self.work.mkdir(parents=True, exist_ok=True)
        with open(self.work / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"another kinecast prepare is at work in {self.out}; wait for it or stop it"
                ) from error
            try:
                for leftover in ("tmp", "attempts"):
                    shutil.rmtree(self.work / leftover, ignore_errors=True)
                began = self.out / MANIFEST if complete else self.settings
                if began.is_file():
                    _check_same(settings, read_json(began), self.out)
                self.write_json(self.settings, settings)
                yield
                complete = True
            finally:
                shutil.rmtree(self.work if complete else self.work / "tmp", ignore_errors=True)


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UserError: it is damaged.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"expected JSON in {path}, got: {error}; prepare anew") from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file.

    Raises:
        UserError: it is damaged.
    """
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except ValueError as error:
        raise UserError(f"expected JSON lines in {path}, got: {error}; prepare anew") from error


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Objects as JSON lines."""
    return "".join(
        json.dumps(dict(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    )


def _check_same(now: Mapping[str, Any], before: Mapping[str, Any], out: Path) -> None:
    """Refuse to continue what was begun otherwise; the message names each difference."""
    differences = list(_differences("", {key: before.get(key) for key in now}, now))
    if differences:
        raise UserError(
            f"expected the settings that {out} was begun with, got {'; '.join(differences)}; "
            "choose another --out or the same settings"
        )


def _differences(name: str, before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            yield from _differences(f"{name} {key}".strip(), before.get(key), now.get(key))
    elif before != now:
        yield f"{name} {now!r} instead of {before!r}"
