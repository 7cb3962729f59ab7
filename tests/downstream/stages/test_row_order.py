"""The order of the rows of an input file is no information: figures, ranks and tables stay when files are shuffled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from downstream.answers.node_scores import NodeScores, top_table
from downstream.methods.baselines import MonotoneScale
from downstream.methods.untied import untied
from downstream.metrics.fold_judge import FoldJudge
from nie.data import KnowledgeGraph, build
from nie.data.pagerank import pagerank
from pretrain.cross_validation import Fold, make_folds


def built(folder: Path, order: np.random.Generator | None) -> KnowledgeGraph:
    """300 things in three groups that the graph does not tell apart, in files sorted by score, or in any order."""
    things = [f"thing{number:03}" for number in range(300)]
    files = {
        "triples": [f"{name}\tin\tgroup{place % 3}" for place, name in enumerate(things)]
        + [f"group{group}\tin\tall" for group in (0, 0, 1)],
        "scores": [f"{name}\t{1000 - place}" for place, name in enumerate(things)],
        "text": [f"{name}\tthe {name}" for name in things],
    }
    for kind, lines in files.items():
        shuffled = lines if order is None else [lines[place] for place in order.permutation(len(lines))]
        (folder / f"{kind}.tsv").write_text("\n".join(shuffled) + "\n")
    return build("mine", folder / "data", **{kind: folder / f"{kind}.tsv" for kind in files})


def same_fold(fold: Fold, kg: KnowledgeGraph, other: KnowledgeGraph) -> Fold:
    """The fold of the same nodes by name."""
    place = {name: node for node, name in enumerate(other.node_names)}
    parts = ("train", "val", "test")
    ids = {part: np.sort([place[kg.node_names[node]] for node in getattr(fold, part)]) for part in parts}
    return Fold(fold.index, **ids)


def judged(kg: KnowledgeGraph, fold: Fold) -> tuple[dict[str, float], str]:
    score = pagerank(kg)
    prediction = MonotoneScale.fit(score[fold.train], kg.targets[fold.train])(score)
    held_out = np.isin(np.arange(kg.num_nodes), fold.test)
    nobody = np.zeros(kg.num_nodes, bool)
    scores = NodeScores(kg.node_names, kg.node_names, untied(prediction, score), kg.labels, held_out, nobody, nobody)
    return FoldJudge(kg.targets, fold)(fold.test, prediction, score), top_table(scores, "pagerank", count=30)


def renumbered(kg: KnowledgeGraph, order: np.random.Generator) -> KnowledgeGraph:
    """The same graph with other numbers for its nodes and another order of its edges."""
    nodes, edges = order.permutation(kg.num_nodes), order.permutation(kg.num_edges)
    place = np.argsort(nodes)
    assert kg.text is not None
    return KnowledgeGraph(
        name=kg.name,
        src=place[kg.src[edges]],
        dst=place[kg.dst[edges]],
        etype=kg.etype[edges],
        labels=kg.labels[nodes],
        label_mask=kg.label_mask[nodes],
        node_names=[kg.node_names[node] for node in nodes],
        relation_names=kg.relation_names,
        text=[kg.text[node] for node in nodes],
        meta=kg.meta,
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_files_are_the_same_graph(seed: int, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    kg, shuffled = built(tmp_path / "a", None), built(tmp_path / "b", np.random.default_rng(seed))
    assert shuffled.digest == kg.digest
    for one, other in zip(make_folds(kg.label_mask), make_folds(shuffled.label_mask), strict=True):
        assert one.digest == other.digest


@pytest.mark.parametrize("seed", [0, 1])
def test_numbers_of_nodes_are_no_information(seed: int, tmp_path: Path) -> None:
    kg = built(tmp_path, None)
    other = renumbered(kg, np.random.default_rng(seed))
    fold = make_folds(kg.label_mask)[0]
    (figures, table), (after, table_after) = judged(kg, fold), judged(other, same_fold(fold, kg, other))
    assert after == pytest.approx(figures, rel=1e-12, nan_ok=True)
    assert table == table_after


def test_a_file_sorted_by_score_gives_no_credit(tmp_path: Path) -> None:
    kg = built(tmp_path, None)
    fold = make_folds(kg.label_mask)[0]
    figures, _ = judged(kg, fold)
    assert figures["over@20"] == pytest.approx(20 / len(fold.test), abs=0.15)  # 1.0 when ties kept the order of a file
