"""The floors of CONTRIBUTING.md, as import-linter checks them."""

import re
import tomllib

import grimp
from importlinter.cli import lint_imports
from repository import PACKAGE, ROOT, python_files


def test_every_floor_imports_from_below_only(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def test_every_package_has_a_floor():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    floors, *_ = settings["tool"]["importlinter"]["contracts"]
    named = {package for layer in floors["layers"] for package in re.findall(r"\w+", layer)}
    assert named == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_no_file_escapes_the_rules():
    """A folder without __init__.py would be a namespace, which import-linter leaves out."""
    seen = grimp.build_graph("kinecast", cache_dir=None).modules
    files = {path.relative_to(ROOT / "src").with_suffix("") for path in python_files("src")}
    modules = {".".join(file.parts).removesuffix(".__init__") for file in files}
    assert modules <= seen, f"not seen: {sorted(modules - seen)}"
