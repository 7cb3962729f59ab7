from __future__ import annotations

from dataclasses import replace

from nie.data import info, synthetic


def test_first_line_has_the_counts_and_the_rest_the_origin() -> None:
    kg = replace(synthetic(0), meta={"licence": "MIT", "options": {"text": "long"}, "notes": {"repeated_triples": 3}})
    lines = info(kg).splitlines()
    assert lines[0] == "synthetic: 300 nodes, 3 relations, 1,832 edges, 267 labelled"
    assert "channels: semantic, structural" in lines
    assert "options: text long" in lines
    assert "notes: repeated_triples 3" in lines
    assert "licence: MIT" in lines
    assert lines[-1] == f"digest: {kg.digest}"


def test_graph_without_labels() -> None:
    kg = synthetic(0)
    assert "labels: none, a graph for link prediction" in info(replace(kg, label_mask=kg.label_mask & False, meta={}))
