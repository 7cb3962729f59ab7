"""TMDB5K: films, their genres, companies, countries and people; importance is a film's popularity."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nie.data.builders.tmdb5k_facts import film_channels, film_dates, film_signals
from nie.data.graph import KnowledgeGraph
from nie.data.raw import checksums, find_packed, open_text, read_rows
from nie.errors import NieError, shown

VERSION = 4
MOVIES = "tmdb_5000_movies.csv"
CREDITS = "tmdb_5000_credits.csv"
NODE_INFO = "node_info.tsv"
ABSENT = "\\N"
# JSON can write NUL and halves of letters, which no file of text can hold. (Names with tabs are among TMDB's own.)
_NO_TEXT = re.compile("[\\x00\\ud800-\\udfff]")
TYPES = ("movie", "genre", "company", "country", "person")
FORWARD = (
    "is_a", "genre", "company", "country", "actor", "Art", "Sound", "Costume & Make-Up", "Actors", "Directing",
    "Editing", "Crew", "Lighting", "Visual Effects", "Production", "Camera", "Writing",
)  # fmt: skip
RELATIONS = (*FORWARD, *(f"{relation}_inverse" for relation in FORWARD))


@dataclass(frozen=True)
class CsvFile:
    """A csv: its path, and its rows with the line on which each one ends."""

    path: Path
    rows: list[tuple[int, dict[str, str]]]


def tmdb5k(raw: str | os.PathLike[str], *, text: Literal["names", "published"] = "names") -> KnowledgeGraph:
    """Build TMDB5K: 114,805 nodes, 34 relations, 761,648 edges, 4,803 labelled films.

    Nodes are the films in csv order, then genres, companies, countries and people by first appearance (people: the
    cast of all films, then the crew), then the five type nodes. Every distinct fact is one edge film -> other or
    entity -> type, and one inverse edge of its own relation (r + 17). Popularity, votes and revenue enter no feature;
    budget, runtime, year and language are the channel ``facts``, and how full the film's entry is, ``entry``. The
    signals are popularity, vote_count, vote_average, revenue and budget, and the day of a film is that of its release.

    Args:
        raw: folder with the two csv files of Kaggle's "TMDB 5000 movie metadata", plain or packed.
        text: "names" is title and overview of a film and the name of anything else; "published" is the papers' text
            in ``node_info.tsv``, which companies and people lack.

    Raises:
        NieError: a file is missing, damaged or malformed.
    """
    if text not in ("names", "published"):
        raise NieError(f"The option text of tmdb5k must be 'names' or 'published'; got {shown(text)}.")
    folder = Path(raw)
    movies = _read_csv(folder / MOVIES, ("id", "title", "overview", "popularity"), _MOVIE_LISTS)
    credits = _read_csv(folder / CREDITS, ("movie_id",), _CREDIT_LISTS)
    _check_same_movies(movies, credits)
    nodes, edges = _nodes_and_edges(movies, credits)
    popularity = [_number(movies.path, line, row["popularity"]) for line, row in movies.rows]
    src, etype, dst = _with_inverses(edges)
    rows = [row for _, row in movies.rows]
    labelled = np.arange(len(nodes.names)) < len(movies.rows)
    labels = np.full(len(nodes.names), np.nan)
    labels[labelled] = popularity
    files = [MOVIES, CREDITS, *([NODE_INFO] if text == "published" else [])]
    texts = _published_text(folder / NODE_INFO, nodes.names) if text == "published" else _name_text(movies, nodes.names)
    return KnowledgeGraph(
        name="tmdb5k",
        src=src,
        dst=dst,
        etype=etype,
        labels=labels,
        label_mask=labelled,
        node_names=nodes.labels,
        relation_names=RELATIONS,
        text=texts,
        channels=film_channels(rows, len(nodes.names)),
        signals=film_signals(rows, len(nodes.names)),
        node_dates=film_dates(rows, len(nodes.names)),
        meta={
            "label_transform": "log1p",
            "label": "popularity",
            "licence": "data from The Movie Database (TMDB) under its API terms of use; not redistributed",
            "attribution": "TMDB 5000 movie metadata (Kaggle). This product uses the TMDB API but is not endorsed or "
            "certified by TMDB.",
            "raw": checksums(*(folder / file for file in files)),
            "builder": {"name": "tmdb5k", "version": VERSION},
            "options": {"text": text},
        },
    )


class _Nodes:
    """Numbers nodes by key, in order of first appearance."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, Any], int] = {}
        self.names: list[str] = []
        self.labels: list[str] = []

    def add(self, kind: str, key: Any, name: str) -> int:
        """Return the id of the node, which is new when its kind and key are."""
        known = self.ids.get((kind, key))
        if known is None:
            known = self.ids[kind, key] = len(self.names)
            self.names.append(name)
            self.labels.append(f"{name} ({kind} {key})" if kind != "type" else f"{name} (type)")
        return known


