"""Features of nodes: structural (node2vec, degrees) and semantic (sentence embeddings, TF-IDF). None reads a label."""

from nie.data.features.cache import FEATURES, Feature, features
from nie.data.features.degrees import degree_features
from nie.data.features.node2vec import node2vec
from nie.data.features.text import sentence_embeddings, tfidf_svd

__all__ = ["FEATURES", "Feature", "degree_features", "features", "node2vec", "sentence_embeddings", "tfidf_svd"]
