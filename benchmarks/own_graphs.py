"""Two graphs such as people bring: of films (N-Triples) and of papers (tab-separated), from a seed.

::

    python benchmarks/own_graphs.py --out /tmp/own                  # /tmp/own/film/, /tmp/own/citation/
    nie run film --preset quick --triples /tmp/own/film/triples.nt --scores /tmp/own/film/scores.tsv

Each has some 18,000 triples with IRIs, names in several scripts, literals, and types of which no node has a score. A
score comes from what a graph can tell (the fame of the people behind a film, the papers that cite a paper), from its
literals (budget, year), from its words, and from noise, so that no method can rank the nodes perfectly.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

WORDS = ("river", "night", "garden", "winter", "letter", "shadow", "island", "engine", "summer", "silence", "mirror")
PRAISE = ["celebrated", "unforgettable", "landmark", "acclaimed", "masterly"]
BLAME = ["routine", "forgettable", "minor", "slight", "uneven"]
NAMES = ("Amélie", "Ольга", "村上", "José", "Σοφία", "Zoë", "Łukasz", "Anna", "Bob", "نور", "Ngũgĩ", "O'Brien")
XSD = "http://www.w3.org/2001/XMLSchema#"
BASE = "http://example.org/"
TYPE, LABEL = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>", "<http://www.w3.org/2000/01/rdf-schema#label>"


def film(seed: int) -> tuple[list[str], list[str]]:
    """Lines of N-Triples and of scores: films, people, genres and countries; votes for most of the films.

    >>> triples, scores = film(0)
    >>> len(scores), triples[0].endswith(" .")
    (1754, True)
    """
    draw = np.random.default_rng(seed)
    films, people, genres, countries = 1950, 1500, 18, 30
    fame, taste, budget = draw.normal(size=people), draw.normal(0, 0.5, genres), draw.normal(size=films)
    popular = np.exp(0.7 * fame) * draw.pareto(2.0, people)
    popular /= popular.sum()
    triples, votes = [], np.zeros(films)
    for person in range(people):
        subject = _iri("person", person)
        triples.append((subject, TYPE, _iri("class", "Person")))
        triples.append((subject, LABEL, f'"{_name(draw)} {person}"@en'))
        if draw.random() < 0.5:
            triples.append(
                (subject, _iri("p", "birthDate"), f'"{1920 + person % 80}-03-0{1 + person % 9}"^^<{XSD}date>')
            )
    for node in range(films):
        subject, year, genre = _iri("film", node), int(draw.integers(1950, 2021)), int(draw.integers(genres))
        director, *cast = draw.choice(people, size=int(draw.integers(2, 6)), replace=False, p=popular)
        praised = draw.random() < 0.4
        votes[node] = (
            0.9 * fame[director] + 0.6 * fame[cast].mean() + taste[genre] + 0.5 * budget[node]
            + (year - 1985) / 40 + 0.8 * praised + draw.normal(0, 0.9)
        )  # fmt: skip
        words = [*draw.choice(WORDS, 5), *draw.choice(PRAISE if praised else BLAME, 2)]
        triples += [
            (subject, TYPE, _iri("class", "Film")),
            (subject, LABEL, f'"{_name(draw)} and the {draw.choice(WORDS)} {node}"@en'),
            (subject, _iri("p", "director"), _iri("person", director)),
            *((subject, _iri("p", "starring"), _iri("person", actor)) for actor in cast),
            (subject, _iri("p", "genre"), _iri("genre", genre)),
            (subject, _iri("p", "released"), f'"{year}"^^<{XSD}gYear>'),
        ]
        if draw.random() < 0.6:
            triples.append((subject, _iri("p", "budget"), f'"{np.exp(14 + budget[node]):.0f}"^^<{XSD}integer>'))
        if draw.random() < 0.7:
            triples.append((subject, _iri("p", "abstract"), f'"{" ".join(words)}"@en'))
        if draw.random() < 0.3:
            triples.append((subject, _iri("p", "country"), _iri("country", draw.integers(countries))))
    known = np.exp(0.8 * votes)
    for person, node in enumerate(draw.choice(films, size=people, p=known / known.sum())):
        triples.append((_iri("person", person), _iri("p", "knownFor"), _iri("film", node)))
    scored = draw.choice(films, size=1754, replace=False)
    return [f"{' '.join(triple)} ." for triple in triples], _scores(scored, np.exp(4 + 1.4 * votes), "film")


def citation(seed: int) -> tuple[list[str], list[str]]:
    """Lines of tab-separated triples and of scores: papers that cite each other, authors, venues, topics.

    >>> triples, scores = citation(0)
    >>> len(scores), triples[0]
    (1754, 'paper/0\\ttype\\tPaper')
    """
    draw = np.random.default_rng(seed)
    papers, authors, venues, topics = 2100, 1600, 40, 60
    worth, standing, reach = draw.normal(size=papers), draw.normal(size=authors), draw.normal(size=venues)
    triples, read = [], np.zeros(papers)
    for node in range(papers):
        subject, venue, year = f"paper/{node}", int(draw.integers(venues)), 1980 + 40 * node // papers
        team = draw.choice(authors, size=int(draw.integers(1, 4)), replace=False)
        worth[node] += 0.7 * standing[team].mean() + 0.7 * reach[venue]
        triples += [
            (subject, "type", "Paper"),
            *((subject, "written by", f"author/{_name(draw, author)} {author}") for author in team),
            (subject, "published in", f"venue/{venue}"),
            (subject, "about", f"topic/{draw.integers(topics)}"),
            (subject, "year", str(year)),
        ]
        if node > 20:
            cited = _cited(draw, worth[:node], int(draw.integers(1, 5)))
            triples += [(subject, "cites", f"paper/{other}") for other in cited]
        read[node] = worth[node] + (2000 - year) / 30 + draw.normal(0, 0.8)
    triples += [(f"venue/{venue}", "type", "Venue") for venue in range(venues)]
    scored = draw.choice(papers, size=1754, replace=False)
    lines = ["\t".join(triple) for triple in triples]
    return lines, [f"paper/{node}\t{int(np.exp(3 + 1.2 * read[node]))}" for node in sorted(scored)]


GRAPHS: dict[str, tuple[Callable[[int], tuple[list[str], list[str]]], str]] = {
    "film": (film, "triples.nt"),
    "citation": (citation, "triples.tsv"),
}


def write(folder: Path, seed: int) -> None:
    """Write both graphs, each into a folder of its name."""
    for name, (make, file) in GRAPHS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        triples, scores = make(seed)
        for path, lines in ((file, triples), ("scores.tsv", scores)):
            (folder / name / path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cited(draw: np.random.Generator, worth: np.ndarray, count: int) -> list[int]:
    """Earlier papers, the worthier the likelier."""
    weight = np.exp(0.8 * worth)
    return draw.choice(len(worth), size=min(count, len(worth)), replace=False, p=weight / weight.sum()).tolist()


def _iri(kind: str, name: object) -> str:
    return f"<{BASE}{kind}/{name}>"


def _name(draw: np.random.Generator, of: int | None = None) -> str:
    return NAMES[(int(draw.integers(len(NAMES))) if of is None else of) % len(NAMES)]


def _scores(nodes: np.ndarray, votes: np.ndarray, kind: str) -> list[str]:
    return [f"{BASE}{kind}/{node}\t{votes[node]:.0f}" for node in sorted(nodes)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the two graphs")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.out, arguments.seed)
