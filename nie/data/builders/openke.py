"""Knowledge graphs for link prediction in OpenKE's format: DB15K, MKG-W and graphs of one's own.

Every file begins with the number of its lines. ``entity2id.txt`` and ``relation2id.txt`` hold a name and its id a line,
``train2id.txt``, ``valid2id.txt`` and ``test2id.txt`` a triple, **the relation last**: head, tail, relation.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np

from nie.arrays import Bools, Ints
from nie.data.builders.columns import Columns, check_order
from nie.data.graph import KnowledgeGraph
from nie.data.names_as_words import name_in
from nie.data.raw import check_letters, checksums, find_packed, read_lines
from nie.errors import NieError, shown
from nie.progress import log

VERSION = 1
USUAL = "head,tail,relation"
OTHERS = ("head,relation,tail", "relation,head,tail")
# More digits than any graph needs would take long to read as a number, and could not be counted to.
_NUMBER = re.compile(r"\d{1,15}", re.ASCII)
_TRIPLE = re.compile(r"\d{1,15}\s+\d{1,15}\s+\d{1,15}", re.ASCII)
FILES = {name: f"{name}2id.txt" for name in ("entity", "relation", "train", "valid", "test")}


def db15k(raw: str | os.PathLike[str]) -> KnowledgeGraph:
    """Build DB15K: 12,842 entities of DBpedia, 279 relations, 79,222 training and 9,902 test triples.

    The public validation split repeats rows and holds training and test triples; what is left without them is kept, and
    the counts stand in the notes of ``meta``. The text of an entity is the last part of its URI.

    Raises:
        NieError: a file is missing or malformed.
    """
    return openke(
        "db15k", raw, licence="DBpedia: CC BY-SA 3.0", attribution="DB15K (Liu et al., MMKG, ESWC 2019) from DBpedia"
    )


def mkg_w(raw: str | os.PathLike[str]) -> KnowledgeGraph:
    """Build MKG-W: 15,000 entities of Wikidata, 169 relations, 34,196 training and 4,274 test triples, without text.

    Raises:
        NieError: a file is missing or malformed.
    """
    return openke("mkg-w", raw, licence="Wikidata: CC0", attribution="MKG-W (Xu et al., MMRNS, MM 2022) from Wikidata")


def openke(
    name: str, raw: str | os.PathLike[str], *, columns: str | None = None, licence: str = "your own",
    attribution: str = "your own",
) -> KnowledgeGraph:  # fmt: skip
    """Build a graph from a folder in OpenKE's format; training triples are its edges, the others are held out.

    Triples of the validation split that stand there twice, or in the training or test split, are dropped: a model that
    is selected on them is selected on what it has seen, or will be tested on. Test triples that stand in the training
    split stay, as others report on them, and are counted: log and ``notes`` say how many.

    Args:
        name: name of the dataset.
        raw: the folder.
        columns: the order of the columns of triples, when it is not OpenKE's, "head,tail,relation".
        licence, attribution: for ``meta``.

    Raises:
        NieError: a file is missing, a count or an id is wrong, a name stands there twice, a split is empty, or the
            columns seem to stand in another order.
    """
    folder = Path(raw)
    entities, relations = (_read_names(folder / FILES[kind]) for kind in ("entity", "relation"))
    order = Columns.parse(columns or USUAL)
    splits = {
        kind: _read_triples(folder / FILES[kind], len(entities), len(relations), order, doubted=columns is None)
        for kind in ("train", "valid", "test")
    }
    train, test = splits["train"], splits["test"]
    valid, notes = _without_leaks(splits["valid"], train, test)
    if notes["dropped"]:
        log.info(
            "%s: of %d validation triples %d are dropped: %d repeated, %d in train, %d in test",
            name, len(splits["valid"]), notes["dropped"], notes["repeated"], notes["in_train"], notes["in_test"],
        )  # fmt: skip
    in_train = len(set(map(tuple, test.tolist())) & set(map(tuple, train.tolist())))
    if in_train:
        log.warning("%s: %d of %d test triples stand in train, so results are too good", name, in_train, len(test))
    return KnowledgeGraph(
        name=name,
        src=train[:, 0],
        dst=train[:, 2],
        etype=train[:, 1],
        labels=np.full(len(entities), np.nan),
        label_mask=np.zeros(len(entities), dtype=bool),
        node_names=entities,
        relation_names=relations,
        text=[name_in(uri) for uri in entities],
        held_out={"valid": valid, "test": test},
        meta={
            "label": "none, a graph for link prediction",
            "licence": licence,
            "attribution": attribution,
            "raw": checksums(*(folder / file for file in FILES.values())),
            "builder": {"name": "openke", "version": VERSION},
            "notes": {**{f"valid_{key}": value for key, value in notes.items()}, "test_in_train": in_train},
        },
    )


def _rows(found: Path) -> list[tuple[int, str]]:
    """Number and content of the lines after the first one, which says how many follow."""
    first, *rows = [(number, line.strip()) for number, line in read_lines(found) if line.strip()] or [(1, "0")]
    if not _NUMBER.fullmatch(first[1]):
        raise NieError(f"{found}, line {first[0]} must be the number of lines that follow; got {shown(first[1])}.")
    if int(first[1]) != len(rows):
        raise NieError(f"{found}: the first line says {int(first[1])}, but {len(rows)} lines follow.")
    if not rows:
        raise NieError(f"{found} is empty; fetch it again.")
    return rows


def _read_names(path: Path) -> list[str]:
    found, names = find_packed(path), {}  # type: tuple[Path, dict[int, str]]
    rows = _rows(found)
    for line, row in rows:
        name, _, number = row.rpartition("\t" if "\t" in row else " ")
        name = name.strip()
        if not name or not _NUMBER.fullmatch(number) or int(number) >= len(rows):
            raise NieError(f"{found}, line {line} must be a name and an id below {len(rows)}; got {shown(row)}.")
        check_letters(name, found, line)
        if int(number) in names:
            raise NieError(f"{found}, line {line}: the id {number} appears twice.")
        names[int(number)] = name
    if len(set(names.values())) < len(names):
        twice = next(name for name, count in Counter(names.values()).items() if count > 1)
        raise NieError(f"{found}: the name {shown(twice)} has two ids.")
    return [names[number] for number in range(len(rows))]


def _read_triples(path: Path, num_entities: int, num_relations: int, order: Columns, *, doubted: bool) -> Ints:
    """(n, 3) head, relation and tail."""
    found = find_packed(path)
    rows = _rows(found)
    if len(order.roles) != 3:
        raise NieError(f"The columns of {found} are three, head, tail and relation in any order; leave '-' out.")
    for line, row in rows:
        if not _TRIPLE.fullmatch(row):
            names = ", ".join(order.roles)
            raise NieError(f"{found}, line {line} must be the ids of {names}; got {shown(row)}.")
    table = np.array([row.split() for _, row in rows], dtype=np.int64)

    def outside(columns: Columns) -> Bools:
        ends = np.stack(columns.picked(list(table.T)), axis=1)
        return np.asarray((ends >= [num_entities, num_relations, num_entities]).any(axis=1))

    fitting = [other if not outside(Columns.parse(other)).any() else "" for other in OTHERS]
    if (wrong := outside(order)).any():
        line, row = rows[int(np.argmax(wrong))]
        hint = next((f"; --columns {other} would fit" for other in fitting if other), "")
        raise NieError(
            f"{found}, line {line}: {shown(row)} does not fit {num_entities} entities and {num_relations} "
            f"relations when the columns are {', '.join(order.roles)}{hint}."
        )
    triples = order.picked(list(table.T))
    if doubted:
        heads, relations, tails = (set(column.tolist()) for column in triples)
        check_order(found, heads, relations, tails, numbers=True, orders=(USUAL, fitting[0], fitting[1]))
    return np.stack(triples, axis=1)


def _without_leaks(valid: Ints, train: Ints, test: Ints) -> tuple[Ints, dict[str, int]]:
    """The validation triples that are distinct and in no other split, in order, and what was dropped."""
    seen_in_train, seen_in_test = ({tuple(row) for row in split.tolist()} for split in (train, test))
    distinct = list(dict.fromkeys(map(tuple, valid.tolist())))
    in_train = [row for row in distinct if row in seen_in_train]
    in_test = [row for row in distinct if row in seen_in_test]
    leaking = {*in_train, *in_test}
    kept = np.array([row for row in distinct if row not in leaking], dtype=np.int64).reshape(-1, 3)
    if not len(kept):
        raise NieError(
            "Every validation triple is in the training or the test split too, so that none is left to validate on."
        )
    notes = {
        "repeated": len(valid) - len(distinct),
        "in_train": len(in_train),
        "in_test": len(in_test),
        "dropped": len(valid) - len(kept),
    }
    return kept, notes
