"""RGTN node by node and channel by channel, in eval mode, from the parameters of a model; slow."""

from __future__ import annotations

import math

import torch
from reference.attention import dot_attention
from torch import Tensor, nn

from downstream.heads.importance import ImportanceHead
from downstream.methods.rgtn import RGTN
from nie.dgl_compat import dgl
from nie.layers import CoAttention, RelGraphTransformerConv
from nie.models.transformer import TransformerBlock


def batch_norm(norm: nn.BatchNorm1d, row: Tensor) -> Tensor:
    """Normalise one row by the running statistics."""
    return (row - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias


def rel_graph_transformer_conv(
    conv: RelGraphTransformerConv, graph: dgl.DGLGraph, feat: Tensor, rel: Tensor | None, etype: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Output (N, H, D) and attention (E, H)."""
    heads = (-1, conv.num_heads, conv.out_size)
    query, key, value = ((feat @ layer.weight.T).view(heads) for layer in (conv.query, conv.key, conv.value))
    table = None
    if rel is not None:
        bias = 0 if conv.relation.bias is None else conv.relation.bias
        table = rel @ conv.relation.weight.T + bias
        if conv.mode == "gate":
            table = torch.stack([batch_norm(conv.relation_norm, row) for row in table])
        if conv.mode == "dot":
            table = table.view(heads)
    return dot_attention(graph, query, key, value, table, etype, conv.mode)


def feed_forward(net: nn.Sequential, row: Tensor) -> Tensor:
    """Linear, ReLU, linear."""
    hidden = net[0].weight @ row + net[0].bias
    return net[2].weight @ hidden.clamp(min=0) + net[2].bias


def transformer_block(block: TransformerBlock, graph: dgl.DGLGraph, feat: Tensor, rel: Tensor, etype: Tensor) -> Tensor:
    """Output (N, H·D)."""
    attended, _ = rel_graph_transformer_conv(block.conv, graph, feat, rel, etype)
    rows = []
    for node in range(len(feat)):
        h = block.project.weight @ attended[node].flatten()
        if block.residual:
            same = isinstance(block.shortcut, nn.Identity)
            h = h + (feat[node] if same else block.shortcut.weight @ feat[node])
        h = batch_norm(block.norm, h)
        fed = feed_forward(block.feed_forward, h)
        rows.append(batch_norm(block.feed_forward_norm, h + fed if block.residual else fed))
    return torch.stack(rows)


def co_attention(layer: CoAttention, tokens: Tensor) -> Tensor:
    """Output (N, C, size)."""
    out = torch.empty_like(tokens)
    channels = range(layer.num_channels)
    for node, h in enumerate(tokens):
        for c in channels:
            query = layer.query.weight @ h[c]
            exponents = [torch.exp(query @ (layer.key.weight @ h[d]) / math.sqrt(layer.size)) for d in channels]
            a = sum(exponents[d] / sum(exponents) * (layer.value.weight @ h[d]) for d in channels)
            b = a + feed_forward(layer.feed_forward, a)
            b = (b - b.mean()) / torch.sqrt(((b - b.mean()) ** 2).mean() + layer.layer_norm.eps)
            b = b * layer.layer_norm.weight + layer.layer_norm.bias
            columns = slice(c * layer.size, (c + 1) * layer.size)
            norm = layer.batch_norm
            centred = h[c] + b - norm.running_mean[columns]
            scaled = centred / torch.sqrt(norm.running_var[columns] + norm.eps)
            out[node, c] = scaled * norm.weight[columns] + norm.bias[columns]
    return out


def importance_head(head: ImportanceHead, tokens: Tensor, centrality: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scores (N,) and scores by channel (N, C)."""
    score, by_channel = tokens.new_empty(len(tokens)), tokens.new_empty(tokens.shape[:2])
    for node, h in enumerate(tokens):
        for c in range(head.num_channels):
            s = head.weight[c] @ h[c] + head.bias[c]
            if head.activation == "leaky_relu" and s < 0:
                s = 0.01 * s
            if c == head.scaled_channel and centrality is not None:
                s = s * (head.scale.gamma * centrality[node] + head.scale.beta)
            by_channel[node, c] = s
        exponents = [torch.exp(h[c] @ head.mix) for c in range(head.num_channels)]
        score[node] = sum(exponents[c] / sum(exponents) * by_channel[node, c] for c in range(head.num_channels))
    return score, by_channel


def rgtn(model: RGTN, graph: dgl.DGLGraph, feats: dict[str, Tensor], etype: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (N,) and scores by channel (N, C)."""
    encoded = []
    for name, encoder in zip(model.channels, model.encoders, strict=True):
        h = feats[name]
        for block in encoder.blocks:
            h = transformer_block(block, graph, h, model.relations, etype)
        encoded.append(h)
    tokens = torch.stack(encoded, dim=1)
    if len(model.channels) > 1:  # a lone channel has none to attend to
        tokens = co_attention(model.fusion.fusion.co_attention, tokens)
    centrality = None
    if model.centrality_scale:
        degrees = [sum(1 for v in graph.edges()[1].tolist() if v == node) for node in range(graph.num_nodes())]
        centrality = torch.tensor([math.log(max(degree, 1)) for degree in degrees], dtype=torch.float64)
    return importance_head(model.head, tokens, centrality)
