"""nie.data.extract.numeric; the scaling is tested with nie.data.builders.fb15k_facts."""

from __future__ import annotations

import numpy as np
import pytest

from nie.data.extract import NumericFeatureExtractor
from nie.errors import NieError


def test_years_by_name_and_rare_attributes() -> None:
    extract = NumericFeatureExtractor(min_values=2, present_year=2020, year_words=("born",))
    channel = extract({"x.born": {0: 2019.0, 1: 2030.0}, "x.age": {0: 1.0}}, num_nodes=2)
    assert channel is not None
    np.testing.assert_allclose(channel.features, [[-np.log(2), 1], [0, 1]], rtol=1e-6)


def test_a_year_is_told_by_whole_words() -> None:
    channel = NumericFeatureExtractor(min_values=1)(
        {"x.candidates": {0: 1.0}, "x.date_of_birth": {0: 2016.0}}, num_nodes=1
    )
    assert channel is not None
    np.testing.assert_allclose(channel.features, [[np.log(2), 1, 0, 1]], rtol=1e-6)


def test_nothing_known_of_enough_entities() -> None:
    assert NumericFeatureExtractor(min_values=2)({"age": {0: 1.0}}, num_nodes=2) is None
    assert NumericFeatureExtractor()({}, num_nodes=2) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [({5: 1.0}, "names node 5, but there are 2"), ({1: np.inf}, "not a finite"), ({-1: 1.0}, "names node -1")],
)
def test_bad_values(values: dict[int, float], words: str) -> None:
    with pytest.raises(NieError, match=words):
        NumericFeatureExtractor(min_values=1)({"age": values}, num_nodes=2)
