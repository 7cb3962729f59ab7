"""nie.ops.shapes: what every operation refuses, and takes, before its backend is called."""

from __future__ import annotations

import pytest
import torch
from reference.backends import use_backend
from reference.graphs import random_graph
from reference.operations import CALLS, RELATIONAL, call

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import neighbour_sum, relational_product, relational_sum


@pytest.fixture(params=["dgl", "numba"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of this file runs once on each backend."""
    return use_backend(request.param, monkeypatch)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32])
@pytest.mark.parametrize("name", RELATIONAL)
def test_relations_of_any_integers(name: str, kind: torch.dtype) -> None:
    graph, etype = random_graph()
    assert torch.equal(call(name, graph, etype.to(kind)), call(name, graph, etype))


@pytest.mark.parametrize("kind", [torch.float32, torch.bool, torch.complex64])
@pytest.mark.parametrize("name", RELATIONAL)
def test_relations_that_are_no_integers(name: str, kind: torch.dtype) -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match="etype must hold"):
        call(name, graph, etype.to(kind))


@pytest.mark.parametrize("name", CALLS)
def test_complex_values_are_refused(name: str) -> None:
    graph, etype = random_graph()
    operation, inputs, settings = CALLS[name]
    further = {**settings, **({"etype": etype} if name in RELATIONAL else {})}
    for place in range(len(inputs)):
        given = [one.to(torch.complex128) if i == place else one for i, one in enumerate(inputs)]
        with pytest.raises(NieError, match=r"must hold real numbers; got torch\.complex128"):
            operation(graph, *given, **further)


@pytest.mark.parametrize("shape", [(9, 0), (9, 2, 0), (9, 0, 2)])
def test_rows_without_values_are_refused(shape: tuple[int, ...]) -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match="value must have at least one value in each row; got shape"):
        if len(shape) == 2:
            neighbour_sum(graph, torch.zeros(shape))
        else:
            relational_sum(graph, torch.zeros(shape), torch.zeros(4, shape[1]), etype)


@pytest.mark.parametrize("relations", [0, 2])
def test_products_without_edges_or_relations_are_zero(relations: int) -> None:
    feat, weight = torch.ones(4, 3, requires_grad=True), torch.ones(relations, 3, 5, requires_grad=True)
    graph, etype = dgl.graph(([], []), num_nodes=4), torch.zeros(0, dtype=torch.int64)
    out = relational_product(graph, feat, weight, etype)
    assert torch.equal(out, torch.zeros(4, 5))
    assert all((grad == 0).all() for grad in torch.autograd.grad(out.sum(), (feat, weight)))
