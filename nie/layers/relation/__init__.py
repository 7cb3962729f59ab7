"""Relation vectors from structure, text, similar relations and the graph around them."""

from nie.layers.relation.context import ContextEnhancer, RelationContext, relation_context, with_inverses
from nie.layers.relation.relation_fusion import RelationFusion
from nie.layers.relation.similarity import SimilarityEnhancer

__all__ = [
    "ContextEnhancer",
    "RelationContext",
    "RelationFusion",
    "SimilarityEnhancer",
    "relation_context",
    "with_inverses",
]