def _nodes_and_edges(movies: CsvFile, credits: CsvFile) -> tuple[_Nodes, Iterable[tuple[int, int, int]]]:
    """Number all nodes, and collect the distinct facts (head, relation, tail), without inverses, in order."""
    nodes = _Nodes()
    edges: dict[tuple[int, int, int], None] = {}
    relation_of = {relation: index for index, relation in enumerate(FORWARD)}
    for line, row in movies.rows:
        before = len(nodes.names)
        if nodes.add("movie", int(row["id"]), row["title"]) != before:
            raise NieError(f"{movies.path}, line {line}: the film {row['id']} appears twice.")

    def connect(file: CsvFile, column: str, kind: str, key: str, relation: Callable[[dict[str, Any]], str]) -> None:
        for movie, (line, row) in enumerate(file.rows):
            for item in _json_list(file.path, line, column, row[column]):
                try:
                    if type(item[key]) not in (int, str) or not isinstance(item["name"], str):
                        raise NieError(
                            f"{file.path}, line {line}: in {column}, the {key} must be a number or string, "
                            f"and its name a string; got {shown(item[key])} and {shown(item['name'])}."
                        )
                    if _NO_TEXT.search(f"{item[key]}{item['name']}"):
                        raise NieError(f"{file.path}, line {line}: in {column}, {shown(item['name'])} is no text.")
                    node = nodes.add(kind, item[key], item["name"])
                    edges[movie, relation_of[relation(item)], node] = None
                except KeyError as error:
                    raise NieError(
                        f"{file.path}, line {line}: an entry of {column} has an unknown department or lacks a key: "
                        f"{error}."
                    ) from error

    connect(movies, "genres", "genre", "id", lambda _: "genre")
    connect(movies, "production_companies", "company", "id", lambda _: "company")
    connect(movies, "production_countries", "country", "iso_3166_1", lambda _: "country")
    connect(credits, "cast", "person", "id", lambda _: "actor")
    connect(credits, "crew", "person", "id", lambda item: str(item["department"]))
    types = {kind: nodes.add("type", kind, kind) for kind in TYPES}
    is_a = [(node, 0, types[kind]) for (kind, _), node in nodes.ids.items() if kind != "type"]
    return nodes, [*is_a, *edges]


def _with_inverses(edges: Iterable[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return src, etype, dst of the facts and then of their inverses."""
    head, relation, tail = np.array(list(edges), dtype=np.int64).T
    return (
        np.concatenate([head, tail]),
        np.concatenate([relation, relation + len(FORWARD)]),
        np.concatenate([tail, head]),
    )


_MOVIE_LISTS = ("genres", "production_companies", "production_countries")
_CREDIT_LISTS = ("cast", "crew")


def _read_csv(path: Path, plain: tuple[str, ...], lists: tuple[str, ...]) -> CsvFile:
    found = find_packed(path)
    # The cast of a long film exceeds the csv module's default limit of 128 KiB for a field.
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with open_text(path) as stream:
            reader = csv.DictReader(io.StringIO(stream.read()), strict=True)
            missing = [column for column in (*plain, *lists) if column not in (reader.fieldnames or ())]
            if missing:
                raise NieError(f"{found}, line 1, which is the header, lacks the column {shown(missing[0])}.")
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise NieError(f"{found}, line {reader.line_num} must have {len(reader.fieldnames or ())} columns.")
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise NieError(f"{found}, line {reader.line_num} is not valid csv ({error}).") from error
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise NieError(f"{found} has a header but no film.")
    return CsvFile(found, rows)


def _check_same_movies(movies: CsvFile, credits: CsvFile) -> None:
    for file, column in ((movies, "id"), (credits, "movie_id")):
        for line, row in file.rows:
            if not row[column].isdecimal() or len(row[column]) > 18:
                raise NieError(f"{file.path}, line {line}: {column} must be a number; got {shown(row[column])}.")
    if len(movies.rows) != len(credits.rows):
        raise NieError(
            f"{movies.path} has {len(movies.rows)} films and {credits.path} {len(credits.rows)}; they must agree."
        )
    for (_, movie), (line, credit) in zip(movies.rows, credits.rows, strict=True):
        if movie["id"] != credit["movie_id"]:
            raise NieError(f"{credits.path}, line {line} must be of film {movie['id']}; got film {credit['movie_id']}.")


def _json_list(found: Path, line: int, column: str, value: str) -> list[dict[str, Any]]:
    try:
        items = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NieError(f"{found}, line {line}: the column {column} is not valid JSON ({error}).") from error
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NieError(f"{found}, line {line}: the column {column} must be a JSON list of objects.")
    return items


def _number(found: Path, line: int, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise NieError(f"{found}, line {line}: popularity must be a finite number >= 0; got {shown(value)}.")
    return number


def _name_text(movies: CsvFile, names: list[str]) -> list[str | None]:
    films = [f"{row['title']}. {row['overview'].strip()}".strip() for _, row in movies.rows]
    return [*films, *(name or None for name in names[len(films) :])]


def _published_text(path: Path, names: list[str]) -> list[str | None]:
    """The papers' descriptions: overviews of films, names of genres, countries and types, nothing for the others."""
    found = find_packed(path)
    rows = read_rows(path, 4)
    next(rows, None)  # header
    texts: list[str | None] = []
    for line, (node, _score, _valid, description) in rows:
        if node != str(len(texts)):
            raise NieError(f"{found}, line {line} must be of node {len(texts)}; got node {node}.")
        texts.append(None if description in ("", ABSENT) else description)
    if len(texts) != len(names):
        raise NieError(f"{found} has {len(texts)} nodes, but the csv files give {len(names)}.")
    return texts
