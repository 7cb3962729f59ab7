"""Every method on graphs that lack something: it works, or says in one sentence why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run

NODES = 120
NO_EDGES: dict[str, Any] = {"src": [], "dst": [], "etype": []}
POOR: dict[str, dict[str, Any]] = {
    "no-text": {"text": [None] * NODES},
    "no-edges": NO_EDGES,
    "no-relations": {**NO_EDGES, "relation_names": []},
    "loops": {"src": np.arange(NODES), "dst": np.arange(NODES), "etype": np.zeros(NODES, np.int64)},
    "one-relation": {"relation_names": ["cites"]},
    "fifty-labels": {"labels": 50},
    "ten-labels": {"labels": 10},
    "nothing": {**NO_EDGES, "text": [None] * NODES},
}
"""What is changed of a whole graph; for labels, how many are kept."""
QUICK = {
    "optim": {"max_epochs": 1},
    "features": {"num_walks": 1, "walk_length": 3},
    "model": {"boosting": {"rounds": 3}, "boosting-neighbours": {"rounds": 3}, "lightgbm": {"rounds": 3},
              "forest": {"trees": 3}},
}  # fmt: skip


def poor(name: str) -> KnowledgeGraph:
    """A graph that brings no features of its own, and lacks what `POOR` says."""
    kg = replace(synthetic(0, NODES), name=name, channels={})
    changes = dict(POOR[name])
    if "relation_names" in changes:
        changes.setdefault("etype", np.zeros_like(kg.etype))
    if "labels" in changes:
        kept = np.isin(np.arange(NODES), np.flatnonzero(kg.label_mask)[: changes["labels"]])
        changes |= {"labels": np.where(kept, kg.labels, np.nan), "label_mask": kept}
    return replace(kg, **changes)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("poor")
    for name in POOR:
        save(poor(name), made / name / "processed")
    return made


def run(root: Path, dataset: str, method: str, **changes: Any) -> Run:
    known = METHODS[method].settings.model_fields
    quick = {key: value for key, value in QUICK.items() if key in known and key != "model"}
    if method in QUICK["model"]:
        quick["model"] = QUICK["model"][method]
    if METHODS[method].made_of_runs:
        quick["parts"] = [str(run(root, dataset, part).path) for part in ("pagerank", "degree")]
    given = {"dataset": dataset, "method": method, "folds": {"run": [0]}, **quick, **changes}
    return estimate(IMPORTANCE.recipes.resolve(overrides=given), data_root=root, run_root=root / "runs")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dataset", ["no-text", "no-edges", "loops", "one-relation", "fifty-labels"])
def test_every_method_works_without_what_others_have(dataset: str, method: str, root: Path) -> None:
    made = run(root, dataset, method)
    assert np.isfinite(made.predictions(0, NODES)).all()


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.is_network])
@pytest.mark.parametrize("dataset", ["no-edges", "no-relations"])
def test_without_edges_and_loops_a_network_has_nothing_to_pass(dataset: str, method: str, root: Path) -> None:
    if method == "mlp":
        assert np.isfinite(run(root, dataset, method, graph={"self_loops": False}).predictions(0, NODES)).all()
        return
    with pytest.raises(NieError, match=rf"{dataset} has no edges, along which .*; let graph.self_loops give"):
        run(root, dataset, method, graph={"self_loops": False})


@pytest.mark.parametrize("method", METHODS)
def test_without_texts_and_edges_a_method_that_reads_features_says_so(method: str, root: Path) -> None:
    kind = METHODS[method]
    if not kind.settings.reads_features or method.endswith("-neighbours"):  # which names features of its own
        assert np.isfinite(run(root, "nothing", method).predictions(0, NODES)).all()
        return
    with pytest.raises(NieError, match="because nothing has neither texts nor edges between nodes; give features"):
        run(root, "nothing", method)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_validation_label_chooses_no_epoch_and_all_else_works(method: str, root: Path) -> None:
    if not METHODS[method].is_network:
        assert np.isfinite(run(root, "ten-labels", method).predictions(0, NODES)).all()
        return
    with pytest.raises(NieError, match="give more labels or choose epochs by rmse"):
        run(root, "ten-labels", method)
