"""What the architecture tests look at: the files of the repository and how they are read."""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "kinecast"
UPDATE = os.environ.get("KINECAST_UPDATE") == "1"  # rewrite snapshots instead of comparing
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]


def python_files(*folders: str) -> list[Path]:
    """Every Python file below folders of the repository."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    """Relative to the repository, for messages."""
    return path.relative_to(ROOT).as_posix()


def syntax(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def committed() -> list[Path]:
    """Every file that git holds or would take."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others"]
    done = subprocess.run([*command, "--exclude-standard"], capture_output=True)
    if done.returncode:
        pytest.skip("this is not a git checkout")
    files = (ROOT / os.fsdecode(file) for file in done.stdout.split(b"\0") if file)
    return [path for path in files if path.is_file()]


def between(text: str, marker: str) -> str:
    """What stands between <!-- marker --> and <!-- /marker -->."""
    found = re.search(_section(marker), text, re.DOTALL)
    assert found, f"expected <!-- {marker} --> ... <!-- /{marker} -->"
    return found.group(2)


def replaced(text: str, marker: str, content: str) -> str:
    """The text with something else there."""
    return re.sub(_section(marker), lambda m: m.group(1) + content + m.group(3), text, flags=re.S)


def _section(marker: str) -> str:
    return rf"(<!-- {marker} -->\n)(.*?)(<!-- /{marker} -->)"
