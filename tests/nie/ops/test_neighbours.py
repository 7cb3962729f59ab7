"""nie.ops.neighbours on every backend, and nie.ops.plain_sums, which stands in where none has a kernel."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import neighbour_sum, plain_sums, relational_sum


@pytest.mark.parametrize("backend", ["dgl", "numba", "plain"])
def test_it_equals_the_loop_with_its_gradient(backend: str) -> None:
    if backend == "numba":
        pytest.importorskip("numba", reason="numba is not installed: pip install -e '.[fast]' in nie's folder")
    graph, _ = random_graph()
    value = normal(graph.num_nodes(), 3).requires_grad_()
    out = plain_sums.neighbour_sum(graph, value) if backend == "plain" else neighbour_sum(graph, value, backend=backend)
    expected = torch.zeros_like(value)
    for source, target in zip(*(ends.tolist() for ends in graph.edges()), strict=True):
        expected = expected.index_add(0, torch.tensor([target]), value[source][None])
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    weight = normal(*out.shape, seed=1)
    (grad,), (expected_grad,) = (torch.autograd.grad((one * weight).sum(), [value]) for one in (out, expected))
    torch.testing.assert_close(grad, expected_grad, rtol=0, atol=1e-10)


def test_plain_sums_by_relation_equal_dgls() -> None:
    graph, etype = random_graph()
    value, coefficient = normal(graph.num_nodes(), 2, 3), normal(NUM_RELATIONS, 2, seed=1)
    expected = relational_sum(graph, value, coefficient, etype, backend="dgl")
    torch.testing.assert_close(plain_sums.relational_sum(graph, value, coefficient, etype), expected)


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NieError, match="value has shape"):
        neighbour_sum(dgl.graph(([0], [1])), torch.ones(3, 1))
