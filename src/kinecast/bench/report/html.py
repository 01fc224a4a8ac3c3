"""A report as one HTML file: no script, nothing fetched; light and dark, phone and paper."""

import base64
import re
from collections.abc import Iterable
from html import escape
from importlib import resources

from kinecast.bench.report.blocks import (
    Block,
    Cell,
    Document,
    Facts,
    Folded,
    Heading,
    Line,
    Pictures,
    Plot,
    Plots,
    Table,
    Text,
)

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="subtitle">{subtitle}</p>
</header>
<nav aria-label="Contents">
{contents}
</nav>
<main>
{body}
</main>
</body>
</html>
"""


def html(document: Document) -> str:
    """The whole file."""
    style = resources.files("kinecast.bench.report").joinpath("page.css").read_text("utf-8")
    anchors = _anchors(document)
    return PAGE.format(
        title=escape(document.title),
        subtitle=_inline(document.subtitle),
        style=style,
        contents=_contents(anchors),
        body="\n".join(_blocks(document.blocks, iter(anchors))),
    )


def _anchors(document: Document) -> list[tuple[Heading, str]]:
    """Headings that the contents list, each with an id of its own."""
    found: list[tuple[Heading, str]] = []
    for block in document.blocks:
        if isinstance(block, Heading) and block.level < 4:
            slug = re.sub(r"[^a-z0-9]+", "-", block.text.lower()).strip("-")
            found.append((block, f"{len(found) + 1}-{slug}"))
    return found


def _contents(anchors: Iterable[tuple[Heading, str]]) -> str:
    items = [
        f'<a class="level{heading.level}" href="#{anchor}">{escape(heading.text)}</a>'
        for heading, anchor in anchors
    ]
    return "\n".join(items)


def _blocks(blocks: Iterable[Block], anchors: Iterable[tuple[Heading, str]]) -> Iterable[str]:
    remaining = iter(anchors)
    for block in blocks:
        if isinstance(block, Heading):
            anchor = f' id="{next(remaining)[1]}"' if block.level < 4 else ""
            yield f"<h{block.level}{anchor}>{escape(block.text)}</h{block.level}>"
        elif isinstance(block, Text):
            yield (
                f'<p class="aside">{_inline(block.text)}</p>'
                if block.aside
                else (f"<p>{_inline(block.text)}</p>")
            )
        elif isinstance(block, Facts):
            pairs = (f"<dt>{escape(k)}</dt><dd>{_inline(v)}</dd>" for k, v in block.pairs)
            yield f"<dl>{''.join(pairs)}</dl>"
        elif isinstance(block, Table):
            yield _table(block)
        elif isinstance(block, Plots):
            yield f'<div class="plots">{"".join(map(_plot, block.plots))}</div>'
        elif isinstance(block, Pictures):
            yield _pictures(block)
        else:
            yield _folded(block)


def _folded(block: Folded) -> str:
    inside = "\n".join(_blocks(block.blocks, ()))
    return f"<details><summary>{escape(block.title)}</summary>\n{inside}\n</details>"


def _table(block: Table) -> str:
    heads = [f'<th scope="col">{escape(block.first)}</th>']
    for name, unit in block.columns:
        small = f"<small>{_inline(unit)}</small>" if unit else ""
        heads.append(f'<th scope="col">{escape(name)}{small}</th>')
    body = "\n".join(map(_line, block.lines))
    note = f'<p class="aside">{_inline(block.note)}</p>' if block.note else ""
    kind = ' class="words"' if block.words else ""
    return (
        f'<div class="scroll" tabindex="0"><table{kind}><thead><tr>{"".join(heads)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>{note}"
    )


def _line(line: Line) -> str:
    remark = f"<small>{_inline(line.remark)}</small>" if line.remark else ""
    cells = "".join(map(_cell, line.cells))
    head = f'<th scope="row">{escape(line.name)}{remark}</th>'
    return f'<tr class="{line.role}">{head}{cells}</tr>'


def _cell(cell: Cell) -> str:
    number = f"<b>{escape(cell.text)}</b>" if cell.best else escape(cell.text)
    note = f"<small>{_inline(cell.note)}</small>" if cell.note else ""
    return f"<td>{number}{note}</td>"


def _plot(plot: Plot) -> str:
    note = f'<p class="aside">{_inline(plot.note)}</p>' if plot.note else ""
    return f"<figure><figcaption>{_inline(plot.title)}</figcaption>{plot.svg}{note}</figure>"


def _pictures(block: Pictures) -> str:
    figures = []
    for picture in block.pictures:
        data = base64.b64encode(picture.png).decode()
        kind = "photo" if picture.over else "drawing"
        words = escape(f"{block.name}, {picture.title}: {picture.caption}")
        figures.append(
            f"<figure><figcaption>{_inline(picture.title)}</figcaption>"
            f'<img class="{kind}" alt="{words}" src="data:image/png;base64,{data}">'
            f'<p class="aside">{_inline(picture.caption)}</p></figure>'
        )
    return f'<h5>{escape(block.name)}</h5><div class="pictures">{"".join(figures)}</div>'


def _inline(text: str) -> str:
    whole = re.sub(r"(?<=\d) (?=(?:%|px|s|GB)\b|%)", "\u00a0", escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", whole)
