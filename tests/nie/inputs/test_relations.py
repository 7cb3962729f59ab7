"""nie.inputs.relations, and relation vectors in both stages."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.data import synthetic
from nie.data.names_as_words import relations_as_nodes
from nie.data.store import save
from nie.errors import NieError
from nie.inputs.relations import RelationMaterial, relation_features
from nie.settings.sections import RelationsConfig
from pretrain.inputs import prepare
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

SMALL: dict[str, Any] = {
    "dataset": "synthetic", "graph": {"inverse_relations": True}, "folds": {"run": [0]},
    "features": {"semantic": "tfidf"}, "optim": {"max_epochs": 3},
}  # fmt: skip
ON_CPU = {**SMALL, "device": "cpu"}  # where tests make features of their own
FUSED = {"text": "tfidf", "similarity_weight": 0.3, "context_weight": 0.2, "learn_weights": True}


def test_every_relation_of_the_message_graph_has_a_row(tmp_path: Path) -> None:
    kg = synthetic(0)
    save(kg, tmp_path / "synthetic" / "processed")
    config = IMPORTANCE.recipes.resolve(overrides=ON_CPU)
    inputs = prepare(config, data_root=tmp_path)
    rows = relation_features(inputs.relation_source, "tfidf")
    assert len(rows) == inputs.message.num_relations == 2 * kg.num_relations + 1
    assert rows.mean(dim=0).abs().max() < 1e-5
    plain = RelationMaterial.of(RelationsConfig(), inputs.relation_source, {})
    assert plain.vectors(10) is None
    fused = RelationMaterial.of(RelationsConfig(**FUSED), inputs.relation_source, {"a": torch.randn(kg.num_nodes, 3)})
    vectors = fused.vectors(10)
    assert vectors is not None
    assert vectors().shape == (len(rows), 10)
    assert relations_as_nodes(kg).num_nodes == kg.num_relations
    days = {"node_dates": ["2001-05-16"] * kg.num_nodes, "edge_dates": ["2003-01-01"] * kg.num_edges}
    dated = replace(kg, signals={"votes": np.ones(kg.num_nodes)}, **days)
    assert relations_as_nodes(dated).text == relations_as_nodes(kg).text


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_a_graph_of_one_relation(tmp_path: Path, inverse: bool, loops: bool) -> None:
    kg = synthetic(0)
    kg = replace(kg, etype=np.zeros_like(kg.etype), relation_names=["cites"])
    save(kg, tmp_path / "synthetic" / "processed")
    graph = {"inverse_relations": inverse, "self_loops": loops}
    inputs = prepare(IMPORTANCE.recipes.resolve(overrides={**ON_CPU, "graph": graph}), data_root=tmp_path)
    vectors = RelationMaterial.of(
        RelationsConfig(**FUSED), inputs.relation_source, {"a": torch.randn(kg.num_nodes, 3)}
    ).vectors(10)
    assert vectors is not None
    assert vectors().shape == (1 + inverse + loops, 10)


def test_both_stages_take_fused_relations_and_log_their_weights(tmp_path: Path) -> None:
    save(synthetic(0), tmp_path / "data" / "synthetic" / "processed")
    roots: dict[str, Any] = {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}
    stage1 = pretrain(PRETRAINING.recipes.resolve(overrides={**SMALL, "model": {"relations": FUSED}}), **roots)
    plain = pretrain(PRETRAINING.recipes.resolve(overrides=SMALL), **roots)
    made = [np.load(run.fold_path(0) / "structural" / "embeddings.npy") for run in (stage1, plain)]
    assert not np.allclose(*made)
    stage2 = estimate(IMPORTANCE.recipes.resolve(overrides={**SMALL, "model": {"relations": FUSED}}), **roots)
    with (stage2.fold_path(0) / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert 0.2 < float(rows[0]["similarity weight"]) < 0.4
    assert rows[0]["context weight"] != rows[2]["context weight"]


@pytest.mark.parametrize(
    ("relations", "words"),
    [
        ({"learned": False}, "need relations.text"),
        ({"literal": True}, "give relations.similarity_weight"),
        ({"learn_weights": True}, "which are both 0"),
    ],
)
def test_settings_that_do_not_fit(relations: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        IMPORTANCE.recipes.resolve(overrides={**SMALL, "model": {"relations": relations}})
