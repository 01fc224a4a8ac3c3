"""Images: RGB in and out."""

import cv2
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.io.image import read_image, write_image


def test_png_is_exact(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    write_image(tmp_path / "new" / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "new" / "a.png"), image)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.full((4, 6), 77, np.uint8), (77, 77, 77)),
        (np.full((4, 6), 77 * 257, np.uint16), (77, 77, 77)),
        (np.full((4, 6, 4), (10, 20, 30, 128), np.uint8), (30, 20, 10)),
    ],
    ids=["grey", "16-bit", "alpha"],
)
def test_grey_deep_and_transparent_images_become_rgb(tmp_path, image, expected):
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    got = read_image(tmp_path / "a.png")
    assert got.shape == (4, 6, 3)
    assert tuple(got[1, 1].tolist()) == expected


def test_empty_and_missing_images(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(UserError, match=r"expected an image .* got .*a\.png"):
        read_image(tmp_path / "a.png")
    with pytest.raises(UserError, match="no such image"):
        read_image(tmp_path / "gone.png")


def test_another_suffix_says_what_to_use(tmp_path):
    with pytest.raises(UserError, match=r"ending in \.png"):
        write_image(tmp_path / "a.jpg", np.zeros((2, 2, 3), np.uint8))
