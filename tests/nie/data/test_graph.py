from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from nie.data import Channel, KnowledgeGraph, synthetic
from nie.errors import NieError


def tiny(**changes: object) -> KnowledgeGraph:
    fields: dict[str, object] = {
        "name": "tiny",
        "src": [0, 1, 1],
        "dst": [1, 2, 2],
        "etype": [0, 1, 1],
        "labels": [1.0, np.nan, 7.0],
        "label_mask": [True, False, True],
        "node_names": ["a", "b", "c"],
        "relation_names": ["r", "s"],
        "text": ["A", None, ""],
    }
    return KnowledgeGraph(**{**fields, **changes})  # type: ignore[arg-type]


def test_counts_and_targets() -> None:
    kg = tiny()
    assert (kg.num_nodes, kg.num_relations, kg.num_edges) == (3, 2, 3)
    np.testing.assert_array_equal(kg.targets, np.log1p(kg.labels))
    np.testing.assert_array_equal(tiny(meta={"label_transform": "none"}).targets, kg.labels)


def test_is_frozen_and_leaves_the_callers_arrays_alone() -> None:
    src = np.array([0, 1, 1])
    kg = tiny(src=src)
    with pytest.raises(FrozenInstanceError):
        kg.name = "other"  # type: ignore[misc]
    for array in (kg.src, kg.dst, kg.etype, kg.labels, kg.label_mask, kg.targets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    src[0] = 2
    assert kg.src[0] == 0


def test_read_only_arrays_are_not_copied() -> None:
    src = np.array([0, 1, 1])
    src.flags.writeable = False
    assert np.shares_memory(tiny(src=src).src, src)


def test_label_of_an_unlabelled_node_is_forgotten() -> None:
    assert np.isnan(tiny(labels=[1.0, -5.0, 7.0]).labels[1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "../up"}, "dataset name '../up' is not allowed"),
        ({"src": [0.5, 1, 1]}, "src must hold whole numbers; got float64"),
        ({"etype": np.zeros(3)}, "etype must hold whole numbers; got float64"),
        ({"labels": np.ones(3, complex)}, "labels must hold real numbers; got complex128"),
        ({"src": [0, 1, 3]}, "src of edge 2 must be in 0..2; got 3"),
        ({"dst": [-1, 1, 1]}, "dst of edge 0 must be in 0..2; got -1"),
        ({"etype": [0, 2, 0]}, "etype of edge 1 must be in 0..1; got 2"),
        ({"etype": [0, 1]}, "vectors of one length"),
        ({"labels": [1.0, np.nan]}, "labels must be \\(3,\\)"),
        ({"text": ["A"]}, "text must be \\(3,\\)"),
        ({"labels": [-1.0, 0, 1]}, r"label of node 0 \(a\) must be finite and not negative, .*; got -1.0"),
        ({"labels": [2e37, 0, 1]}, r"label of node 0 \(a\) must be .* at most 1e\+37; got 2e\+37"),
        ({"labels": [2e15, 0, 1], "meta": {"label_transform": "none"}}, r"at most 1e\+15; got 2000000000000000.0"),
        ({"labels": [1.0, 0, np.inf]}, r"label of node 2 \(c\) must be .* got inf"),
        ({"labels": [np.nan, 0, 1.0]}, r"label of node 0 \(a\) must be .* got nan"),
        ({"meta": {"label_transform": "log"}}, "label_transform must be one of .* got 'log'"),
        ({"channels": {"a/b": Channel(np.ones((3, 1)), np.ones(3, bool))}}, "channel name 'a/b'"),
        ({"channels": {"x": Channel(np.ones((2, 1)), np.ones(2, bool))}}, "channel x must be"),
    ],
)
def test_refuses(changes: dict[str, object], words: str) -> None:
    with pytest.raises(NieError, match=words):
        tiny(**changes)


def test_graph_without_edges_is_allowed() -> None:
    assert tiny(src=[], dst=[], etype=[]).num_edges == 0


def test_channel_refuses_wrong_shapes_and_nan() -> None:
    with pytest.raises(NieError, match="mask"):
        Channel(np.ones((3, 2)), np.ones(2, bool))
    with pytest.raises(NieError, match="row 1 is not"):
        Channel(np.array([[0.0], [np.nan]]), np.ones(2, bool))


def test_digests_tell_what_changed() -> None:
    kg = tiny()
    relabelled = tiny(labels=[2.0, np.nan, 7.0])
    unmasked = tiny(label_mask=[True, False, False])
    retold = tiny(text=["A", "", ""])
    rewired = tiny(dst=[1, 2, 1])
    renamed = tiny(node_names=["ab", "", "c"])
    assert kg.digest == tiny().digest
    assert relabelled.structure_digest == kg.structure_digest
    assert len({kg.digest, relabelled.digest, unmasked.digest, rewired.digest, renamed.digest}) == 5
    assert retold.text_digest != kg.text_digest
    assert retold.digest == kg.digest


def test_with_channels_adds() -> None:
    kg = synthetic(0)
    extra = Channel(np.ones((300, 1)), np.ones(300, bool))
    assert sorted(kg.with_channels({"extra": extra}).channels) == ["extra", "semantic", "structural"]
    assert sorted(kg.channels) == ["semantic", "structural"]
    assert replace(kg, name="other").digest == kg.digest
