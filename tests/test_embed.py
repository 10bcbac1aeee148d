"""What embedding promises: passages lose nothing, vectors are the library's, and the cache never lies."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from navec import Navec

from toolkit import coded, embed, encoders, wordvectors
from toolkit.schema import InputError, SettingsError
from toolkit.settings import EmbedSettings

TEXTS = [
    "Trade ministers met in Astana and signed an agreement.",
    "Министры торговли подписали соглашение.",
    "Сауда министрлері келісімге қол қойды.",
    "A storm closed the harbour. " * 40,
    "x",
]


class Counting:
    """An encoder that says what it was asked: a text's vector points by its length and first letter."""

    dim = 4

    def __init__(self, name="counting"):
        self.name = name
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        rows = [[len(text), ord(text[:1] or "a"), 1, hash(self.name) % 7] for text in texts]
        return embed.normalise(np.array(rows, dtype=np.float32).reshape(-1, 4))


@pytest.fixture(scope="module")
def static():
    return embed.load_encoder("embedded")


def articles(texts, titles=None, ids=None):
    return pd.DataFrame(
        {
            "article_id": ids or [f"a{at}" for at in range(len(texts))],
            "language": "en",
            "title": titles or [""] * len(texts),
            "text": texts,
        }
    )


# Passages --------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["word ", "Two. ", "end.\n", "\n\n", "«Да!» ", "a", "… ", " ", "\t", "Қазақ? ", "3.5 ", "U.S. "]
)
PROSE = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=80).map("".join))


@given(PROSE, st.integers(1, 12))
@settings(deadline=None)
def test_passages_hold_every_character_in_order_and_none_is_too_long(text, most):
    passages = embed.split_passages(text, most)
    assert "".join("".join(part.split()) for _, part in passages) == "".join(text.split())
    ends = [0]
    for offset, part in passages:
        assert text[offset : offset + len(part)] == part
        assert part == part.strip() != ""
        assert len(part.split()) < most * 5 / 4 or len(part.split()) == most
        assert offset >= ends[-1]
        ends.append(offset + len(part))


def test_passages_end_at_sentences_where_they_can():
    text = "One two three. Four five six. Seven eight nine ten."
    assert [part for _, part in embed.split_passages(text, 7)] == [
        "One two three. Four five six.",
        "Seven eight nine ten.",
    ]


def test_a_line_break_ends_a_passage_that_is_a_quarter_full():
    assert len(embed.split_passages("One two three four.\nFive six.", 8)) == 2
    assert len(embed.split_passages("One two.\nFive six.", 8)) == 2
    assert len(embed.split_passages("One.\nFive six.", 8)) == 1


def test_a_few_last_words_stay_with_the_passage_before_them():
    text = "one two three four five six seven eight. Nine"
    assert embed.split_passages(text, 8) == [(0, text)]
    assert len(embed.split_passages(f"{text} ten.", 8)) == 2


def test_the_title_is_a_passage_of_its_own_and_empty_texts_have_none():
    table = embed.make_passages(articles(["Body text here.", "", ""], ["Title", "Only title", ""]))
    assert table[["article_id", "offset", "text", "words"]].to_numpy().tolist() == [
        ["a0", -1, "Title", 1],
        ["a0", 0, "Body text here.", 3],
        ["a1", -1, "Only title", 2],
    ]


def test_no_articles_make_no_passages():
    assert embed.make_passages(articles([])).empty


def test_few_articles_get_others_beside_them_and_many_do_not():
    few, others = articles(["x", "y"]), articles(["z", "w"], ids=["a1", "b"])
    assert embed.with_background(few, others)["article_id"].tolist() == ["a0", "a1", "b"]
    assert embed.with_background(few, others, least=2) is few


# Vectors ---------------------------------------------------------------------------------------------------------


