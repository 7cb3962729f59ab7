"""Features of nodes, one kind in each file: from structure (node2vec, degrees, centrality, relations) and from text
(MiniLM, TF-IDF).

None of them reads a label. `nie.data.node_features.cache` holds their table and keeps what they compute on disk.
"""
