"""Features of nodes from structure (node2vec, degrees, relations) and text (MiniLM, TF-IDF); none reads a label."""

from nie.data.feature_kinds.cache import FEATURES, Feature, features
from nie.data.feature_kinds.degrees import degree_features
from nie.data.feature_kinds.node2vec import node2vec
from nie.data.feature_kinds.relations import relation_profile
from nie.data.feature_kinds.text import sentence_embeddings, tfidf_svd

__all__ = [
    "FEATURES",
    "Feature",
    "degree_features",
    "features",
    "node2vec",
    "relation_profile",
    "sentence_embeddings",
    "tfidf_svd",
]
