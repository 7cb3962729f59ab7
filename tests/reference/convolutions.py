"""A convolution of ours against DGL's, from the same seed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from reference.graphs import normal, random_graph
from torch import nn

from nie.dgl_compat import dgl


def check_bits(make: Callable[[int, int], nn.Module], of_dgl: Callable[[int, int], nn.Module]) -> None:
    """Raise unless parameters, output and gradients are the same bits, on a graph and on a block, for all shapes."""
    for in_size, out_size in ((5, 3), (3, 5), (4, 4)):
        graph, _ = random_graph()
        nodes, _, (block,) = dgl.dataloading.NeighborSampler([-1]).sample_blocks(graph, torch.tensor([7, 0, 4]))
        feat = normal(9, in_size).float()
        for given, own in ((graph, feat), (block, feat[nodes])):
            results = []
            for build in (make, of_dgl):
                torch.manual_seed(0)
                layer = build(in_size, out_size)
                out = layer(given, own)
                out.square().sum().backward()
                results.append((layer.state_dict(), out, {key: each.grad for key, each in layer.named_parameters()}))
            (state, out, grads), (expected_state, expected, expected_grads) = results
            assert state.keys() == expected_state.keys()
            assert all(torch.equal(state[key], expected_state[key]) for key in state)
            assert torch.equal(out, expected)
            assert all(torch.equal(grads[key], expected_grads[key]) for key in grads)
