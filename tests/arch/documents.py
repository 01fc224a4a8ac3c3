"""Fenced blocks of the documents, and running them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from repository import name

from kinecast.cli.main import main

# Words that make the training runs of the documents minutes, not hours; later words win over
# earlier ones. Whether a recipe reaches its hashes is for whoever retrains.
SMALL = (
    "size=tiny", "steps=1", "batch=2", "bf16=false", "data.clips=32", "data.chunk=32",
    "data.validation=2",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """What stands between two fences.

    Attributes:
        language: the first word after the opening fence.
        slow: whether "slow" follows it: minutes of CPU, or the network.
        text: the lines between.
        place: document and line, for messages.
    """

    language: str
    slow: bool
    text: str
    place: str

    def runs(self) -> bool:
        """Whether there is something in it to run."""
        return self.language == "python" or bool(self.commands() and self.language == "sh")

    def commands(self) -> list[list[str]]:
        """The words of each kinecast command of a shell block, without "kinecast"."""
        lines = self.text.replace("\\\n", " ").splitlines()
        commands = [line for line in lines if line.startswith("kinecast ")]
        return [shlex.split(line, comments=True)[1:] for line in commands]


def blocks(document: Path) -> list[Block]:
    """All fenced blocks in order."""
    text = document.read_text("utf-8")
    found = re.finditer(r"^```([^\n`]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [
        Block(
            language=next(iter(match.group(1).split()), ""),
            slow="slow" in match.group(1).split()[1:],
            text=match.group(2),
            place=f"{name(document)}:{text[: match.start()].count(chr(10)) + 2}",
        )
        for match in found
    ]


def run(document: Path, slow: bool) -> list[str]:
    """Run a document from top to bottom in the current folder; returns the places that ran.

    Training is made small; blocks marked slow run only when asked for.
    """
    ran, names = [], {"__name__": "document"}
    for block in blocks(document):
        if block.slow and not slow:
            continue
        for words in block.commands() if block.language == "sh" else []:
            if words[0] in ("train", "prepare-latents") and "--list" not in words:
                last = max(i for i, word in enumerate(words) if i == 1 or "=" in word)
                words = [*words[: last + 1], *SMALL, *words[last + 1 :]]
            assert main(words) == 0, f"{block.place}: kinecast {shlex.join(words)}"
            ran.append(block.place)
        if block.language == "python":
            exec(compile(block.text, block.place, "exec"), names)
            ran.append(block.place)
    return ran
