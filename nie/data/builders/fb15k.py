"""FB15k: a part of Freebase whose nodes' importance is the page views of their Wikipedia article."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from nie.data.builders.fb15k_facts import numeric_channels
from nie.data.graph import KnowledgeGraph
from nie.data.raw import checksums, find_packed, is_there, read_rows
from nie.errors import NieError, shown
from nie.progress import log

VERSION = 2
# The published edge file is these three, one after the other; edge order and relation ids follow from it.
TRIPLE_FILES = ("train.txt", "test.txt", "valid.txt")
NODES = "node_infos.tsv"
DESCRIPTIONS = "fb15k_description.tsv"
LONG_TEXT = "extra/fb-entity2text-new.txt"
NUMBERS = "extra/FB15K_NumericalTriples.txt"
ABSENT = "\\N"
# The longer texts were dumped with line ends and quotation marks escaped; a cut text may end in a lone backslash.
ESCAPE = re.compile(r'\\([nrt"]|$)')


def fb15k(raw: str | os.PathLike[str], *, text: Literal["long", "short"] | None = None) -> KnowledgeGraph:
    """Build FB15k: 14,951 nodes, 1,345 relations, 592,213 edges, 14,111 labelled nodes.

    Node ids are the rows of ``node_infos.tsv``, relation ids the order of first appearance in train + test + valid.
    Importance is the page views of the labelled nodes. Where ``extra/FB15K_NumericalTriples.txt`` is there, the graph
    carries the channels ``facts`` and ``population`` (`nie.data.builders.fb15k_facts`).

    Args:
        raw: folder with the raw files, plain or packed.
        text: "long" is the name and longer text of ``extra/fb-entity2text-new.txt``, with the short description where
            that has only a name; "short" is the published description, which 840 nodes lack; by default "long" where
            that file is there, which has no public address.

    Raises:
        NieError: a file is missing, damaged or malformed, or a triple names an unknown entity.
    """
    if text not in ("long", "short", None):
        raise NieError(f"The option text of fb15k must be 'long' or 'short'; got {shown(text)}.")
    folder = Path(raw)
    if text is None:
        text = "long" if is_there(folder / LONG_TEXT) else "short"
        if text == "short":
            missing = folder / LONG_TEXT
            log.warning("%s is not there, so fb15k has its short texts; figures of pages are of the long", missing)
    mids, titles, labels, label_mask = _read_nodes(folder / NODES)
    index = {mid: row for row, mid in enumerate(mids)}
    src, dst, etype, relations = _read_triples(folder, index)
    descriptions = _read_descriptions(folder / DESCRIPTIONS, mids)
    files = [NODES, DESCRIPTIONS, *TRIPLE_FILES]
    texts = descriptions
    names = titles
    if text == "long":
        files.append(LONG_TEXT)
        longer = _read_long_text(folder / LONG_TEXT, index)
        texts = [_joined(*longer.get(row, ("", "")), description) for row, description in enumerate(descriptions)]
        names = [title or longer.get(row, ("", ""))[0] for row, title in enumerate(titles)]
    channels = {}
    if is_there(folder / NUMBERS):
        files.append(NUMBERS)
        channels = numeric_channels(folder / NUMBERS, index)
    else:
        log.info("%s is not there, so fb15k has no channels facts and population", folder / NUMBERS)
    return KnowledgeGraph(
        name="fb15k",
        src=src,
        dst=dst,
        etype=etype,
        labels=labels,
        label_mask=label_mask,
        node_names=[f"{name} ({mid})" if name else mid for name, mid in zip(names, mids, strict=True)],
        relation_names=relations,
        text=texts,
        channels=channels,
        meta={
            "label_transform": "log1p",
            "label": "page views",
            "licence": "Freebase: CC BY 2.5; Wikipedia texts: CC BY-SA",
            "attribution": "FB15k (Bordes et al., 2013) from Freebase; page views of the RGTN-NIE repository",
            "raw": checksums(*(folder / file for file in files)),
            "builder": {"name": "fb15k", "version": VERSION},
            "options": {"text": text},
        },
    )


def fb15k_lp(raw: str | os.PathLike[str]) -> KnowledgeGraph:
    """Build FB15k for link prediction: the 483,142 training triples are its edges, the others are held out.

    Otherwise it is `fb15k`. (Bordes et al., 2013; its test triples are often inverses of training triples, which
    FB15k-237 was made to mend.)

    Raises:
        NieError: as `fb15k`.
    """
    kg = fb15k(raw)
    counts = [sum(1 for _ in read_rows(Path(raw) / file, 3)) for file in TRIPLE_FILES]
    train, test, valid = np.split(kg.triples, np.cumsum(counts)[:2])
    src, etype, dst = train.T
    held_out = {"valid": valid, "test": test}
    return replace(kg, name="fb15k-lp", src=src, etype=etype, dst=dst, held_out=held_out)


def _read_nodes(path: Path) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """Return the entities' ids, readable names ("" when absent), page views, and which of them are labels."""
    found = find_packed(path)
    mids: list[str] = []
    titles: list[str] = []
    labels: list[float] = []
    valid: list[bool] = []
    rows = read_rows(path, 5)
    header = next(rows, None)
    if header is None or header[1] != ["mid", "pageviews", "entity_name", "wiki_url", "valid"]:
        raise NieError(f"{found}, line 1 must be the header 'mid pageviews entity_name wiki_url valid'.")
    seen: set[str] = set()
    for line, (mid, views, title, _url, flag) in rows:
        if mid in seen:
            raise NieError(f"{found}, line {line}: the entity {mid} appears twice.")
        if flag not in ("0", "1"):
            raise NieError(f"{found}, line {line}: the column valid must be 0 or 1; got {shown(flag)}.")
        if not views.isdecimal():
            raise NieError(f"{found}, line {line}: the page views must be a number >= 0; got {shown(views)}.")
        seen.add(mid)
        mids.append(mid)
        titles.append(title.replace("_", " "))
        valid.append(flag == "1")
        labels.append(float(views))
    if not any(valid):
        raise NieError(f"{found}: at least one entity must have 1 in the column valid; none has.")
    return mids, titles, np.array(labels), np.array(valid, dtype=bool)


