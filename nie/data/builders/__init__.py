"""One builder a dataset, each in the module of its name: raw files (or a package) in, `KnowledgeGraph` out."""
