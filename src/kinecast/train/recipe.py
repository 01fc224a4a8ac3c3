"""Recipes: everything that decides what is trained, on what, and how long.

A recipe is a frozen dataclass; a function per recipe returns a full one (see `recipes`). On the
command line, trailing `key=value` words change its fields: `flow.lr=1e-4` one stage, `steps=200`
every stage that has steps, `data.chunk=64` the data, `model.width=64` the network.
"""

import types
import typing
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Annotated, Any

from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.ranges import (
    Bound,
    Count,
    Decay,
    Filled,
    Natural,
    Pixels,
    Positive,
    Share,
    Strength,
    check_fields,
    check_value,
)
from kinecast.train.provenance import Origin

Seed = Annotated[int, Bound(">=", 0), Bound("<", 1_000_000)]  # held-out clips have larger ones


@dataclass(frozen=True)
class Augment:
    """How clips are changed each time they are used (`kinecast.data.synth.augment`).

    Every number but the margin is the largest strength; each clip draws its own. 0 is none.

    Attributes:
        margin: frames simulated beyond the window, for playing it faster.
        warp: share of the logarithm of a random speed.
        flip: probability of a mirror image.
        jitter, wander: pixels of white and of slow tracking error.
        spells, lost: share of points unseen for a while, and lost for good.
        drift, edges: share of points that slide to a neighbour, anywhere and at motion boundaries.
        exact: share of clips whose history stays exact, as simulators and mocap give it.
    """

    margin: Natural = 80
    warp: Strength = 1.0
    flip: Share = 0.5
    jitter: Strength = 0.6
    wander: Strength = 0.5
    spells: Share = 0.15
    lost: Share = 0.1
    drift: Share = 0.06
    edges: Share = 0.5
    exact: Share = 0.0


@dataclass(frozen=True)
class Data:
    """Which clips are trained on: simulated ones, or those of shards.

    Attributes:
        families: of `kinecast.data.synth`; "mix" is every family meant for training.
        history, horizon: frames before and after the present.
        sizes: frame sizes (W, H); each batch has one, in turn.
        stride: of the grid in pixels; None gives about 390 cells.
        clips: distinct clips in the pool; then it starts again from the first.
        chunk: clips made and held in memory at a time.
        reuse: passes over a chunk, augmented anew, before the next one.
        workers: processes that make chunks.
        motion: folder of recorded motion, or "": the families work without.
        cache: folder that keeps the chunks for other runs, or "": inside the run's folder.
        validation: clips in the validation set, never trained on.
        augment: how clips are changed each time they are used; `shard_pool` says what of it applies
            to shards.
        shards: folder of shards (`kinecast prepare`) to train on instead of worlds, or "". Size and
            stride are then those of the shards, and there are as many clips as there are.
    """

    families: Annotated[tuple[str, ...], Filled()] = ("mix",)
    history: Count = 81
    horizon: Count = 81
    sizes: Annotated[tuple[Pixels, ...], Filled()] = ((832, 480),)
    stride: Positive | None = None
    clips: Count = 16_000
    chunk: Count = 1_000
    reuse: Count = 4
    workers: Count = 1
    motion: str = ""
    cache: str = ""
    validation: Count = 64
    augment: Augment = field(default_factory=Augment)
    shards: str = ""


@dataclass(frozen=True)
class ImageData:
    """Which clips an image-conditioned system is trained on: pictures, tracks and texts.

    Attributes:
        families: "layers", "layers-told", "layers-panned" (planes that glide, `data.gliding`),
            "reach" (a planar arm, `data.reach`), or rendered families of `data.synth.sim` (extra
            `sim`), in equal shares.
        shards: folder of shards with pictures to train on instead, or "".
        frames: of a clip, that of the picture included.
        size: (W, H) of the picture; points are pixels of it.
        stride: pixels between the points of the grid that is laid in the first frame.
        origin: xy of its first point; None: the middle of a cell of the stride.
        points: 0: those of the grid; else so many a clip, drawn anywhere in the first frame.
        supervision: the tracks of gliding layers: "exact", those that a tracker of ours estimates
            ("flow", "lk"), or "few" or the always "seen" of the exact ones (`train.supervision`).
        views: pictures of one moment.
        encoder: of the pictures, by its name in `encoders`, or "": no tokens, the pixels alone.
        encoder_size: (W, H) of the picture that it is given; None: as it is.
        encoder_weights: folder or file of its weights, or "": where `encoders` looks.
        text_encoder, text_weights: the same of the texts.
        clips: distinct clips in the pool; then it starts again from the first.
        chunk: clips made and held in memory at a time.
        reuse: passes over a chunk before the next one.
        workers: processes that make chunks.
        cache: folder that keeps the chunks for other runs, or "": inside the run's folder.
        validation: clips in the validation set, never trained on.
    """

    families: Annotated[tuple[str, ...], Filled()] = ("layers",)
    shards: str = ""
    frames: Annotated[int, Bound(">=", 2)] = 24
    size: Pixels = (256, 256)
    stride: Positive = 8.0
    origin: tuple[float, float] | None = None
    points: Natural = 0
    supervision: str = "exact"
    views: Count = 1
    encoder: str = "pixels"
    encoder_size: Pixels | None = None
    encoder_weights: str = ""
    text_encoder: str = ""
    text_weights: str = ""
    clips: Count = 16_384
    chunk: Count = 256
    reuse: Count = 4
    workers: Count = 1
    cache: str = ""
    validation: Count = 64


