"""What a builder is, its settings, and going through raw videos."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from kinecast.core.errors import UserError, did_you_mean
from kinecast.data.importers.captions import caption_of, captions_of, sidecar
from kinecast.data.importers.videos import SUFFIXES
from kinecast.data.trackers import Tracker

S = TypeVar("S")


@dataclass(frozen=True)
class Outcome:
    """What became of one clip.

    Attributes:
        clip: its name.
        dropped: why it is not in the set, or "".
    """

    clip: str
    dropped: str = ""


Report = Callable[[Outcome], None]


@dataclass(frozen=True)
class Builder:
    """Makes one evaluation set.

    Attributes:
        name: as in `kinecast build NAME`.
        about: what it makes, in one or two sentences.
        needs: what SOURCE is, in words, or "" where there is none: the set is simulated.
        settings: the defaults, a frozen dataclass whose fields are whole numbers, numbers, flags or
            one of several words (Literal).
        build: (source, folder, settings, tracker, report) writes into an empty folder that exists
            and reports every clip. The caller makes the folder appear whole or not at all.
    """

    name: str
    about: str
    needs: str
    settings: Any
    build: Callable[[Path, Path, Any, Tracker, Report], None]


def with_settings(defaults: S, words: Sequence[str]) -> S:
    """Settings after "key=value" words.

    Raises:
        UserError: an unknown key, or a value of another kind.
    """
    kinds = get_type_hints(type(defaults))
    names = [field.name for field in fields(defaults)]  # type: ignore[arg-type]
    changes = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or key not in names:
            raise UserError(
                f"expected key=value with a key of {', '.join(names)}, got {word!r}"
                f"{did_you_mean(key, names)}"
            )
        changes[key] = _value(key, text, kinds[key])
    return replace(defaults, **changes)  # type: ignore[type-var]


def _value(key: str, text: str, kind: Any) -> Any:
    choices = [str(choice) for choice in get_args(kind)] or (
        ["true", "false"] if kind is bool else []
    )
    if choices:
        if text not in choices:
            raise UserError(f"expected {key}={'|'.join(choices)}, got {key}={text}")
        return text == "true" if kind is bool else text
    try:
        value = kind(text)
        if not 0 <= value < float("inf"):
            raise ValueError
    except ValueError:
        what = "WHOLE NUMBER" if kind is int else "NUMBER"
        raise UserError(f"expected {key}={what} of 0 or more, got {key}={text}") from None
    return value


@dataclass(frozen=True)
class RawVideo:
    """A video to make a clip of.

    Attributes:
        file: where it is.
        name: unique among the videos: its path below the source, without suffix, "/" as "-".
        caption: its text, or "".
    """

    file: Path
    name: str
    caption: str


def raw_videos(source: Path) -> list[RawVideo]:
    """The video files of a folder, or one, in order, with captions as `--from videos` finds them.

    Raises:
        UserError: there is none, or two of them would have one name.
    """
    if not source.exists():
        raise UserError(f"no such file or folder: {source}; check the path")
    root = source if source.is_dir() else source.parent
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    files = [file for file in files if file.suffix.lower() in SUFFIXES and file.is_file()]
    if not files:
        raise UserError(f"expected videos ({', '.join(SUFFIXES)}) in {source}, got none")
    tables = [root / name for name in ("captions.csv", "captions.jsonl")]
    captions = captions_of([table for table in tables if table.is_file()], {})
    videos: dict[str, RawVideo] = {}
    for file in files:
        name = "-".join(file.relative_to(root).with_suffix("").parts)
        if name in videos:
            raise UserError(
                f"expected videos of different names, got {videos[name].file} and {file}; "
                "rename one of them"
            )
        caption = sidecar(file) or caption_of(captions, file, root)
        videos[name] = RawVideo(file, name, caption)
    return list(videos.values())


def each_kept(
    videos: Sequence[RawVideo], make: Callable[[RawVideo], S], report: Report
) -> Iterator[tuple[RawVideo, S]]:
    """What `make` makes of each video; one that it refuses is reported with the reason.

    A video that is kept is reported after the caller has done its part with it.
    """
    for video in videos:
        try:
            made = make(video)
        except UserError as error:
            report(Outcome(video.name, str(error)))
            continue
        yield video, made
        report(Outcome(video.name))
