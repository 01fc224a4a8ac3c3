import numpy as np

from kinecast.core.video import ArraySource, Video
from kinecast.io.image import resize_image
from kinecast.io.resized import resized


def test_a_video_is_resized_window_by_window():
    frames = np.random.default_rng(0).integers(0, 255, (5, 8, 12, 3), np.uint8)
    video = Video(ArraySource(frames, 10.0), "clip")
    small = resized(video, (6, 8))
    assert (small.size, small.fps, len(small), small.name) == ((6, 8), 10.0, 5, "clip")
    pairs = frames.reshape(5, 8, 6, 2, 3).astype(float).mean(3)
    np.testing.assert_allclose(small[1:4], pairs[1:4], atol=0.51)  # means of pixel pairs, rounded


def test_an_image_of_the_size_already_is_left_alone():
    image = np.random.default_rng(0).integers(0, 255, (8, 12, 3), np.uint8)
    assert resize_image(image, (12, 8)) is image
    assert resize_image(image, (30, 20)).shape == (20, 30, 3)
