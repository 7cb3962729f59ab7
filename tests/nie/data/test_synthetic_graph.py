from __future__ import annotations

import numpy as np
import pytest

from nie.data import synthetic
from nie.data.synthetic_graph import ADJECTIVES, RELATION_WEIGHTS


def test_same_seed_same_bits() -> None:
    first, again, other = synthetic(3), synthetic(3), synthetic(4)
    assert first.digest == again.digest != other.digest
    assert first.text == again.text
    for name in first.channels:
        np.testing.assert_array_equal(first.channels[name].features, again.channels[name].features)


def test_has_the_awkward_cases() -> None:
    kg = synthetic(0)
    assert 0.05 < 1 - kg.label_mask.mean() < 0.2
    assert (np.bincount(kg.dst, minlength=kg.num_nodes) == 0).sum() >= 10
    assert len({*zip(kg.src, kg.dst, kg.etype, strict=True)}) < kg.num_edges
    assert any(text is None for text in kg.text)
    assert not kg.channels["semantic"].mask.all()
    assert (kg.channels["semantic"].features[~kg.channels["semantic"].mask] == 0).all()


def test_labels_follow_the_rule() -> None:
    kg = synthetic(0)
    told = np.array([text is not None for text in kg.text])
    quality = np.array([ADJECTIVES.index(text.split()[1]) if text else 0 for text in kg.text])
    checked = 0
    for node in np.flatnonzero(kg.label_mask & told):
        incoming = np.flatnonzero(kg.dst == node)
        if not told[kg.src[incoming]].all():
            continue  # the quality of a neighbour without text is hidden
        weights = RELATION_WEIGHTS[kg.etype[incoming]] * quality[kg.src[incoming]]
        expected = 2 + quality[node] + (weights.mean() if len(incoming) else 0)
        assert kg.targets[node] == pytest.approx(expected, abs=0.5)
        checked += 1
    assert checked > 100