def _read_triples(folder: Path, index: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    relations: dict[str, int] = {}
    ends: list[int] = []
    for file in TRIPLE_FILES:
        for line, (head, relation, tail) in read_rows(folder / file, 3):
            try:
                ends += (index[head], relations.setdefault(relation, len(relations)), index[tail])
            except KeyError as error:
                raise NieError(
                    f"{find_packed(folder / file)}, line {line}: the entity {error} is not in {NODES}."
                ) from error
    if not ends:
        raise NieError(f"{folder}: {', '.join(TRIPLE_FILES)} hold no triple; fetch them again.")
    edges = np.array(ends, dtype=np.int64).reshape(-1, 3)
    src, etype, dst = np.ascontiguousarray(edges.T)
    return src, dst, etype, list(relations)


def _read_descriptions(path: Path, mids: list[str]) -> list[str | None]:
    found = find_packed(path)
    texts: list[str | None] = []
    rows = read_rows(path, 3)
    next(rows, None)  # header
    for line, (node, mid, description) in rows:
        row = len(texts)
        if row >= len(mids) or mid != mids[row] or node != str(row):
            expected = f"of node {row} {mids[row]}" if row < len(mids) else "the end of the file"
            raise NieError(f"{found}, line {line} must be {expected}; got node {node} {mid}.")
        texts.append(None if description == ABSENT else description)
    if len(texts) != len(mids):
        raise NieError(f"{found} describes {len(texts)} nodes, but {NODES} has {len(mids)}.")
    return texts


def _read_long_text(path: Path, index: dict[str, int]) -> dict[int, tuple[str, str]]:
    """Return row -> (name, longer text or "")."""
    texts: dict[int, tuple[str, str]] = {}
    for line, (mid, entry) in read_rows(path, 2):
        if mid not in index:
            raise NieError(f"{find_packed(path)}, line {line}: the entity {mid} is not in {NODES}.")
        name, _, longer = entry.partition(" --")
        longer = ESCAPE.sub(lambda match: '"' if match[1] == '"' else " ", longer)
        texts[index[mid]] = (name.strip(), longer.strip())
    return texts


def _joined(name: str, longer: str, description: str | None) -> str | None:
    """The name and the best text there is; the short description already begins with the name."""
    if longer:
        return f"{name}. {longer}"
    return description or name or None