@dataclass(frozen=True)
class Optim:
    """How one stage is optimised (AdamW, linear warm-up, a fall to a floor, EMA).

    Attributes:
        steps: optimiser steps; 0 for a stage that is only computed (its `finish`).
        batch: clips a step, whatever the number of processes.
        first_batch: clips a step at the beginning, of which `batch` is a power of two times; it
            doubles in equal parts of the stage. None: `batch` from the beginning.
        micro: clips a process takes at a time; None is all of its share. The rest of a step is
            accumulated gradients.
        lr: peak learning rate; floor: its final fraction; warmup: steps, at most a fifth of all.
        schedule: how it falls after the warm-up: by a cosine, or stable until the last tenth (wsd).
        weight_decay: on matrices only.
        clip: largest gradient norm.
        ema: decay of the averaged weights that are validated and kept.
        bf16: autocast the loss to bfloat16.
        recompute: keep no activations inside transformer blocks, compute them again (less memory).
        compile: compile transformer blocks with torch.compile.
        spike: a loss this many times the running median above it is bad, as one that is not finite;
            0 lets every finite loss pass.
        on_bad: stop at a bad loss or gradient, or skip the step; the batch is saved in both cases.
        select: which average is handed on, that of the best validation or the last one.
        validate_every, save_every: steps; both also happen at the end.
        keep: training states kept, the last one included.
    """

    steps: Natural
    batch: Count
    lr: Strength
    warmup: Natural = 100
    floor: Share = 0.05
    weight_decay: Strength = 0.0
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    clip: Annotated[float, Bound(">", 0)] = 1.0
    ema: Decay = 0.999
    micro: Count | None = None
    first_batch: Count | None = None
    schedule: typing.Literal["cosine", "wsd"] = "cosine"
    bf16: bool = True
    recompute: bool = False
    compile: bool = False
    spike: Annotated[float, Bound(">=", 0)] = 100.0
    on_bad: typing.Literal["stop", "skip"] = "stop"
    select: typing.Literal["best", "last"] = "best"
    validate_every: Count = 500
    save_every: Count = 200
    keep: Count = 2


@dataclass(frozen=True)
class Recipe:
    """A full recipe.

    Attributes:
        name, size: what `kinecast train NAME size=SIZE` calls it.
        model: the network's configuration, a frozen dataclass.
        stages: stage name -> how it is optimised, in the order they run.
        words: that changed it, for the card.
        origins: weights that a run of it begins from.
    """

    name: str
    size: str
    model: Any
    stages: dict[str, Optim]
    data: Data | ImageData = field(default_factory=Data)
    seed: Seed = 0
    words: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the run's folder and the card."""
        return asdict(self)


def check(recipe: Recipe) -> None:
    """Refuse values that no run can use, before it begins.

    Of a stage that is only computed, nothing but its steps counts.

    Raises:
        UserError: a value out of range; names its key.
    """
    check_value("seed", recipe.seed, Seed)
    for name, optim in recipe.stages.items():
        check_value(f"{name}.steps", optim.steps, Natural)
        if optim.steps:
            check_fields(optim, name)
    check_fields(recipe.model, "model")
    data = recipe.data
    check_fields(data, "data")
    if isinstance(data, Data) and not data.shards and data.validation < len(data.sizes):
        raise UserError(
            f"expected data.validation >= {len(data.sizes)} (a clip of each frame size), "
            f"got {data.validation}"
        )


