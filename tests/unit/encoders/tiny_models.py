"""Tiny random models of the transformers and diffusers libraries, saved to folders.

Their tests need the extra: pip install "kinecast[encoders]".
"""

import pytest
import torch

from kinecast.core.rng import generator

REASON = 'needs the extra encoders: pip install -c constraints.txt -e ".[dev,encoders]"'


def needs(package):
    """The package, or a skip that says how to get it."""
    return pytest.importorskip(package, reason=REASON)


def filled(model):
    for index, parameter in enumerate(model.parameters()):
        noise = torch.randn(parameter.shape, generator=generator(index))
        parameter.data = parameter.data + 0.1 * noise.to(parameter.dtype)
    return model.eval().requires_grad_(False)


def word_tokenizer(folder, words, end):
    """A tokenizer of whole words that ends a text by the token `end`, saved to a folder."""
    tokenizers, transformers = needs("tokenizers"), needs("transformers")
    vocabulary = {word: index for index, word in enumerate(["<pad>", "<unk>", end, *words])}
    model = tokenizers.models.WordLevel(vocabulary, unk_token="<unk>")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, vocabulary[end])]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token=end
    )
    fast.save_pretrained(folder)
    return fast
