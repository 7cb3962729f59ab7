"""The names that settings and layers share, each list once."""

from __future__ import annotations

from typing import Literal, get_args

RelationMode = Literal["mul", "add", "gate", "dot"]
"""How a relation enters the attention of the graph transformer."""

AttentionName = Literal["local", "global", "both"]
"""Which nodes a node of the graph transformer attends to: its neighbours, all nodes, or both."""

JumpingName = Literal["last", "max", "concat"]
"""What is read of a stack of layers: the last one, the largest value of all, or a linear map of all side by side."""

GroupingName = Literal["predicates", "louvain", "components", "k-core", "centrality"]
"""What nodes are grouped by, where a loss looks at groups."""

LearnedLabels = Literal["given", "raw", "log1p", "rank", "normal"]
"""What is learned in the place of the labels on the scale that is judged (`pretrain.label_scale.LabelScale`)."""

LEARNED_LABELS = (
    "what is learned in the place of the labels: given, as they are; raw; log1p, which is the same where a graph's "
    "labels are logarithms; rank, the share of training labels below; normal, the normal quantile of that. Figures, "
    "scores and explanations are of predictions on the usual scale"
)
"""What settings say of it."""

RemovedLabels = Literal["none", "head", "tail", "random"]
"""Which training nodes lose their labels: some of the most important, of the least important, or of all."""

ActivationName = Literal["linear", "leaky_relu"]
"""The activation of a score."""

ReadoutName = Literal["linear", "convolution"]
"""What gives the score of a stack of convolutions: a linear map of the last one's output, or the last one itself."""

GCNNorm = Literal["symmetric", "none"]
"""How a plain graph convolution weighs a neighbour: by the roots of two degrees, or not."""

RGCNNorm = Literal["mean", "none"]
"""Whether a relational graph convolution takes the mean of what neighbours send, or the sum."""

LayerActivationName = Literal["linear", "elu"]
"""The activation of the scores between the layers of GENI."""

EXPLANATIONS = ("ig", "leave-one-out", "attention")
"""How a score is explained: integrated gradients, its change without a fact, or what the network looks at."""

WHICH_NODES = ("named", "changed")
"""Whose scores what-if shows: the nodes that a changed fact names, or those whose score changes most."""

REL_MODES: tuple[str, ...] = get_args(RelationMode)
