from __future__ import annotations

import numpy as np

from nie.data import synthetic
from nie.data.node_features.degrees import degree_features


def test_against_a_loop() -> None:
    kg = synthetic(0)
    expected = np.zeros((kg.num_nodes, 2))
    for u, v in zip(kg.src, kg.dst, strict=True):
        expected[v, 0] += 1
        expected[u, 1] += 1
    channel = degree_features(kg)
    np.testing.assert_allclose(channel.features, np.log(1 + expected), rtol=1e-6)
    assert channel.mask.all()
