"""Words read in parts have the tokens that the tokenizer gives them, and what words share is read once."""

from itertools import pairwise

import numpy as np
import pytest

from toolkit import encoders
from toolkit.subwords import Subwords


@pytest.fixture(scope="module")
def tokenizer():
    return encoders.StaticEncoder()._tokenizer


def told(subwords, words):
    tokens, ends = subwords.read([f" {word}" for word in words])
    return [tokens[begin:end].tolist() for begin, end in pairwise(ends)]


def test_words_have_the_tokens_that_the_tokenizer_gives_them(tokenizer):
    random = np.random.default_rng(3)
    letters = list("aeT.,;'\"()/-19$%\n\t\0 Яқ’“é😀日")
    words = ["Kazakhstan's,", "слово\nслово", "\n\n(", "http://a.b/c?d=1", " ", "<0x0A>", "İ\r\n"]
    words += ["".join(random.choice(letters, 9)) for _ in range(500)]
    subwords = Subwords(tokenizer)
    for some in (words[:30], words):
        assert told(subwords, some) == [tokenizer.encode(word, add_special_tokens=False).ids for word in some]


def test_parts_that_words_share_are_read_once(tokenizer):
    read = []

    class Listening:
        get_vocab = tokenizer.get_vocab

        def encode_batch_fast(self, lines, add_special_tokens):
            read.extend(lines)
            return tokenizer.encode_batch_fast(lines, add_special_tokens=add_special_tokens)

    subwords = Subwords(Listening())
    told(subwords, ["Kazakhstan,", "Kazakhstan's", "(Kazakhstan"])
    told(subwords, ["Kazakhstan;"])
    assert read == ["\n Kazakhstan\n,\n'\ns\n (\nKazakhstan", "\n;"]
