from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nie.__main__ import main
from nie.data import load
from nie.data.builders.published import published
from nie.errors import NieError


def content(num_nodes: int = 30, num_edges: int = 90) -> dict[str, Any]:
    """A dict in exactly the format of the papers' files."""
    generator = torch.Generator().manual_seed(0)
    invalid = torch.zeros(num_nodes, dtype=torch.int64)
    invalid[-4:] = 1
    return {
        "edges": tuple(torch.randint(0, num_nodes, (num_edges,), generator=generator) for _ in range(2)),
        "edge_types": torch.randint(0, 7, (num_edges,), generator=generator),
        "labels": torch.rand(num_nodes, generator=generator) * 100,
        "features": torch.rand(num_nodes, 64, generator=generator),
        "invalid_masks": invalid,
    }


def write(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("arrays", [False, True])
def test_reads_the_papers_format(tmp_path: Path, protocol: int, arrays: bool) -> None:
    value = content()
    if arrays:
        value = {k: tuple(x.numpy() for x in v) if isinstance(v, tuple) else v.numpy() for k, v in value.items()}
    lang = np.random.default_rng(0).random((30, 768)).astype(np.float32)
    kg = published("ga16k", write(tmp_path / "r.pk", value, protocol), write(tmp_path / "l.pk", lang, protocol))
    expected = content()
    np.testing.assert_array_equal(kg.src, expected["edges"][0].numpy())
    np.testing.assert_array_equal(kg.dst, expected["edges"][1].numpy())
    np.testing.assert_array_equal(kg.etype, expected["edge_types"].numpy())
    np.testing.assert_array_equal(kg.label_mask, [True] * 26 + [False] * 4)
    np.testing.assert_allclose(kg.labels[:26], expected["labels"].numpy()[:26])
    np.testing.assert_array_equal(kg.channels["structural"].features, expected["features"].numpy())
    np.testing.assert_array_equal(kg.channels["semantic"].features, lang)
    assert kg.num_relations == 7
    assert kg.text == [None] * 30


def test_flat_lists(tmp_path: Path) -> None:
    value = content()
    value["labels"], value["invalid_masks"] = value["labels"].tolist(), tuple([False] * 30)
    assert published("x", write(tmp_path / "r.pk", value)).label_mask.all()


def test_column_labels_separate_node2vec_and_fixed_relations(tmp_path: Path) -> None:
    value = content()
    del value["features"]
    value["labels"] = value["labels"].reshape(-1, 1)
    node2vec = write(tmp_path / "n.pk", np.ones((30, 8)))
    graph = write(tmp_path / "r.pk", value)
    kg = published("imdb_s", graph, node2vec_pk=node2vec, num_relations=34, label_transform="none")
    assert kg.num_relations == 34
    assert kg.channels["structural"].features.shape == (30, 8)
    np.testing.assert_array_equal(kg.targets, kg.labels)


SHARED: list[Any] = [1.0]
for _ in range(45):
    SHARED = [SHARED, SHARED]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": None}, r"r.pk: labels must be .* got a NoneType"),
        ({"labels": SHARED}, r"r.pk: labels must be a tensor, array or flat list; got a list"),
        ({"labels": [1.0, [2.0]]}, r"r.pk: labels must be .* got a list"),
        ({"labels": {"a": 1}}, r"r.pk: labels must be .* got a dict"),
        (
            {"labels": torch.ones(30, dtype=torch.bfloat16)},
            r"r.pk: labels must be an array of numbers; got torch.bfloat16",
        ),
        ({"labels": np.array(["a"] * 30)}, r"r.pk: labels must be an array of numbers; got <U1"),
        ({"edge_types": torch.full((90,), float("nan"))}, r"r.pk: edge_types must hold whole numbers"),
        ({"features": np.full((30, 2), 1e300)}, r"r.pk: .*row 0 is not"),
        ({"labels": torch.tensor([-1.0] * 30)}, r"r.pk: .*label of node 0 \(node 0\) must be .* got -1.0"),
        ({"labels": torch.tensor([float("nan")] * 30)}, r"r.pk: .*label of node 0 \(node 0\) must be .* got nan"),
        ({"labels": torch.ones(30, 2)}, r"r.pk: labels must be a vector; got the shape \(30, 2\)"),
        ({"invalid_masks": torch.zeros(3)}, r"r.pk: invalid_masks must be as long as labels, 30; got 3"),
        ({"edges": torch.zeros(3, 90)}, r"r.pk: edges must be two vectors"),
        ({"edges": (torch.tensor([99]), torch.tensor([0])), "edge_types": torch.tensor([0])}, r"r.pk: .*src of edge 0"),
        ({"edge_types": torch.zeros(3)}, r"r.pk: .*one length"),
        ({"edge_types": torch.full((90,), 0.5)}, r"r.pk: edge_types must hold whole numbers"),
        ({"features": torch.ones(3, 64)}, r"r.pk: the structural features must have 30 rows; got the shape \(3, 64\)"),
        ({"features": torch.full((30, 2), float("inf"))}, r"r.pk: .*row 0 is not"),
    ],
)
def test_malformed(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        published("x", write(tmp_path / "r.pk", {**content(), **changes}))


def test_missing_key_and_wrong_kind(tmp_path: Path) -> None:
    value = content()
    del value["edge_types"]
    with pytest.raises(NieError, match=r"r.pk must have the keys .* it lacks 'edge_types'"):
        published("x", write(tmp_path / "r.pk", value))
    with pytest.raises(NieError, match=r"r.pk must hold a dict .* got a list"):
        published("x", write(tmp_path / "r.pk", [1]))


def test_too_few_relations(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"etype of edge \d+ must be"):
        published("x", write(tmp_path / "r.pk", content()), num_relations=2)


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


def test_code_in_the_text_file_is_not_run(tmp_path: Path) -> None:
    write(tmp_path / "r.pk", content())
    write(tmp_path / "l.pk", Malicious(tmp_path / "pwned"))
    with pytest.raises(NieError, match=r"l.pk is .* asks to run (posix|nt).system"):
        published("x", tmp_path / "r.pk", tmp_path / "l.pk")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("relations", [10**9, 10_001, -1])
def test_more_relations_than_a_file_can_use_are_refused_before_they_are_named(tmp_path: Path, relations: int) -> None:
    path = write(tmp_path / "r.pk", content())
    with pytest.raises(
        NieError, match=r"the number of relations must be in 0..10,000, as the file has 90 edges; got -?1"
    ):
        published("x", path, num_relations=relations)
    value = content()
    value["edge_types"][0] = 10**8
    with pytest.raises(NieError, match="got 100,000,001"):
        published("x", write(tmp_path / "r.pk", value))


@pytest.mark.parametrize("dataset", ["ga16k", "imdb"])
def test_recipes_run_on_a_small_file_of_the_papers_format(dataset: str, tmp_path: Path) -> None:
    """Both stages: pretraining of the structural channel, and RGTN by the recipes of the dataset."""
    rel = write(tmp_path / "r.pk", content(150, 600))
    lang = write(tmp_path / "l.pk", np.random.default_rng(0).random((150, 8)).astype(np.float32))
    roots = ["--data-root", str(tmp_path), "--run-root", str(tmp_path / "runs"), "--quiet"]
    command = ["data", "import", dataset, "--rel", str(rel), "--lang", str(lang), "--label-transform", "none"]
    assert main([*command, *roots[:2]]) == 0
    assert load(dataset, tmp_path).label_transform == "none"
    small = ["--folds.run", "0", "--optim.max_epochs", "2", "--device", "cpu", *roots]
    fast = ["--optim.patience", "2", "--optim.eval_every", "1"]
    assert main(["pretrain", "--recipe", f"{dataset}-fast", *fast, *small]) == 0
    assert main(["downstream", "--recipe", f"{dataset}-fast", *fast, *small]) == 0
    assert main(["downstream", "--recipe", f"{dataset}-published-rgtn", *small]) == 0
