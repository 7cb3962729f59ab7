from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

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


class Hostile:
    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __repr__(self) -> str:
        return "hostile\n" * 1000000


MASKED = np.ma.masked_array([1, 0, 1], mask=[True, False, False])
STRANGE: dict[str, Any] = {
    "None": None, "number": 3, "nan": float("nan"), "string": "abc", "bytes": b"abc", "dict": {"a": 1}, "set": {0, 1},
    "list of None": [None, None, None], "list of strings": ["5", "6", "7"], "nested": [[1], [1, 2], [3]],
    "objects": [Hostile(), 1, 2], "hostile": Hostile(), "masked": MASKED, "complex": [1j, 2, 3],
    "huge": [10**400, 0, 1],
    "dates": np.array(["2020-01-01"] * 3, "M8[D]"), "generator": (n for n in range(3)), "function": len,
    "numbers as keys": {0: 1}, "list of pairs": [("a", 1)], "list of dicts": [{}, {}, {}], "ellipsis": ...,
}  # fmt: skip
FIELDS = (
    "src", "dst", "etype", "labels", "label_mask", "node_names", "relation_names", "text",
    "channels", "held_out", "meta",
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", STRANGE)
def test_what_a_field_cannot_be_is_one_sentence_that_names_it(field: str, kind: str) -> None:
    fits = {
        ("labels", "list of None"),  # no label, where the mask says that there is none
        ("node_names", "list of strings"), ("text", "list of strings"), ("text", "list of None"),
        ("meta", "dict"),
    }  # fmt: skip
    changes: dict[str, Any] = {field: STRANGE[kind]}
    if kind == "list of None":
        changes["label_mask"] = changes.get("label_mask", [False] * 3)
    if (field, kind) in fits or (field, kind) == ("relation_names", "list of strings"):
        tiny(**changes)
        return
    with pytest.raises(NieError, match=rf"^(Graph tiny: .*{field}|.*\b{field[:5]})") as caught:
        tiny(**changes)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("field", "value", "words"), [
    ("label_mask", [1.0, np.nan, 1.0], r"label_mask must hold True and False, or 1 and 0; got \[1.0, nan, 1.0\]"),
    ("label_mask", [0, 1, 2], r"label_mask must hold True and False, or 1 and 0"),
    ("src", MASKED, r"src must hold whole numbers; got a masked array, so fill it first"),
    ("src", [True, False, True], r"src must hold whole numbers; got bool"),
    ("src", np.array([2**63, 1, 1], np.uint64), r"src of edge 0 must be in 0..2"),
    ("node_names", "abc", r"node_names must be a list of strings; got 'abc'"),
    ("node_names", ["a", None, "c"], r"node_names must be a list of strings; entry 1 is None"),
    ("text", ["a", float("nan"), "c"], r"text must be a list of strings or None; entry 1 is nan"),
    ("labels", np.array([1.0, "2", 3.0], object), r"labels must hold real numbers; got '2'"),
    ("channels", {"x": np.ones((3, 1))}, r"channel x must be a nie.Channel; got array"),
    ("held_out", {"test": [[0, 0]]}, r"the split test of held_out must be \(n, 3\); got \(1, 2\)"),
    ("held_out", {"test": None}, r"held_out test must hold whole numbers; got None"),
    ("meta", {"options": 5}, r"meta options must be a dict"), ("meta", {"label_transform": [[]]}, r"got \[\[\]\]"),
    ("name", 5, r"The dataset name 5 is not allowed"), ("name", None, r"The dataset name None is not allowed"),
])  # fmt: skip
def test_what_is_nearly_right(field: str, value: Any, words: str) -> None:
    with pytest.raises(NieError, match=words):
        tiny(**{field: value})


def test_lists_tuples_arrays_and_tensors_are_the_same_graph() -> None:
    torch = pytest.importorskip("torch")
    kg = tiny()
    others: list[dict[str, Any]] = [
        {"src": (0, 1, 1), "label_mask": [1, 0, 1], "labels": [1, None, 7]},
        {"src": np.array([0, 1, 1], np.int8), "label_mask": np.array([1.0, 0, 1]), "node_names": np.array(list("abc"))},
        {"src": torch.tensor([0, 1, 1]), "dst": torch.tensor([1, 2, 2], dtype=torch.int32), "text": ("A", None, "")},
        {"src": np.ma.masked_array([0, 1, 1]), "labels": np.array([1.0, np.nan, 7.0], np.longdouble)},
    ]  # fmt: skip
    assert {tiny(**changes).digest for changes in others} == {kg.digest}


@pytest.mark.parametrize(
    "given", [None, 3, "abc", [2, 3], np.ma.masked_array([[1.0]], mask=[[True]]), {"a": 1}, [["x"]]]
)
def test_a_channel_is_made_of_numbers(given: Any) -> None:
    with pytest.raises(NieError, match=r"A channel: features|A channel must"):
        Channel(given, [True])  # type: ignore[arg-type]
    with pytest.raises(NieError, match=r"A channel: mask|A channel must"):
        Channel([[1.0]], given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, 3, "abc", [1], {1: 2}, {"x": None}, {"x": np.ones((300, 1))}])
def test_with_channels_names_what_is_no_channel(given: Any) -> None:
    with pytest.raises(NieError, match="channel"):
        synthetic(0).with_channels(given)


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


def test_the_label_transform_is_part_of_the_digest_where_it_is_not_the_usual_one() -> None:
    kg = tiny()
    assert tiny(meta={"label_transform": "log1p"}).digest == kg.digest
    assert tiny(meta={"label_transform": "none"}).digest != kg.digest
    assert kg.digest == "442620394f409538b80d3c461a9840b9f7551e78ea06d9e6b29dc7e83f1bb9ca"


def test_with_channels_adds() -> None:
    kg = synthetic(0)
    extra = Channel(np.ones((300, 1)), np.ones(300, bool))
    assert sorted(kg.with_channels({"extra": extra}).channels) == ["extra", "semantic", "structural"]
    assert sorted(kg.channels) == ["semantic", "structural"]
    assert replace(kg, name="other").digest == kg.digest
