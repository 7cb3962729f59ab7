"""Pairs of the same entity in FB15K and in DB15K (by the title of its Wikipedia page) or MKG-W (by its Wikidata id).

    .venv/bin/python benchmarks/alignment_pairs.py RAW db15k pairs.tsv --data-root datasets

RAW is the folder that holds fb15k/ and db15k/ or mkg-w/. DBpedia names an entity by the title of its page; both titles
and ids of FB15K's entities are those of fb15k/extra/entity2wikidata.json. A pair is a line, for ``nie align --pairs``.
"""

from __future__ import annotations

import argparse
import json
import lzma
from pathlib import Path
from urllib.parse import unquote

from nie.data import load

OTHERS = {"db15k": ("wikipedia", "/wiki/", "/resource/"), "mkg-w": ("wikidata_id", "", "/entity/")}


def pairs_of(raw: Path, other: str) -> list[tuple[str, str]]:
    """Freebase ids, and names in the other graph, of entities that one name in each stands for."""
    key, before, marker = OTHERS[other]
    with lzma.open(raw / "fb15k" / "extra" / "entity2wikidata.json.xz") as file:
        known = json.load(file)
    lines = (raw / other / "entity2id.txt").read_text(encoding="utf-8").splitlines()[1:]
    uris = [line.rsplit(None, 1)[0] for line in lines]
    by_title = {unquote(uri.strip("<>").rpartition(marker)[2]): uri for uri in uris}
    found: dict[str, str] = {}
    for name, facts in known.items():
        title = unquote((facts.get(key) or "").rpartition(before)[2] if before else facts.get(key) or "")
        if title in by_title:
            found.setdefault(by_title[title], name)
    return [(name, uri) for uri, name in found.items()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("other", choices=OTHERS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data-root", type=Path, default=Path("datasets"), help="folder of the built fb15k")
    arguments = parser.parse_args()
    names = load("fb15k", arguments.data_root).node_names  # such as "Sire Records (/m/02y21l)"
    by_id = {name.rpartition("(")[2].rstrip(")"): name for name in names}
    pairs = [(by_id[one], two) for one, two in pairs_of(arguments.raw, arguments.other) if one in by_id]
    arguments.out.write_text("".join(f"{one}\t{two}\n" for one, two in pairs), encoding="utf-8")
    print(f"{len(pairs):,} pairs")
