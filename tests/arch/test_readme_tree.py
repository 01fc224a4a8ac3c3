"""README's tree is the tree: every file of the package with the first line of its docstring.

`KINECAST_UPDATE=1 pytest tests/arch` writes it anew.
"""

import ast

import pytest
from repository import PACKAGE, README, UPDATE, between, name, python_files, replaced, syntax

MARKER = "tree"
COLUMN = 30  # where the descriptions start
ABOUT = {  # what has no docstring
    "weights": "Models that come with the package",
    "config.json": "The system and its configuration",
    "model.safetensors": "The weights, in half precision",
    "README.md": "The card: licence, training data, figures",
    "SHA256SUMS": "What the weights should hash to",
    "recipe.json": "The full recipe",
    "curve.json": "The loss and the validations of the run",
    "curve.png": "The same as a picture",
    "page.html": "The page",
    "page.css": "How it looks",
    "page.js": "What it does",
    "trajloom.json": "Of TrajLoom's tables",
    "whn.json": "Of WHN's tables",
    "zipmo.json": "Of ZipMo's tables",
    "frozen": "What the cases of a suite are held to",
    "micro-mini.json": "Of micro",
    "real-mini-mini.json": "Of real-mini",
    "worlds-full.json": "Of worlds, full",
    "worlds-mini.json": "Of worlds, mini",
}


def test_the_tree_in_the_readme_is_the_tree():
    text, expected = README.read_text("utf-8"), f"```text\n{tree()}\n```\n"
    if UPDATE:
        text = replaced(text, MARKER, expected)
        README.write_text(text, "utf-8")
    assert between(text, MARKER) == expected


@pytest.mark.parametrize("path", python_files("src"), ids=name)
def test_a_file_says_what_it_is_in_its_first_line(path):
    about = first_line(path)
    assert about.endswith("."), about
    assert len(about.split()) > 1, f"{about!r} says no more than the name"


def tree():
    """The lines of the tree."""
    return "\n".join(["src/kinecast/", *_lines(PACKAGE, "  ")])


def first_line(path):
    """Of the module's docstring."""
    return (ast.get_docstring(syntax(path)) or "").partition("\n")[0]


def _lines(folder, indent):
    entries = [path for path in sorted(folder.iterdir()) if path.name[0] not in "._"]
    files = [path for path in entries if path.is_file()]
    if folder == PACKAGE:
        yield _line(indent + "__init__.py", first_line(PACKAGE / "__init__.py"))
    for path in files:
        about = first_line(path) if path.suffix == ".py" else ABOUT[path.name]
        yield _line(indent + path.name, about)
    for path in entries:
        if path.is_dir():
            package = path / "__init__.py"
            about = first_line(package) if package.exists() else ABOUT.get(path.name, "A model")
            yield _line(f"{indent}{path.name}/", about)
            yield from _lines(path, indent + "  ")


def _line(left, about):
    return f"{left:<{COLUMN}}{' ' if len(left) >= COLUMN else ''}{about.removesuffix('.')}"
