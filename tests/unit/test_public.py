"""The names that a user meets, and what importing them costs."""

import subprocess
import sys

import pytest

import kinecast


@pytest.mark.parametrize("name", kinecast.__all__)
def test_every_public_name_is_there(name):
    assert getattr(kinecast, name) is not None


def test_the_public_names_are_these():
    types = {"Clip", "Field", "Forecast", "Forecaster", "Frame", "Grid", "Pokes", "Tracks"}
    types |= {"UserError", "Video"}
    calls = {"evaluate", "list_models", "load", "open_video", "read", "read_image", "render"}
    calls |= {"synth", "track", "write"}
    assert set(kinecast.__all__) == types | calls | {"__version__"}
    assert sorted(kinecast.__all__) == dir(kinecast)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'forcast'"):
        kinecast.forcast  # noqa: B018


def test_importing_kinecast_imports_nothing_heavy():
    code = "import kinecast, sys; print(sorted({'torch', 'numpy', 'cv2', 'av'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
