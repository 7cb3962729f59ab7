"""downstream.answers.dataset_facts and dataset_page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import run_quietly, store_synthetic

from downstream.answers.dataset_facts import dataset_facts
from downstream.answers.dataset_page import dataset_page, dataset_text
from nie.data import Channel, KnowledgeGraph, synthetic

HOSTILE = "<script>alert(1)</script>"


def small(**changes: Any) -> KnowledgeGraph:
    """Five nodes: a cycle of two with a doubled edge, one that leads to it and to itself, and two without edges."""
    fields = {
        "name": "small", "src": [0, 1, 0, 2, 2], "dst": [1, 0, 1, 0, 2], "etype": [0, 0, 0, 1, 1],
        "labels": [0.0, 3.0, 1.0, 0.0, 0.0], "label_mask": [True, True, True, False, False],
        "node_names": list("abcde"), "relation_names": ["r", HOSTILE, "never"], "text": ["a", None, None, None, None],
        "channels": {"extra": Channel(np.ones((5, 3)), np.array([True, False, True, True, True]))},
        "signals": {"votes": np.array([1.0, 9.0, 5.0, np.nan, np.nan])},
    }  # fmt: skip
    return KnowledgeGraph(**{**fields, **changes})


def test_everything_is_counted() -> None:
    facts = dataset_facts(small())
    assert (facts["edges"], facts["repeated_edges"], facts["loops"]) == (5, 1, 1)
    assert facts["relations"] == [
        {"relation": "r", "edges": 3, "heads": 2, "tails": 2},
        {"relation": HOSTILE, "edges": 2, "heads": 1, "tails": 2},
        {"relation": "never", "edges": 0, "heads": 0, "tails": 0},
    ]
    assert facts["degrees"]["in"] == {"none": 2, "25 %": 0.0, "median": 1.0, "mean": 1.0, "90 %": 2.0, "largest": 2}
    assert facts["components"]["weak"] == {"count": 3, "largest": 3, "single_nodes": 2}
    assert facts["components"]["strong"] == {"count": 4, "largest": 2, "single_nodes": 3}
    assert facts["labels"]["share"] == 0.6
    assert facts["labels"]["top_1_percent_have"] == 0.75
    assert facts["labels"]["statistics"]["label"]["median"] == 1.0
    assert facts["text"] == {"nodes": 1, "missing": 4}
    assert facts["channels"] == {"extra": {"columns": 3, "steps": None, "nodes": 4, "missing": 1}}
    assert facts["signals"]["votes"] == {"nodes": 3, "missing": 2, "spearman": 1.0}
    assert facts["folds"] == []
    assert "num_folds = 5" in facts["no_folds"]


def test_folds_and_histograms_hold_every_labelled_node() -> None:
    facts = dataset_facts(synthetic(0), num_folds=4)
    assert len(facts["folds"]) == 4
    for fold in facts["folds"]:
        parts = [fold[part] for part in ("train", "val", "test")]
        assert sum(part["nodes"] for part in parts) == 267
        assert sum(part["top"] for part in parts) == 3
    for rows in facts["histograms"].values():
        assert sum(count for *_, count in rows) == 267


@pytest.mark.parametrize(
    "kg",
    [
        small(label_mask=[False] * 5),
        small(labels=[2.0, 2.0, 2.0, 0.0, 0.0]),
        small(labels=[0.0] * 5, label_mask=[True] * 5),
        small(src=[], dst=[], etype=[]),
        replace(synthetic(0), held_out={"test": np.zeros((2, 3), dtype=np.int64)}),
    ],
    ids=["no labels", "equal labels", "labels of 0", "no edges", "held out"],
)
def test_a_graph_that_lacks_something_is_described_all_the_same(kg: KnowledgeGraph) -> None:
    facts = dataset_facts(kg)
    json.dumps(facts, allow_nan=False)
    assert facts["name"] in dataset_text(facts)
    assert "digest" in dataset_page(facts)


def test_names_of_relations_are_shown_as_text() -> None:
    facts = dataset_facts(small())
    assert HOSTILE not in dataset_page(facts)
    assert HOSTILE not in dataset_text(facts)


def test_the_command_prints_or_writes_each_format(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    command = ["data", "describe", "synthetic", "--folds", "3"]
    code, printed, _ = run_quietly([*command, "--format", "json"], tmp_path / "data", tmp_path / "runs")
    assert code == 0
    assert len(json.loads(printed)["folds"]) == 3
    code, printed, _ = run_quietly(command, tmp_path / "data", tmp_path / "runs")
    assert "## Histogram of log(1 + importance)" in printed
    page = tmp_path / "synthetic.html"
    code, printed, _ = run_quietly(
        [*command, "--format", "html", "--out", str(page)], tmp_path / "data", tmp_path / "runs"
    )
    assert code == 0
    assert str(page) in printed
    assert page.read_text(encoding="utf-8").count("<svg") == 1
