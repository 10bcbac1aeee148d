"""Topics by the peers, on vectors that are given: run by an interpreter that has them, for `topics.py`.

Run: PYTHON benchmarks/topic_peers.py VECTORS.npy TEXTS.json FOLDER/NAME SYSTEM ...

A system is "bertopic-N" (BERTopic with a `min_topic_size` of N; 10 is its default), "top2vec" or "topeax" (that of
turftopic; "topeax-N" with the seed N), each with its own defaults and a seed, which finds the number of topics itself.
Top2Vec and Topeax embed the words of all texts to name their topics; what is run here are their steps up to the topic
of each text, in their own code. FOLDER/NAME-SYSTEM.npz keeps each text's topic (`lab`; -1: an outlier), the same with
outliers moved (`red`) and the seconds by the clock (`t`) and of processors (`c`).
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

SEED = 42


def bertopic(vectors, texts, size):
    """Fit BERTopic; outliers are moved by its own `reduce_outliers`."""
    from bertopic import BERTopic

    model = BERTopic(min_topic_size=int(size))
    model.umap_model.random_state = SEED
    labels, _ = model.fit_transform(texts, embeddings=vectors)
    yield labels
    yield model.reduce_outliers(texts, labels, strategy="embeddings", embeddings=vectors) if -1 in labels else labels


def top2vec(vectors, texts):
    """UMAP to five dimensions, HDBSCAN, the centres of its groups, those alike made one, each text to the nearest."""
    import hdbscan
    import umap
    from top2vec import Top2Vec

    model = Top2Vec.__new__(Top2Vec)
    model.document_vectors = vectors
    placed = umap.UMAP(n_neighbors=15, n_components=5, metric="cosine", random_state=SEED).fit(vectors).embedding_
    found = hdbscan.HDBSCAN(min_cluster_size=15, metric="euclidean", cluster_selection_method="eom").fit(placed)
    model._create_topic_vectors(found.labels_)
    model._deduplicate_topics(0.1)
    labels = np.argmax(vectors @ model.topic_vectors.T, axis=1)
    yield labels
    yield labels


def topeax(vectors, texts, seed=SEED):
    """t-SNE to two dimensions, the peaks of the density there, a normal distribution about each."""
    from sklearn.manifold import TSNE
    from turftopic.models.topeax import Peax

    placed = TSNE(2, metric="cosine", perplexity=50, random_state=int(seed)).fit_transform(vectors)
    labels = Peax(random_state=int(seed)).fit(placed)
    yield labels
    yield labels


SYSTEMS = {"bertopic": bertopic, "top2vec": top2vec, "topeax": topeax}


def main():
    warnings.simplefilter("ignore")
    vectors, texts = np.load(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))
    for asked in sys.argv[4:]:
        system, _, size = asked.partition("-")
        given = [size] if size else []
        if system != "topeax":
            list(SYSTEMS[system](vectors[:4096], texts[:4096], *given))
        wall, cpu = time.perf_counter(), time.process_time()
        found = SYSTEMS[system](vectors, texts, *given)
        labels = np.asarray(next(found))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        np.savez(f"{sys.argv[3]}-{asked}.npz", lab=labels, red=np.asarray(next(found)), t=wall, c=cpu)
        print(asked, len(set(labels) - {-1}), "topics", round(cpu), "s", flush=True)


if __name__ == "__main__":
    main()
