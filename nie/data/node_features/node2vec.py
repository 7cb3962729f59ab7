"""Structural features: node2vec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nie.arrays import Ints
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.errors import NieError
from nie.extras import require
from nie.progress import track

if TYPE_CHECKING:
    from nie.dgl_compat import dgl


def node2vec(
    kg: KnowledgeGraph,
    *,
    dim: int = 64,
    walk_length: int = 20,
    num_walks: int = 10,
    p: float = 1.0,
    q: float = 1.0,
    window: int = 5,
    epochs: int = 1,
    negative: int = 5,
    seed: int = 0,
) -> Channel:
    """Embed every node by skip-gram over random walks (Grover & Leskovec, KDD 2016, algorithm 1).

    Walks run on the undirected simple graph (directions, relations, repeated edges and loops are dropped); skip-gram
    with negative sampling then learns to predict the nodes within ``window`` steps. Same seed, same bits: walks and
    skip-gram run on one thread. A node without a neighbour starts no walk; its mask is False and its row zero.

    Args:
        kg: the graph; only its structure is read.
        dim: size of the embedding.
        walk_length: steps of a walk.
        num_walks: walks from every node.
        p, q: return and in-out parameters; 1 and 1 are uniform walks (DeepWalk).
        window: skip-gram window, in steps.
        epochs: passes of skip-gram over the walks.
        negative: negative samples for each pair.
        seed: seed of the walks and of the skip-gram model.

    Raises:
        NieError: the extra ``structure`` (gensim) is not installed, or the graph has no edge.

    Example::

        channel = node2vec(kg, num_walks=4)      # channel.features is (N, 64)
    """
    gensim = require("gensim.models", "structure")
    walks = random_walks(kg, walk_length=walk_length, num_walks=num_walks, p=p, q=q, seed=seed)
    if len(walks) == 0:
        raise NieError(f"node2vec needs an edge between two nodes; the graph {kg.name} has none.")
    model = gensim.Word2Vec(
        vector_size=dim,
        window=window,
        min_count=0,
        sg=1,
        hs=0,
        negative=negative,
        workers=1,
        seed=seed,
        epochs=epochs,
    )
    sentences = _Sentences(walks, kg.num_nodes)
    visits = np.bincount(walks.ravel(), minlength=kg.num_nodes)
    walked = np.flatnonzero(visits)
    model.build_vocab_from_freq({sentences.words[node]: int(visits[node]) for node in walked}, corpus_count=len(walks))
    model.train(sentences, total_examples=len(walks), epochs=epochs)
    features = np.zeros((kg.num_nodes, dim), dtype=np.float32)
    features[walked] = model.wv.vectors[[model.wv.key_to_index[sentences.words[node]] for node in walked]]
    return Channel(features, visits > 0)


def random_walks(
    kg: KnowledgeGraph, *, walk_length: int, num_walks: int, p: float = 1.0, q: float = 1.0, seed: int = 0
) -> Ints:
    """Return (num_walks * nodes with a neighbour, walk_length + 1) node ids, the walks in random order.

    >>> from nie.data.synthetic_graph import synthetic
    >>> random_walks(synthetic(0), walk_length=5, num_walks=2).shape
    (600, 6)
    """
    import torch  # imported here, because walks are often there already and then need neither

    from nie.dgl_compat import dgl
    from nie.dgl_random import dgl_draws_from

    rng = np.random.default_rng(seed)
    graph = _simple_undirected(kg)
    starts = torch.nonzero(graph.in_degrees() > 0).flatten().numpy()
    order = np.concatenate([rng.permutation(starts) for _ in range(num_walks)])
    with dgl_draws_from(seed):
        walks = dgl.sampling.node2vec_random_walk(graph, torch.from_numpy(order), p, q, walk_length=walk_length)
    array: Ints = walks.numpy()
    return array


def _simple_undirected(kg: KnowledgeGraph) -> dgl.DGLGraph:
    """Every pair of neighbours once in each direction, sorted, without loops."""
    import torch

    from nie.dgl_compat import dgl

    proper = kg.src != kg.dst
    src, dst = kg.src[proper], kg.dst[proper]
    low, high = np.minimum(src, dst), np.maximum(src, dst)
    pairs = np.unique(low * np.int64(kg.num_nodes) + high)
    low, high = pairs // kg.num_nodes, pairs % kg.num_nodes
    ends = torch.from_numpy(np.concatenate([low, high])), torch.from_numpy(np.concatenate([high, low]))
    return dgl.graph(ends, num_nodes=kg.num_nodes)


class _Sentences:
    """Walks as lists of words; gensim iterates over them once in each epoch."""

    def __init__(self, walks: Ints, num_nodes: int) -> None:
        self.walks = walks
        self.words = [str(node) for node in range(num_nodes)]

    def __iter__(self) -> Iterator[list[str]]:
        words = self.words
        chunks = [self.walks[start : start + 1024] for start in range(0, len(self.walks), 1024)]
        for chunk in track(chunks, "node2vec"):
            for walk in chunk.tolist():
                yield [words[node] for node in walk]