def test_english_vectors_are_those_of_the_library(static):
    import wordllama

    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    assert np.abs(encoders.StaticEncoder().encode(TEXTS) - model.embed(TEXTS, norm=True)).max() < 1e-5
    english = [TEXTS[0], TEXTS[3]]
    assert np.abs(static.encode(english)[:, :256] - model.embed(english, norm=True)).max() < 1e-5
    assert not static.encode(english)[:, 256:].any()


ODD = (
    *(
        "",
        " ",
        "  ",
        "a ",
        " a",
        "a  b",
        "a   , b  ",
        "one\ntwo\n\n three\tfour",
        "▁",
        "a▁b",
        "<s> x",
        "x</s>y",
        "<unk>",
    ),
    *(
        "x < s >",
        "👩‍👩‍👧 family 😀😀",
        "\u00a0a\u00a0b\u2028",
        "министры meet",
        "қазақ тілі, 2024",
        "e" * 3000,
        "...   ---   ",
    ),
)


def test_words_read_once_give_the_vectors_of_whole_texts_whatever_stands_between_them(monkeypatch):
    import wordllama

    monkeypatch.setattr(wordvectors, "_MOST_WORDS", 20)
    random = np.random.default_rng(1)
    texts = [*ODD, *("".join(random.choice(list("ab .▁\n<s>/Яқ'😀\u00a0é"), 30)) for _ in range(300))]
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    model.tokenizer.no_padding()
    whole = [model.tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    means = [model.embedding[ids].mean(axis=0) if ids else np.zeros(256) for ids in whole]
    mine = encoders.StaticEncoder()
    assert np.abs(mine.encode(texts * 8)[-len(texts) :] - embed.normalise(np.array(means))).max() < 1e-5


def test_no_token_of_the_english_vectors_reaches_over_a_space():
    merges = json.loads(encoders.StaticEncoder()._tokenizer.to_str())["model"]["merges"]
    assert not [pair for pair in merges if re.search("[^▁]▁", "".join(pair))]


def test_russian_vectors_are_the_mean_of_the_words_that_are_no_stop_words():
    russian = encoders.RussianEncoder()
    library = Navec.load(str(next(Path(find_spec("natasha").origin).parent.glob("data/emb/navec_news*.tar"))))
    words = [library[word] for word in ("министры", "торговли", "подписали", "соглашение")]
    assert np.abs(russian.encode([TEXTS[1]])[0] - embed.normalise(np.mean(words, axis=0)[None])[0]).max() < 1e-5
    assert np.abs(russian.encode(["Это и министры"]) - russian.encode(["министры"])).max() < 1e-6


def test_russian_words_that_mean_the_same_are_near(static):
    bank, lender, puck = static.encode(["центральный банк повысил ставку", "кредит под проценты", "шайба в воротах"])
    assert bank @ lender > bank @ puck + 0.2


def test_each_word_is_read_by_the_vectors_of_its_script(static):
    mixed = static.encode(["министры meet"])[0]
    parts = [np.linalg.norm(mixed[:256]), np.linalg.norm(mixed[256:])]
    assert np.allclose(parts, [0.5**0.5, 0.5**0.5], atol=1e-5)


def test_static_vectors_do_not_depend_on_what_stands_beside_a_text(static, monkeypatch):
    together = static.encode(TEXTS)
    monkeypatch.setattr(wordvectors, "_BATCH", 2)
    monkeypatch.setattr(coded, "_AT_ONCE", 40)
    assert np.array_equal(static.encode(TEXTS), together)
    assert np.array_equal(encoders.EmbeddedEncoder().encode(TEXTS[::-1])[::-1], together)
    assert np.array_equal(static.encode(TEXTS[:1]), together[:1])


def test_a_text_with_half_a_character_is_read_all_the_same(static):
    for text in ("border {} guards", "<s> border {} guards"):
        assert np.array_equal(static.encode([text.format("\ud800")]), static.encode([text.format("?")]))


def test_vectors_have_length_one_in_single_precision(static):
    vectors = static.encode(TEXTS[:4])
    assert (vectors.dtype, vectors.shape) == (np.float32, (4, 556))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_empty_texts_are_zeros_and_no_texts_are_no_rows(static, tmp_path):
    assert not static.encode(["", "word"])[0].any()
    assert static.encode([]).shape == (0, 556)
    assert embed.encode_cached(static, [], str(tmp_path)).shape == (0, 556)


def test_an_english_corpus_carries_no_empty_columns(static, tmp_path):
    english = [TEXTS[0], TEXTS[3], "Oil prices rose on Monday."]
    assert corpus_encoder(static, english, tmp_path).views[0] == slice(0, 256)


def test_a_missing_model_or_library_is_a_settings_error(tmp_path):
    with pytest.raises(SettingsError, match="no-such-model"):
        embed.load_encoder(str(tmp_path / "no-such-model"))


def corpus_encoder(static, texts, tmp_path, seed=42):
    return embed.CorpusEncoder(static, texts, EmbedSettings(cache_dir=str(tmp_path), seed=seed))


def test_joined_vectors_give_both_halves_the_same_say(static, tmp_path):
    reader = corpus_encoder(static, TEXTS[:4], tmp_path)
    vectors = reader.encode(TEXTS[:4])
    assert vectors.dtype == np.float32 and vectors.shape == (4, reader.dim)
    halves = [np.linalg.norm(vectors[:, view], axis=1) for view in reader.views]
    assert np.allclose(halves, np.sqrt(0.5), atol=1e-5)
    assert reader.name.startswith(static.name)


def test_joined_vectors_of_a_text_are_the_same_whatever_the_order_of_the_corpus(static, tmp_path):
    first, second = (corpus_encoder(static, list(texts), tmp_path) for texts in (TEXTS[:4], TEXTS[3::-1]))
    assert np.abs(first.encode(TEXTS[:4]) - second.encode(TEXTS[:4])).max() < 1e-5


def test_joined_vectors_of_a_known_text_are_those_of_a_fresh_one(static, tmp_path):
    reader = corpus_encoder(static, TEXTS[:4], tmp_path)
    known = reader.encode(TEXTS[:4])
    reader._rows = {}
    assert np.abs(reader.encode(TEXTS[:4]) - known).max() < 1e-5


@pytest.mark.parametrize("texts", [["Trade talks were held."], ["Trade talks were held."] * 9])
def test_a_corpus_of_one_text_is_encoded_without_a_warning(static, tmp_path, texts):
    assert np.isfinite(corpus_encoder(static, texts, tmp_path).encode(texts)).all()


def test_a_corpus_without_words_is_an_input_error(static, tmp_path):
    with pytest.raises(InputError, match="stop words"):
        corpus_encoder(static, ["the and of", "12 34"], tmp_path)


def test_an_articles_vector_is_the_mean_of_its_passages_with_the_title_counted_twice():
    passages = pd.DataFrame({"article_id": ["a", "a", "b"], "offset": [-1, 0, 0], "words": [2, 4, 9]})
    vectors = np.eye(3, dtype=np.float32)
    pooled = embed.pool(passages, vectors, ["b", "a", "none"])
    assert np.allclose(pooled, [[0, 0, 1], [np.sqrt(0.5), np.sqrt(0.5), 0], [0, 0, 0]])
    assert embed.pool(passages, vectors, ["b"]).tolist() == [[0, 0, 1]]


# Cache -----------------------------------------------------------------------------------------------------------


def test_a_text_is_encoded_once_for_each_encoder(tmp_path):
    first, second = Counting("one"), Counting("two")
    made = embed.encode_cached(first, ["a", "bb", "a"], str(tmp_path))
    again = embed.encode_cached(first, ["bb", "a", "a"], str(tmp_path))
    assert first.asked == ["a", "bb"]
    assert np.array_equal(again, made[[1, 0, 0]])
    embed.encode_cached(first, ["bb", "ccc"], str(tmp_path))
    assert first.asked == ["a", "bb", "ccc"]
    assert np.array_equal(embed.encode_cached(second, ["a"], str(tmp_path)), second.encode(["a"]))
    assert second.asked == ["a", "a"]


def test_a_vector_of_one_precision_is_not_taken_for_one_of_another(tmp_path):
    first, second = Counting("one"), Counting("one")
    second.precision = "bfloat16"
    embed.encode_cached(first, ["a"], str(tmp_path))
    embed.encode_cached(second, ["a"], str(tmp_path))
    assert (first.asked, second.asked) == (["a"], ["a"])


def test_more_texts_than_a_query_holds_come_back_in_order(tmp_path):
    texts = [f"text {at}" * (at % 7) + str(at) for at in range(2500)]
    encoder = Counting()
    made = embed.encode_cached(encoder, texts, str(tmp_path))
    assert np.array_equal(embed.encode_cached(encoder, texts, str(tmp_path)), made)
    assert np.array_equal(made, Counting().encode(texts))
    assert len(encoder.asked) == len(texts)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE vectors SET vector = zeroblob(16)",
        "UPDATE vectors SET vector = x'00'",
        "UPDATE vectors SET checksum = x''",
    ],
)
def test_a_damaged_row_is_made_again(tmp_path, damage):
    encoder = Counting()
    made = embed.encode_cached(encoder, ["a", "bb"], str(tmp_path))
    with sqlite3.connect(tmp_path / "embeddings.sqlite") as database:
        database.execute(damage + " WHERE key = (SELECT min(key) FROM vectors)")
    database.close()
    for _ in range(2):
        assert np.array_equal(embed.encode_cached(encoder, ["a", "bb"], str(tmp_path)), made)
    assert len(encoder.asked) == 3


