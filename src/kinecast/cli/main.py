"""`kinecast`: a table verb -> function, and what a user sees when something is wrong."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from inspect import signature
from typing import Any

import tyro

from kinecast.core.errors import UserError, did_you_mean

# verb -> (module:function, what it does); a verb's module is imported when it is called. Instead of
# a function it may name such a table of verbs.
Verbs = Mapping[str, tuple[str, str]]
VERBS: Verbs = {
    "forecast": ("forecast:forecast", "forecast the motion of every point in a video"),
    "track": ("track:track", "track a grid of points through a video"),
    "show": ("show:show", "draw tracks or a forecast over their video"),
    "eval": ("eval:evaluate", "score a forecast or tracks against the truth"),
    "synth": ("synth:synth", "simulate worlds with exact tracks"),
    "convert": ("convert:convert", "convert a published data set, or a track file"),
    "prepare": ("prepare:prepare_videos", "turn raw videos into shards of tracked clips"),
    "build": ("build:build", "build the papers' evaluation sets from raw videos"),
    "libero": ("libero:libero", "record demonstrations of LIBERO's tasks by an oracle"),
    "prepare-latents": (
        "prepare_latents:prepare_latents",
        "encode a recipe's clips before it is trained",
    ),
    "train": ("train:train", "train a model from a recipe"),
    "ablate": ("ablate:ablate", "compare variants of a model as its paper does"),
    "bench": ("bench:BENCH", "measure forecasts, baselines, speed and trackers"),
    "import-weights": (
        "import_weights:import_weights",
        "turn the authors' published weights into a checkpoint",
    ),
    "models": ("models:models", "list the models that are here"),
    "doctor": ("doctor:doctor", "check this installation"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        Exit status: 0, 2 for a user's mistake or a full disk, 130 after Ctrl-C, 1 for a bug or a
        verb's own "not fine" (`doctor`). Errors are one line on stderr; --debug adds the traceback.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # tyro's --help and wrong options, a verb's own status
        return _status(stop)
    except BrokenPipeError:  # the reader of our output left: `kinecast ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return _fail("interrupted; files that were not finished have been removed", 130, debug)
    except UserError as error:
        return _fail(str(error), 2, debug)
    except MemoryError:
        return _fail("out of memory; use a larger --stride or fewer --samples", 2, debug)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return _fail(f"{error.strerror or error}{place}; fix this and run again", 2, debug)
    except Exception as error:
        name = type(error).__name__
        message = f"internal error, {name}: {error}; run again with --debug and report this"
        return _fail(message, 1, debug)


def _run(words: list[str], verbs: Verbs = VERBS, program: str = "kinecast") -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help(verbs, program))
        return 0
    if words[0] == "--version":
        print(f"kinecast {version('kinecast')}")
        return 0
    verb, *options = words
    if verb not in verbs:
        raise UserError(
            f"expected {program} with a verb of {', '.join(verbs)}, got {verb!r}"
            f"{did_you_mean(verb, verbs)}"
        )
    module, name = verbs[verb][0].split(":")
    call = getattr(import_module(f"kinecast.cli.{module}"), name)
    program = f"{program} {verb}"
    if isinstance(call, Mapping):
        return _run(options, call, program)
    if _words_may_stand_anywhere(call):
        options = words_first(options, _flags(call))
    result = tyro.cli(call, prog=program, args=options, config=(tyro.conf.FlagCreatePairsOff,))
    return result if isinstance(result, int) else 0


def words_first(options: Sequence[str], flags: Sequence[str]) -> list[str]:
    """The words of a command before its options, wherever they stood: tyro wants them together.

    Args:
        options: `--option value`, flags, and words, in any order.
        flags: the options without a value.
    """
    words: list[str] = []
    rest: list[str] = []
    for option, before in zip(options, ["", *options], strict=False):
        takes = before.startswith("--") and "=" not in before and before not in flags
        (rest if takes or option.startswith("-") else words).append(option)
    return [*words, *rest]


def _words_may_stand_anywhere(call: Callable[..., Any]) -> bool:
    """Whether a verb takes words, and no option of several values, whose end they would blur."""
    defaults = {name: option.default for name, option in signature(call).parameters.items()}
    several = [name for name, default in defaults.items() if isinstance(default, tuple)]
    return several == ["words"]


def _flags(call: Callable[..., Any]) -> list[str]:
    """The options of a verb that take no value, and those that every verb has."""
    names = [name for name, option in signature(call).parameters.items() if option.default is False]
    return ["--help", *(f"--{name.strip('_').replace('_', '-')}" for name in names)]


def _help(verbs: Verbs, program: str) -> str:
    lines = [f"usage: {program} VERB ...", ""]
    lines += [f"  {verb:<16}{text}" for verb, (_, text) in verbs.items()]
    lines += ["", f"  {program} VERB --help   its options"]
    if verbs is VERBS:
        lines += [
            "  kinecast --version     the version",
            "  --debug                with any verb: the traceback of an error",
        ]
    return "\n".join(lines)


def _status(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    print(stop.code, file=sys.stderr)
    return 1


def _fail(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"kinecast: {' '.join(message.split())}", file=sys.stderr)
    return status
