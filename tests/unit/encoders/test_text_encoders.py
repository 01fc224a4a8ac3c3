import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import filled, needs, word_tokenizer

from kinecast.core import extra
from kinecast.core.errors import MissingExtraError, UserError
from kinecast.encoders.bert import Bert
from kinecast.encoders.umt5 import UMT5

WORDS = ("pick", "up", "the", "red", "cube")


@pytest.fixture
def bert(tmp_path):
    transformers = needs("transformers")
    config = transformers.BertConfig(
        vocab_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    model = filled(transformers.BertModel(config))
    model.save_pretrained(tmp_path)
    word_tokenizer(tmp_path, WORDS, "[SEP]")
    return model, tmp_path


@pytest.fixture
def umt5(tmp_path):
    transformers = needs("transformers")
    config = transformers.UMT5Config(
        vocab_size=8, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2
    )
    model = filled(transformers.UMT5EncoderModel(config))
    model.save_pretrained(tmp_path / "text_encoder")
    word_tokenizer(tmp_path / "tokenizer", WORDS, "</s>")
    return model, tmp_path


def test_bert_pools_a_text_padded_to_25_tokens_that_it_does_not_see(bert):
    model, folder = bert
    ids = torch.tensor([[3, 4, 5, 2] + 21 * [0]])
    mask = (torch.arange(25) < 4).long()[None]
    expected = model(input_ids=ids, attention_mask=mask).pooler_output
    encoder = Bert(folder)
    feature = encoder.encode(["pick up the"])
    assert feature.shape == (1, 1, encoder.width) == (1, 1, 16)
    torch.testing.assert_close(feature[:, 0], expected)


def test_a_text_does_not_depend_on_the_others(bert):
    encoder, texts = Bert(bert[1]), ["pick up", "the red cube", ""]
    whole = encoder.encode(texts)
    for index, text in enumerate(texts):
        assert torch.equal(encoder.encode([text])[0], whole[index])


def test_a_text_beyond_berts_positions_says_so(bert):
    encoder = Bert(bert[1])
    assert encoder.encode([" ".join(30 * ["red"])]).shape == (1, 1, 16)
    with pytest.raises(UserError, match="at most 40 tokens, got 42"):
        encoder.encode([" ".join(41 * ["red"])])


def test_umt5_is_the_mean_over_the_real_tokens(umt5):
    model, folder = umt5
    encoder = UMT5(folder)
    expected = model(input_ids=torch.tensor([[6, 7, 2]])).last_hidden_state[0].mean(0)
    feature = encoder.encode(["  red \n cube ", "pick up the red cube"])
    assert feature.shape == (2, 1, encoder.width) == (2, 1, 16)
    torch.testing.assert_close(feature[0, 0], expected)


def test_an_empty_caption_is_its_end_token(umt5):
    model, folder = umt5
    expected = model(input_ids=torch.tensor([[2]])).last_hidden_state[0, 0]
    torch.testing.assert_close(UMT5(folder).encode([""])[0, 0], expected)


def test_a_long_caption_is_cut_to_128_tokens(umt5):
    encoder = UMT5(umt5[1])
    long, longer = (encoder.encode([" ".join(n * ["red"])]) for n in (127, 300))
    assert torch.equal(long, longer)


def test_half_precision_files_are_run_as_they_are(umt5, tmp_path):
    model, folder = umt5
    before = UMT5(folder).encode(["red"])
    model.bfloat16().save_pretrained(folder / "text_encoder")
    encoder = UMT5(folder)
    assert encoder.model.dtype == torch.bfloat16
    after = encoder.encode(["red"])
    assert after.dtype == torch.float32
    torch.testing.assert_close(after, before, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("encoder", [Bert, UMT5])
def test_no_weights_say_what_to_put_where(encoder, tmp_path, monkeypatch):
    needs("transformers")
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(UserError, match="put its folder in"):
        encoder()


def test_weights_that_lack_a_tensor_are_not_made_up(bert):
    file = bert[1] / "model.safetensors"
    tensors = load_file(file)
    del tensors["encoder.layer.1.attention.self.query.weight"]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match=r"got 1 missing or misshapen .*layer\.1.*query"):
        Bert(bert[1])


def test_a_folder_without_weights_says_so(bert):
    (bert[1] / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot load BertModel from"):
        Bert(bert[1])


@pytest.mark.parametrize("encoder", [Bert, UMT5])
def test_a_missing_package_names_the_extra(encoder, tmp_path, monkeypatch):
    def absent(package):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(extra, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r'pip install "kinecast\[encoders\]"'):
        encoder(tmp_path)
