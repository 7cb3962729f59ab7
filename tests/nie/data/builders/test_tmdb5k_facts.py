"""nie.data.builders.tmdb5k_facts."""

from __future__ import annotations

import numpy as np
import pytest

from nie.data.builders.tmdb5k_facts import film_channels

ROW = {
    "budget": "1000", "runtime": "120", "release_date": "1999-01-02", "original_language": "fr",
    "keywords": '[{"id": 1}, {"id": 2}]', "homepage": "http://a.b", "tagline": " ", "overview": "four",
    "popularity": "9", "vote_count": "9", "vote_average": "9", "revenue": "9",
}  # fmt: skip


def test_what_is_known_of_a_film() -> None:
    channels = film_channels([ROW], 3)
    np.testing.assert_allclose(channels["facts"].features[0], [np.log1p(1000), 120, 1999, 1, 1, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(channels["entry"].features[0], [np.log(3), 1, 0, np.log(5)], rtol=1e-6)
    for channel in channels.values():
        assert channel.mask.tolist() == [True, False, False]
        assert not channel.features[1:].any()


@pytest.mark.parametrize("name", ["popularity", "vote_count", "vote_average", "revenue"])
def test_what_says_the_importance_enters_nothing(name: str) -> None:
    one, two = film_channels([ROW], 1), film_channels([{**ROW, name: "1234"}], 1)
    for channel in one:
        np.testing.assert_array_equal(one[channel].features, two[channel].features)


@pytest.mark.parametrize("value", ["", "0", "nan", "-5", "inf", "unknown"])
def test_what_is_unknown_is_the_mean_of_the_others_with_its_flag(value: str) -> None:
    unknown = {**ROW, "budget": value, "runtime": value, "release_date": value}
    facts = film_channels([ROW, {**ROW, "runtime": "60"}, unknown], 3)["facts"].features
    np.testing.assert_allclose(facts[2], [np.log1p(1000), 90, 1999, 0, 0, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(film_channels([unknown], 1)["facts"].features, np.zeros((1, 7)))


def test_broken_keywords_count_as_none() -> None:
    for broken in ("{", "3", ""):
        assert film_channels([{**ROW, "keywords": broken}], 1)["entry"].features[0, 0] == 0


def test_a_csv_without_the_columns_has_no_channel() -> None:
    row = {key: value for key, value in ROW.items() if key != "budget"}
    assert list(film_channels([row], 1)) == ["entry"]
