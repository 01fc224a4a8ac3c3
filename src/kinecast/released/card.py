"""The card of an imported checkpoint: whose weights these are and what they may be used for."""

from collections.abc import Sequence
from dataclasses import dataclass

NOT_STATED = "not stated"
PUBLISHED = {  # system: title, paper, what the authors say of a licence
    "trajloom": ("TrajLoom", "arXiv 2603.22606", "the authors' code is Apache-2.0"),
    "whn": ("What Happens Next?", "arXiv 2509.21592", "the authors' code has no licence"),
    "zipmo": ("ZipMo", "arXiv 2604.11737", "the authors' code has no licence file"),
}


@dataclass(frozen=True)
class Origin:
    """Where files were fetched from.

    Attributes:
        repository: owner/name.
        revision: the commit.
        licence: what the repository's card says, or "not stated".
    """

    repository: str
    revision: str
    licence: str


def card(
    name: str, system: str, files: Sequence[tuple[str, int, str]], origin: Origin | None
) -> str:
    """Markdown; its `license:` line is what `kinecast models` shows.

    Args:
        name: of the checkpoint.
        system: of PUBLISHED.
        files: name, bytes and SHA-256 of each.
        origin: where they came from, or None for files that were given.
    """
    title, paper, code = PUBLISHED[system]
    licence = NOT_STATED if origin is None else origin.licence
    came = "They were given as files."
    if origin is not None:
        came = f"They come from {origin.repository}, revision {origin.revision}."
    rows = "".join(f"| {file} | {size} | `{digest}` |\n" for file, size, digest in files)
    return f"""---
license: {licence}
---

# {name}

The weights of {title} ({paper}), as published by its authors, in Kinecast's layout. {came}

Licence of the weights: {licence}; {code}. Kinecast's own licence does not cover them.

| file | bytes | SHA-256 |
|---|---|---|
{rows}
`kinecast import-weights --export` gives the authors' tensors back, byte for byte.
"""
