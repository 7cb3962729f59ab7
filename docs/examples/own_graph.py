"""A graph of one's own: from tables to scores of all its nodes."""

import nie

triples = {
    "head": [f"paper {i}" for i in range(1, 200)] + [f"paper {i}" for i in range(200)],
    "relation": ["cites"] * 199 + ["published in"] * 200,
    "tail": [f"paper {i // 3}" for i in range(1, 200)] + [f"journal {i % 7}" for i in range(200)],
}
scores = {"node": [f"paper {i}" for i in range(150)], "score": [1000 // (i + 1) for i in range(150)]}

kg = nie.KnowledgeGraph.from_frames(triples, scores=scores, name="papers")  # frames of pandas or Arrow, or columns
result = nie.run(kg, preset="quick")
print(result.table())
print(result.scores())
