"""What a report is made of, before it is Markdown or HTML: both say the same, word by word.

Texts are plain, but for `code` between backticks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["model", "opponent", "trivial", "sanity", "published"]


@dataclass(frozen=True)
class Heading:
    """A heading: level 2 is a part of the report, 3 a section of it, 4 a piece of that."""

    level: Literal[2, 3, 4]
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph; an aside is set smaller."""

    text: str
    aside: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for, one a line."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Cell:
    """A number as it is shown.

    Attributes:
        text: the number; "" where there is none.
        note: in small beside it: an interval, a p-value.
        best: the best of its column.
    """

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a table.

    Attributes:
        name: what it is of.
        cells: one a column.
        role: how it is set.
        remark: in small beside the name.
    """

    name: str
    cells: Sequence[Cell]
    role: Role = "model"
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns; the first column is the rows' names.

    Attributes:
        first: heading of the names.
        columns: headings, each with the small line below it (unit, direction).
        lines: rows.
        note: below the table.
        words: whether it holds words, not numbers.
    """

    first: str
    columns: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    note: str = ""
    words: bool = False


@dataclass(frozen=True)
class Plot:
    """A drawing; Markdown leaves it out.

    Attributes:
        title: what it shows.
        svg: an <svg> element whose colours are variables of the page.
        note: below it.
    """

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Plots:
    """Drawings side by side where there is room."""

    plots: Sequence[Plot]


@dataclass(frozen=True)
class Picture:
    """A picture; Markdown leaves it out.

    Attributes:
        png: the file.
        over: whether it lies over a photo: else it may be inverted on a dark page.
        title, caption: above and below it.
    """

    png: bytes
    over: bool
    title: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """A row of pictures of one method."""

    name: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that opens; printed open."""

    title: str
    blocks: Sequence["Block"]


Block = Heading | Text | Facts | Table | Plots | Pictures | Folded


@dataclass(frozen=True)
class Document:
    """A report: a title, what it is of, and its blocks."""

    title: str
    subtitle: str
    blocks: Sequence[Block]
