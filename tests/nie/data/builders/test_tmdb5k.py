from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.data.builders.tmdb5k import FORWARD, RELATIONS, tmdb5k
from nie.errors import NieError

Row = dict[str, Any]


def named(**pairs: str) -> list[Row]:
    return [{"id": int(key.strip("_")), "name": name} for key, name in pairs.items()]


def movies() -> list[Row]:
    return [
        {
            "id": 7, "title": "Up, away", "overview": "They\nfly. ", "popularity": "2.5", "genres": named(_1="Drama"),
            "production_companies": named(_5="Acme", _6="Acme"),
            "production_countries": [{"iso_3166_1": "FR", "name": "France"}],
        },
        {
            "id": 9, "title": "Quiet", "overview": "", "popularity": "0", "genres": named(_2="Noir", _1="Drama"),
            "production_companies": [], "production_countries": [],
        },
    ]  # fmt: skip


def credits() -> list[Row]:
    crew = [{"id": 31, "name": "Dee", "department": "Directing"}, {"id": 30, "name": "Ann", "department": "Writing"}]
    return [
        {"movie_id": 7, "title": "Up, away", "cast": named(_30="Ann"), "crew": [*crew, crew[0]]},
        {"movie_id": 9, "title": "Quiet", "cast": named(_32="Ann"), "crew": []},
    ]


def write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        for row in rows:
            writer.writerow({key: json.dumps(v) if isinstance(v, list) else v for key, v in row.items()})


def raw(folder: Path, movie_rows: list[Row] | None = None, credit_rows: list[Row] | None = None) -> Path:
    write(folder / "tmdb_5000_movies.csv", movie_rows or movies())
    write(folder / "tmdb_5000_credits.csv", credit_rows or credits())
    return folder


def facts(folder: Path) -> list[tuple[str, str, str]]:
    kg = tmdb5k(folder)
    names = list(kg.node_names)
    forward = kg.etype < len(FORWARD)
    edges = zip(kg.src[forward], kg.etype[forward], kg.dst[forward], strict=True)
    return [(names[h], RELATIONS[r], names[t]) for h, r, t in edges]


def test_numbering_and_text(tmp_path: Path) -> None:
    kg = tmdb5k(raw(tmp_path))
    assert kg.node_names == [
        "Up, away (movie 7)", "Quiet (movie 9)", "Drama (genre 1)", "Noir (genre 2)", "Acme (company 5)",
        "Acme (company 6)", "France (country FR)", "Ann (person 30)", "Ann (person 32)", "Dee (person 31)",
        "movie (type)", "genre (type)", "company (type)", "country (type)", "person (type)",
    ]  # fmt: skip
    assert kg.text[:3] == ["Up, away. They\nfly.", "Quiet.", "Drama"]
    np.testing.assert_array_equal(kg.labels[:3], [2.5, 0, np.nan])
    assert kg.label_mask.sum() == 2


def test_facts_are_distinct_and_typed(tmp_path: Path) -> None:
    found = facts(raw(tmp_path))
    assert len(found) == len(set(found))
    assert found.count(("Up, away (movie 7)", "Directing", "Dee (person 31)")) == 1
    assert ("Up, away (movie 7)", "Writing", "Ann (person 30)") in found
    assert ("Quiet (movie 9)", "actor", "Ann (person 32)") in found
    assert Counter(relation for _, relation, _ in found)["is_a"] == 10


def test_every_fact_has_its_inverse(tmp_path: Path) -> None:
    kg = tmdb5k(raw(tmp_path))
    half = kg.num_edges // 2
    np.testing.assert_array_equal(kg.src[:half], kg.dst[half:])
    np.testing.assert_array_equal(kg.dst[:half], kg.src[half:])
    np.testing.assert_array_equal(kg.etype[:half] + 17, kg.etype[half:])


def test_published_text(tmp_path: Path) -> None:
    raw(tmp_path)
    names = tmdb5k(tmp_path).node_names
    lines = [f"{i}\t0\t0\t{name if i < 4 else chr(92) + 'N'}" for i, name in enumerate(names)]
    (tmp_path / "node_info.tsv").write_text("\n".join(["node_id\tscore\tvalid\tdescription", *lines]))
    assert tmdb5k(tmp_path, text="published").text[3:5] == ["Noir (genre 2)", None]
    (tmp_path / "node_info.tsv").write_text("\n".join(["h\th\th\th", *lines[:-1]]))
    with pytest.raises(NieError, match=r"node_info.tsv has 14 nodes, but the csv files give 15"):
        tmdb5k(tmp_path, text="published")
    (tmp_path / "node_info.tsv").write_text("\n".join(["h\th\th\th", lines[1]]))
    with pytest.raises(NieError, match=r"node_info.tsv, line 2 must be of node 0; got node 1"):
        tmdb5k(tmp_path, text="published")


def changed(rows: list[Row], index: int, **changes: Any) -> list[Row]:
    rows[index] = {**rows[index], **changes}
    return rows