def with_words(recipe: Recipe, words: Sequence[str]) -> Recipe:
    """The recipe after `key=value` words.

    Raises:
        UserError: a word without "=", an unknown key (names the nearest), or a value of another
            type, out of range, or that does not go with the others of the network.
    """
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"expected key=value, got {word!r}; for example steps=200")
        recipe = _assign(recipe, key, text)
    recipe = replace(recipe, words=(*recipe.words, *words))
    check(recipe)
    return recipe


def keys(recipe: Recipe) -> list[str]:
    """Every key that `with_words` knows for this recipe."""
    optim = [f.name for f in fields(Optim)]
    names = ["seed", *optim]
    names += [f"{stage}.{name}" for stage in recipe.stages for name in optim]
    return names + _nested_keys("data", recipe.data) + _nested_keys("model", recipe.model)


def _nested_keys(prefix: str, config: Any) -> list[str]:
    names = []
    for f in fields(config):
        value = getattr(config, f.name)
        name = f"{prefix}.{f.name}"
        names += _nested_keys(name, value) if is_dataclass(value) else [name]
    return names


def _assign(recipe: Recipe, key: str, text: str) -> Recipe:
    known = keys(recipe)
    if key not in known:
        # a bare name of a nested field is the likeliest slip: motion -> data.motion
        nested = [name for name in known if name.endswith(f".{key}")]
        hint = did_you_mean(key, nested or known) or f"; known: {', '.join(known)}"
        raise UserError(f"recipe {recipe.name} has no key {key!r}{hint}")
    head, _, rest = key.partition(".")
    if not rest and head != "seed":
        stages = {
            name: _set(optim, head, key, text) if optim.steps else optim
            for name, optim in recipe.stages.items()
        }
        return replace(recipe, stages=stages)
    if head in recipe.stages:
        stage = _set(recipe.stages[head], rest, key, text)
        return replace(recipe, stages={**recipe.stages, head: stage})
    return _set(recipe, key, key, text)


def _set(config: Any, path: str, key: str, text: str) -> Any:
    name, _, rest = path.partition(".")
    if rest:
        return _replaced(config, name, _set(getattr(config, name), rest, key, text), key, text)
    kind = typing.get_type_hints(type(config))[name]
    try:
        value = _parse(text, kind)
    except ValueError:
        raise UserError(f"expected {key} as {_spell(kind)}, got {text!r}") from None
    return _replaced(config, name, value, key, text)


def _replaced(config: Any, name: str, value: Any, key: str, text: str) -> Any:
    """The configuration with a value that a user gave; it may not bear it."""
    try:
        return replace(config, **{name: value})
    except UserError:
        raise
    except (ArithmeticError, ValueError) as error:  # of sizes that divide each other: 0, none
        raise UserError(
            f"expected {key} as a value that goes with the rest of the network, got {text!r} "
            f"({error}); choose another"
        ) from error


def _parse(text: str, kind: Any, separator: str = ",") -> Any:
    """One value of a field's type; ValueError if it is not one."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if text.lower() == "none":
            return None
        return _parse(text, next(a for a in args if a is not type(None)))
    if origin is tuple:
        if args == (int, int) and "x" in text:  # WxH
            separator = "x"
        parts = text.split(separator) if text else []
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_parse(part, args[0], "x") for part in parts)
        if len(parts) != len(args):
            raise ValueError
        return tuple(_parse(part, arg) for part, arg in zip(parts, args, strict=True))
    if origin is typing.Literal:
        if text not in args:
            raise ValueError
        return text
    if kind is bool:
        return {"true": True, "false": False}[text.lower()] if text.lower() in _BOOLS else _fail()
    if kind is int:
        number = float(text)
        return int(text) if text.lstrip("+-").isdigit() else _whole(number)
    return kind(text)


_BOOLS = ("true", "false")


def _whole(number: float) -> int:
    return int(number) if number.is_integer() else _fail()


def _fail() -> typing.NoReturn:
    raise ValueError


def _spell(kind: Any) -> str:
    """A type in a user's words."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return f"{_spell(next(a for a in args if a is not type(None)))} or none"
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        nested = typing.get_origin(args[0]) is tuple
        return "WxH,WxH,..." if nested else f"a comma-separated list of {_spell(args[0])}"
    if args == (int, int):
        return "WxH"
    if origin is tuple:
        return ",".join(_spell(a) for a in args)
    if origin is typing.Literal:
        return " or ".join(args)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(kind, str(kind))
