"""Scores that log(1 + score) hardly tells apart."""

from __future__ import annotations

import pytest

from nie.data import KnowledgeGraph
from nie.errors import NieError

TRIPLES = {"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"]}


@pytest.mark.parametrize(
    ("scores", "said"),
    [({"a": 0.0, "b": 3e-7, "c": 4e-7}, "multiplied by 1e+08"), ({"a": 0.0, "b": 0.4}, ""), ({"a": 0.0, "b": 0.0}, "")],
    ids=["tiny", "shares", "zeros"],
)
def test_scores_far_below_one_are_warned_of(
    scores: dict[str, float], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    KnowledgeGraph.from_frames(TRIPLES, scores=scores)
    warned = "".join(record.getMessage() for record in caplog.records)
    assert ("give them in a smaller unit" in warned) == bool(said)
    assert said in warned


def test_scores_are_learned_as_they_are_where_one_says_so(caplog: pytest.LogCaptureFixture) -> None:
    triples = {"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"]}
    scores = {"a": 1e-6, "b": 2e-6, "c": 3e-6}
    kg = KnowledgeGraph.from_frames(triples, scores=scores, label_transform="none")
    assert kg.targets.tolist() == [1e-6, 2e-6, 3e-6]
    assert not caplog.messages
    with pytest.raises(NieError, match="label_transform must be one of"):
        KnowledgeGraph.from_frames(triples, scores=scores, label_transform="square")