@pytest.mark.parametrize(
    ("movie_rows", "credit_rows", "words"),
    [
        (
            changed(movies(), 1, popularity="-1"),
            None,
            r"movies.csv, line 4: popularity must be a finite number >= 0; got '-1'",
        ),
        (changed(movies(), 1, popularity="inf"), None, r"movies.csv, line 4: popularity must be .* got 'inf'"),
        (changed(movies(), 1, popularity=""), None, r"movies.csv, line 4: popularity must be .* got ''"),
        (changed(movies(), 0, id="x"), None, r"movies.csv, line 3: id must be a number; got 'x'"),
        (changed(movies(), 1, id=7), changed(credits(), 1, movie_id=7), r"line 4: the film 7 appears twice"),
        (changed(movies(), 0, genres="[{"), None, r"movies.csv, line 3: the column genres is not valid JSON"),
        (changed(movies(), 0, genres='[{"id": 1, "name": "\\ud800"}]'), None, r"line 3: in genres, .* is no text"),
        (changed(movies(), 0, genres="{}"), None, r"line 3: the column genres must be a JSON list"),
        (changed(movies(), 0, genres=[{"id": 1}]), None, r"line 3: an entry of genres .* lacks a key: 'name'"),
        (
            changed(movies(), 0, genres=[{"id": [1], "name": "A"}]),
            None,
            r"line 3: in genres, the id must be .* got \[1\]",
        ),
        (
            changed(movies(), 0, genres=[{"id": {}, "name": "A"}]),
            None,
            r"line 3: in genres, the id must be .* got {}",
        ),
        (
            changed(movies(), 0, genres=[{"id": 1, "name": [2]}]),
            None,
            r"movies.csv, line 3: in genres, .* got 1 and \[2\]",
        ),
        (changed(movies(), 0, genres="[" * 100_000), None, r"movies.csv, line 3: the column genres is not valid JSON"),
        (changed(movies(), 0, id="9" * 5000), None, r"movies.csv, line 3: id must be a number"),
        (None, changed(credits(), 0, crew=[{"id": 1, "name": "A", "department": "Magic"}]), r"department.*'Magic'"),
        (None, changed(credits(), 1, movie_id=8), r"credits.csv, line 3 must be of film 9; got film 8"),
        (None, credits()[:1], r"has 2 films and .*credits.csv 1"),
        ([{"id": 1, "title": "x"}], None, r"movies.csv, line 1, which is the header, lacks the column 'overview'"),
    ],
)
def test_malformed(tmp_path: Path, movie_rows: list[Row] | None, credit_rows: list[Row] | None, words: str) -> None:
    with pytest.raises(NieError, match=words):
        tmdb5k(raw(tmp_path, movie_rows, credit_rows))


@pytest.mark.parametrize("file", ["tmdb_5000_movies.csv", "tmdb_5000_credits.csv"])
def test_header_only(tmp_path: Path, file: str) -> None:
    path = raw(tmp_path) / file
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(NieError, match=rf"{file} has a header but no film"):
        tmdb5k(tmp_path)


def test_truncated_csv(tmp_path: Path) -> None:
    raw(tmp_path)
    path = tmp_path / "tmdb_5000_credits.csv"
    path.write_text(path.read_text()[:-25])
    with pytest.raises(NieError, match=r"credits.csv, line 2 is not valid csv"):
        tmdb5k(tmp_path)


def test_unknown_text(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="'names' or 'published'"):
        tmdb5k(tmp_path, text="long")  # type: ignore[arg-type]


@pytest.mark.raw
def test_published_counts(raw_dir: Path) -> None:
    kg = tmdb5k(raw_dir / "tmdb5k")
    assert (kg.num_nodes, kg.num_relations, kg.num_edges) == (114_805, 34, 761_648)
    assert kg.label_mask.sum() == 4_803
    per_relation = np.bincount(kg.etype)[:17].tolist()
    assert dict(zip(FORWARD, per_relation, strict=True)) == {
        "is_a": 114_800, "genre": 12_160, "company": 13_677, "country": 6_436, "actor": 106_084, "Art": 14_805,
        "Sound": 15_737, "Costume & Make-Up": 11_014, "Actors": 4, "Directing": 8_145, "Editing": 7_848,
        "Crew": 13_756, "Lighting": 2_409, "Visual Effects": 7_524, "Production": 27_345, "Camera": 9_042,
        "Writing": 10_038,
    }  # fmt: skip
    kinds = Counter(name.rsplit("(", 1)[1].split()[0].rstrip(")") for name in kg.node_names)
    assert kinds == {"movie": 4803, "genre": 20, "company": 5047, "country": 88, "person": 104_842, "type": 5}
    rows = (raw_dir / "tmdb5k" / "node_info.tsv").read_text().splitlines()[1:]
    scores = [float(row.split("\t")[1]) for row in rows]
    np.testing.assert_allclose(kg.labels[:4803], scores[:4803])
    named = {"is_a": 0, **json.loads((raw_dir / "tmdb5k" / "rel_name.json").read_text())}
    assert [name for name, _ in sorted(named.items(), key=lambda item: item[1])] == list(kg.relation_names)
    published = tmdb5k(raw_dir / "tmdb5k", text="published")
    assert published.structure_digest == kg.structure_digest
    for node in range(4803, 114_805):
        assert published.text[node] in (None, kg.text[node])
