"""downstream.studies.text_encoders: the rows differ in what reads the texts, and in nothing else."""

from __future__ import annotations

import pytest

from downstream.studies.catalogue import find_study
from downstream.studies.settings import Settings
from downstream.studies.text_encoders import ENCODERS, READERS, named


@pytest.mark.parametrize("dataset", ["fb15k", "tmdb5k", "mykg"])
def test_rows_of_a_method_differ_by_the_encoder_alone(dataset: str) -> None:
    arms = {arm.name: arm.config for arm in find_study("text-encoders").arms(Settings(dataset))}
    for method in READERS:
        rows = [arms[named(method, encoder)].model_dump() for encoder in ENCODERS]
        around = "+neighbours" * method.endswith("neighbours")
        assert [row["features"].pop("semantic") for row in rows] == [f"{encoder}{around}" for encoder in ENCODERS]
        assert rows[0] == rows[1] == rows[2]


def test_each_stands_against_the_next_smaller() -> None:
    study = find_study("text-encoders")
    pairs = study.pairs(study.arms(Settings("fb15k")))
    assert ("rgtn, mpnet", "rgtn, minilm") in pairs
    assert ("rgtn, minilm", "rgtn, tfidf") in pairs
    assert len(pairs) == 2 * len(READERS)
