"""Builders: from raw files (or a package) to a `KnowledgeGraph`; each dataset's is in the module of its name."""