def test_a_damaged_cache_file_only_warns(tmp_path):
    (tmp_path / "embeddings.sqlite").write_bytes(b"no database " * 999)
    encoder = Counting()
    with pytest.warns(UserWarning, match="cache .* is not used"):
        vectors = embed.encode_cached(encoder, ["a", "bb"], str(tmp_path))
    assert np.array_equal(vectors, Counting().encode(["a", "bb"]))


def test_a_cache_cut_short_still_gives_right_vectors(tmp_path):
    texts = [f"text {at}" for at in range(3000)]
    embed.encode_cached(Counting(), texts, str(tmp_path))
    file = tmp_path / "embeddings.sqlite"
    os.truncate(file, file.stat().st_size // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        vectors = embed.encode_cached(Counting(), texts, str(tmp_path))
    assert np.array_equal(vectors, Counting().encode(texts))


def test_a_folder_that_cannot_be_written_only_warns(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="cache .* is not used"):
        vectors = embed.encode_cached(Counting(), ["a"], str(tmp_path / "file" / "cache"))
    assert np.array_equal(vectors, Counting().encode(["a"]))


WRITER = """
import sys
import numpy as np
from toolkit import embed

class Lengths:
    name, dim = "lengths", 2
    def encode(self, texts):
        return embed.normalise(np.array([[len(text), int(text)] for text in texts], dtype=np.float32))

for start in range(0, 2000, 50):
    texts = [str(at) for at in range(start, start + 60)]
    assert np.array_equal(embed.encode_cached(Lengths(), texts, sys.argv[1]), Lengths().encode(texts))
"""


def test_two_processes_may_write_at_once(tmp_path):
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[1] for process in running] == ["", ""]
    assert [process.returncode for process in running] == [0, 0]
    with sqlite3.connect(tmp_path / "embeddings.sqlite") as database:
        assert database.execute("SELECT count(*) FROM vectors").fetchone() == (2010,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_inputs_are_left_as_they_were(static, tmp_path):
    table, texts = articles(TEXTS[:3], ["T", "", "U"]), list(TEXTS[:3])
    before = table.copy(deep=True)
    embed.make_passages(table)
    corpus_encoder(static, texts, tmp_path).encode(texts)
    pd.testing.assert_frame_equal(table, before)
    assert texts == TEXTS[:3]
