"""Models of all published sizes build, run and go to the authors' layout and back on a CPU."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import published_sizes
import pytest

LIMIT = 24e9  # bytes


@pytest.mark.slow
@pytest.mark.parametrize("name", published_sizes.PUBLISHED)
def test_a_published_size_fits(name, tmp_path):
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:  # its own peak
            peak = process.submit(measure, name, tmp_path).result()
    finally:
        shutil.rmtree(tmp_path)  # pytest would keep it, and all of them need 100 GB
    assert peak < LIMIT


def measure(name, folder):
    return published_sizes.there_and_back(published_sizes.PUBLISHED[name](), folder)


@pytest.mark.parametrize("name", published_sizes.TINY)
def test_a_tiny_one_takes_the_same_way(name, tmp_path):
    assert published_sizes.there_and_back(published_sizes.TINY[name], tmp_path) < LIMIT
