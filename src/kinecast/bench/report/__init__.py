"""`kinecast bench report`: what runs found, as one HTML file, as Markdown and as JSON.

The same runs give the same bytes. Nothing in the HTML is fetched: it opens anywhere.
"""

from collections.abc import Sequence
from pathlib import Path

from kinecast.bench.report.html import html
from kinecast.bench.report.markdown import markdown
from kinecast.bench.report.numbers import numbers
from kinecast.bench.report.pictures import WIDTH
from kinecast.bench.report.readme import readme
from kinecast.bench.report.sections import document, measure
from kinecast.bench.report.study import studies
from kinecast.bench.results import Results, read
from kinecast.forecast.load import DEFAULT_MODEL
from kinecast.io.atomic import atomic_path

LARGEST = 5_000_000  # bytes of report.html, where smaller pictures can bring it there
WIDTHS = (WIDTH, 280, 200, 140)  # of pictures, pixels


def write(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write report.html, report.md and report.json.

    Args:
        runs: folders of `kinecast bench run`; those of one suite stand side by side.
        out: a folder.

    Returns:
        Absolute paths of the three files.

    Raises:
        UserError: no run, one that is damaged or empty, a model in two runs of one suite, a number
            that is not finite, or a folder that cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    paths = []
    for name, text in texts([read(run) for run in runs]).items():
        path = out.absolute() / name
        with atomic_path(path) as temporary:
            temporary.write_text(text, "utf-8")
        paths.append(path)
    return paths


def texts(runs: Sequence[Results]) -> dict[str, str]:
    """The files' contents by name. Errors: those of `write` that are of the runs."""
    found = [measure(study) for study in studies(runs)]
    samples = int(found[0].study.run.get("protocol", {}).get("k", 1))
    groups = [group for one in found for group in one.groups.values()]
    short = readme(groups, DEFAULT_MODEL, samples)
    for width in WIDTHS:
        whole = document(found, short, width)
        page = html(whole)
        if len(page.encode()) <= LARGEST:
            break
    return {
        "report.html": page,
        "report.md": markdown(whole),
        "report.json": numbers(found, short),
    }
