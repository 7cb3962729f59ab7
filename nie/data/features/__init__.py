"""Features of nodes from structure (node2vec, degrees, relations) and text (MiniLM, TF-IDF); none reads a label."""

from nie.data.features.cache import FEATURES, Feature, features
from nie.data.features.degrees import degree_features
from nie.data.features.node2vec import node2vec
from nie.data.features.relations import relation_profile
from nie.data.features.text import sentence_embeddings, tfidf_svd

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
