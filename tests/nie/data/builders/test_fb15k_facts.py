"""nie.data.builders.fb15k_facts."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from nie.data.builders.fb15k_facts import numeric_channels
from nie.errors import NieError

INDEX = {"/m/a": 0, "/m/b": 1, "/m/c": 2}


def facts(folder: Path, *rows: tuple[str, str, str]) -> Path:
    path = folder / "facts.txt"
    path.write_text("".join(f"{mid}\t<http://rdf.freebase.com/ns/{name}>\t{value}\n" for mid, name, value in rows))
    return path


def test_values_are_scaled_filled_with_the_mean_and_flagged(tmp_path: Path) -> None:
    path = facts(
        tmp_path,
        ("/m/a", "people.person.height_meters", "1.5"),
        ("/m/b", "people.person.height_meters", "-2"),
        ("/m/a", "people.person.date_of_birth", "1916.5"),
    )
    channel = numeric_channels(path, INDEX, min_values=1)["facts"]
    born, tall, short = -np.log1p(99.5), np.log1p(1.5), -np.log1p(2)
    expected = [[born, 1, tall, 1], [born, 0, short, 1], [0, 0, 0, 0]]
    np.testing.assert_allclose(channel.features, expected, rtol=1e-6)
    assert channel.mask.tolist() == [True, True, False]


def test_a_date_in_the_future_is_the_present(tmp_path: Path) -> None:
    path = facts(tmp_path, ("/m/a", "film.film.initial_release_date", "2030"))
    assert numeric_channels(path, INDEX, min_values=1)["facts"].features[0, 0] == 0


def test_popularity_is_left_out_and_population_apart(tmp_path: Path) -> None:
    path = facts(
        tmp_path,
        ("/m/a", "base.popstra.sww_base.heat", "9"),
        ("/m/b", "topic_server.population_number", "99"),
    )
    channels = numeric_channels(path, INDEX, min_values=1)
    assert list(channels) == ["population"]
    np.testing.assert_allclose(channels["population"].features[1], [np.log(100), 1], rtol=1e-6)


def test_rare_attributes_are_left_out(tmp_path: Path) -> None:
    path = facts(tmp_path, ("/m/a", "people.person.height_meters", "1.5"))
    assert numeric_channels(path, INDEX, min_values=2) == {}


def test_a_packed_file_gives_the_same(tmp_path: Path) -> None:
    path = facts(tmp_path, ("/m/a", "people.person.height_meters", "1.5"))
    plain = numeric_channels(path, INDEX, min_values=1)["facts"].features
    path.with_name("facts.txt.xz").write_bytes(lzma.compress(path.read_bytes()))
    path.unlink()
    np.testing.assert_array_equal(numeric_channels(path, INDEX, min_values=1)["facts"].features, plain)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("/m/x", "a.b", "1")], r"line 1: the entity /m/x is not in the graph"),
        ([("/m/a", "a.b", "1"), ("/m/a", "a.b", "2")], r"line 2: a.b of /m/a is given twice"),
        ([("/m/a", "a.b", "tall")], r"line 1: the value must be a finite number; got 'tall'"),
        ([("/m/a", "a.b", "inf")], r"line 1: the value must be a finite number; got 'inf'"),
    ],
)
def test_bad_lines(tmp_path: Path, rows: list[tuple[str, str, str]], words: str) -> None:
    with pytest.raises(NieError, match=words):
        numeric_channels(facts(tmp_path, *rows), INDEX)
