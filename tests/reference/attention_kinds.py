"""Every variant of both kinds of attention by one name, with random inputs."""

from __future__ import annotations

from typing import Any

import torch
from reference.graphs import NUM_RELATIONS, normal
from torch import Tensor

from nie import ops
from nie.dgl_compat import dgl

H, D = 3, 4
KINDS = ["gat", "pregat", "plain", "mul", "add", "gate", "dot"]


def inputs(kind: str, graph: dgl.DGLGraph, etype: Tensor, num_heads: int = H, size: int = D) -> dict[str, Tensor]:
    """Random differentiable inputs for one kind of attention."""
    num_src, num_dst = graph.num_src_nodes(), graph.num_dst_nodes()
    tensors = {"value": normal(num_src, num_heads, size, seed=1)}
    if kind in ("gat", "pregat"):
        tensors |= {"src_score": normal(num_src, num_heads, seed=2), "dst_score": normal(num_dst, num_heads, seed=3)}
        if kind == "pregat":
            tensors["rel_score"] = normal(NUM_RELATIONS, num_heads, seed=4)
    else:
        tensors |= {"query": normal(num_dst, num_heads, size, seed=2), "key": normal(num_src, num_heads, size, seed=3)}
        if kind != "plain":
            tensors["rel"] = normal(NUM_RELATIONS, num_heads, *([size] if kind == "dot" else []), seed=4)
    return tensors


def attend(kind: str, graph: dgl.DGLGraph, etype: Tensor, tensors: dict[str, Tensor], **options: Any) -> Any:
    """Call the operator of ``kind``."""
    if kind in ("gat", "pregat"):
        return ops.additive_attention(graph, **tensors, etype=etype if kind == "pregat" else None, **options)
    if kind == "plain":
        return ops.dot_attention(graph, **tensors, **options)
    return ops.dot_attention(graph, **tensors, etype=etype, mode=kind, **options)


def gradients(out: Tensor, tensors: dict[str, Tensor]) -> list[Tensor]:
    """Of a weighted sum of ``out``, with weights of both signs."""
    return list(torch.autograd.grad((out * normal(*out.shape, seed=9).to(out.device)).sum(), list(tensors.values())))
