import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.encoders.cache import Cached
from kinecast.encoders.load import image_encoder, text_encoder


def picture(W=36, H=20, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (2, H, W, 3), generator=draw, dtype=torch.uint8)


def test_a_token_is_the_values_of_its_patch():
    pixels = picture()
    tokens = image_encoder("pixels").encode(pixels)
    assert tokens.shape == (2, 2 * 4, 192)  # 20 / 8 rows and 36 / 8 columns of whole patches
    for row, column in ((0, 0), (1, 3)):
        patch = pixels[1, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        torch.testing.assert_close(
            tokens[1, 4 * row + column], patch.reshape(-1).float() / 127.5 - 1
        )


def test_pixels_are_resized_where_a_size_is_asked_for():
    encoder = image_encoder("pixels", (24, 16))
    assert encoder.encode(picture()).shape == (2, 6, 192)
    assert encoder.name != image_encoder("pixels").name


def test_words_know_what_is_said_but_not_in_which_order():
    left, same, right, empty = text_encoder("words").encode(
        ["Push the red cube left!", "left push: the RED cube", "push the red cube right", " ? "]
    )
    assert left.shape == (1, 256)
    assert torch.equal(left, same)
    alike = torch.nn.functional.cosine_similarity(left, right)
    assert 0.6 < float(alike) < 0.95  # four of five words
    assert not empty.any()


def test_the_bits_of_a_word_are_the_same_everywhere():
    token = text_encoder("words").encode(["cube"])[0, 0]
    assert token[:8].tolist() == [1.0 if bit == "1" else -1.0 for bit in f"{0x4F:08b}"]
    assert token.square().mean() == 1.0


def test_features_are_kept_like_those_of_networks(tmp_path):
    kept = Cached(image_encoder("pixels"), tmp_path)
    assert torch.equal(kept.encode(picture()), kept.encode(picture()))
    texts = Cached(text_encoder("words"), tmp_path)
    assert texts.encode(["a b"]).shape == (1, 1, 256)
    assert len({folder.name for folder in tmp_path.iterdir()}) == 2


@pytest.mark.parametrize("load", [image_encoder, text_encoder])
def test_weights_are_refused(load, tmp_path):
    name = "pixels" if load is image_encoder else "words"
    with pytest.raises(UserError, match=f"expected no weights for the encoder {name}"):
        load(name, source=tmp_path)
