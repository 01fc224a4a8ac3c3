"""A report as Markdown: its texts and tables; plots and pictures are in report.html alone."""

from collections.abc import Iterable

from kinecast.bench.report.blocks import (
    Block,
    Cell,
    Document,
    Facts,
    Folded,
    Heading,
    Line,
    Table,
    Text,
)


def markdown(document: Document) -> str:
    """The whole file."""
    parts = [f"# {document.title}", document.subtitle, *_blocks(document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(block: Table) -> str:
    """A table alone."""
    heads = [block.first, *(f"{name} ({unit})" if unit else name for name, unit in block.columns)]
    rows = [heads, *([_name(line), *map(_cell, line.cells)] for line in block.lines)]
    lines = ["| " + " | ".join(_escaped(text) for text in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(heads))
    return "\n".join(lines)


def _blocks(blocks: Iterable[Block]) -> Iterable[str]:
    for block in blocks:
        if isinstance(block, Heading):
            yield f"{'#' * block.level} {block.text}"
        elif isinstance(block, Text):
            yield block.text
        elif isinstance(block, Facts):
            yield "\n".join(f"- {name}: {value}" for name, value in block.pairs)
        elif isinstance(block, Table):
            yield table(block)
            yield block.note
        elif isinstance(block, Folded):
            inside = [part for part in _blocks(block.blocks) if part]
            if inside:
                opening = f"<details><summary>{block.title}</summary>"
                yield "\n\n".join([opening, *inside, "</details>"])


def _name(line: Line) -> str:
    return f"{line.name} ({line.remark})" if line.remark else line.name


def _cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.note}".strip()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
