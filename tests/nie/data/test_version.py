"""nie.data.version, and the digest of all data that it is made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import with_labels

from nie.data import Channel, KnowledgeGraph, synthetic
from nie.data.store import kept_digests, read, save
from nie.data.version import stored_version, version_of

KG = synthetic(0)
SEMANTIC = KG.channels["semantic"]
CHANGES: dict[str, Any] = {
    "an edge": lambda: replace(KG, etype=np.where(np.arange(KG.num_edges) == 3, 1 - KG.etype % 2, KG.etype)),
    "a score": lambda: with_labels(KG, np.where(KG.label_mask, KG.labels + 1, KG.labels)),
    "a text": lambda: replace(KG, text=["another", *KG.text[1:]]),
    "an empty text for none": lambda: replace(KG, text=["" if text is None else None for text in KG.text]),
    "a name": lambda: replace(KG, node_names=["another", *KG.node_names[1:]]),
    "a value": lambda: KG.with_channels({"semantic": Channel(SEMANTIC.features + 1, SEMANTIC.mask)}),
    "a mask": lambda: KG.with_channels({"semantic": Channel(SEMANTIC.features, ~SEMANTIC.mask)}),
    "a channel's name": lambda: replace(KG, channels={**KG.channels, "other": SEMANTIC}),
    "no channel": lambda: replace(KG, channels={}),
    "the shape of a channel": lambda: replace(
        KG, channels={"a": Channel(np.zeros((KG.num_nodes, 2)), KG.label_mask)}
    ),
    "a wider channel": lambda: replace(KG, channels={"a": Channel(np.zeros((KG.num_nodes, 3)), KG.label_mask)}),
}  # fmt: skip


def test_each_change_of_the_data_is_another_version() -> None:
    digests = {KG.data_digest, *(change().data_digest for change in CHANGES.values())}
    assert len(digests) == 1 + len(CHANGES)


def test_what_changes_no_result_is_the_same_version() -> None:
    reordered = dict(reversed(KG.channels.items()))
    assert replace(KG, channels=reordered, meta={**KG.meta, "licence": "other"}).data_digest == KG.data_digest


def test_own_graphs_are_known_by_their_data_and_others_by_structure_and_labels() -> None:
    assert version_of(KG) == {"data_sha256": KG.data_digest}
    for name in ("fb15k", "geo", "geo-500"):
        of_nie = replace(KG, name=name)
        assert version_of(of_nie) == {"dataset_sha256": of_nie.digest}


@pytest.mark.parametrize("name", ["synthetic", "geo-500"])
def test_the_stored_version_is_that_of_the_graph_and_is_read_without_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kg = replace(KG, name=name)
    assert stored_version(name, tmp_path) is None
    save(kg, tmp_path / name / "processed")
    assert version_of(read(tmp_path / name / "processed")) == version_of(kg)
    monkeypatch.setattr("nie.data.store.read", lambda _folder: pytest.fail("the graph was read"))
    assert stored_version(name, tmp_path) == version_of(kg)


def test_a_store_from_before_it_kept_the_digest_of_all_data_is_read_for_it(tmp_path: Path) -> None:
    save(KG, tmp_path)
    document = json.loads((tmp_path / "meta.json").read_text())
    del document["data_digest"]
    (tmp_path / "meta.json").write_text(json.dumps({**document, "version": 1}))
    (tmp_path / "seal.json").unlink()
    assert kept_digests(tmp_path) == {"digest": KG.digest, "data_digest": KG.data_digest}


def test_what_is_kept_without_a_seal_is_not_believed(tmp_path: Path) -> None:
    save(KG, tmp_path)
    document = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps({**document, "version": 1, "data_digest": "0" * 64}))
    (tmp_path / "seal.json").unlink()
    kg: KnowledgeGraph = read(tmp_path)
    assert kg.data_digest == KG.data_digest
