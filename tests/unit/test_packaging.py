"""What leaves the repository: a wheel that forecasts on its own."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "examples" / "big_buck_bunny.mp4"

pytestmark = pytest.mark.slow  # builds in an environment of its own, which pip fills


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_what_the_package_folder_holds_and_nothing_else(wheel):
    source = ROOT / "src"
    kept = (path.relative_to(source) for path in (source / "kinecast").rglob("*") if path.is_file())
    expected = {
        path.as_posix()
        for path in kept
        if "__pycache__" not in path.parts and not any(part[0] == "." for part in path.parts)
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected
    assert "kinecast/weights/trajloom-small/model.safetensors" in held


def test_the_wheel_forecasts_from_a_clean_environment_without_the_repository(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([python, *install, str(wheel)], check=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    clean["KINECAST_HOME"] = str(tmp_path / "home")
    (tmp_path / "clip.mp4").write_bytes(CLIP.read_bytes())
    command = [python.with_name("kinecast"), "forecast", "clip.mp4", "--out", "out", "--json"]
    options = ["--at", "100", "--history", "24", "--horizon", "24", "--samples", "2", "--score"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, env=clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert all(Path(path).is_file() for path in report["paths"])
    assert report["scores"]["model"]["mean_ade"] > 0
    where = "import kinecast; print(kinecast.__file__)"
    found = subprocess.check_output([python, "-c", where], cwd=tmp_path, env=clean, text=True)
    assert Path(found.strip()).is_relative_to(tmp_path / "env")
