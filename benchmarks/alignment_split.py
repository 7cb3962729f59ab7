"""One graph cut in two, to see whether ``nie align`` finds every entity of the one half again in the other.

    .venv/bin/python benchmarks/alignment_split.py fb15k halves --data-root datasets
    nie align fb15k-one:node2vec fb15k-two:node2vec --data-root halves

Each triple goes to one half, drawn at random, and the words of each text to one and the other in turn, so that the
halves share entities, by name, and nothing else. HALVES is the folder of the two datasets.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from nie.data import KnowledgeGraph, load
from nie.data.store import save

HALVES = ("one", "two")


def halves_of(kg: KnowledgeGraph, share: float, seed: int = 0) -> list[KnowledgeGraph]:
    """Two graphs with the entities of ``kg``; the first has about ``share`` of its triples, the second the others."""
    first = np.random.default_rng(seed).random(kg.num_edges) < share
    halves = []
    for place, kept in enumerate((first, ~first)):
        texts = [text and (" ".join(text.split()[place::2]) or None) for text in kg.text]
        edges = {"src": kg.src[kept], "dst": kg.dst[kept], "etype": kg.etype[kept]}
        halves.append(replace(kg, name=f"{kg.name}-{HALVES[place]}", text=texts, channels={}, held_out={}, **edges))
    return halves


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the triples in the first half")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"), help="folder of the built dataset")
    arguments = parser.parse_args()
    for half in halves_of(load(arguments.dataset, arguments.data_root), arguments.share):
        save(half, arguments.out / half.name / "processed")
        print(f"{half.name}: {half.num_edges:,} triples")
