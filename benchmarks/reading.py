"""How long a graph of one's own takes to read, and how much memory, by the format that its triples are in.

    python benchmarks/reading.py --triples 1000000

Triples are drawn with a seed: films, people and their relations, and of a tenth of the triples the tail is a number, a
date or a string. Each format is read in a process of its own, whose peak of memory is that of the whole process, with
Python, numpy and nie in it. Of a frame, the time counts from the columns in memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("tsv", "csv", "nt", "ttl", "frames")
RELATIONS, LITERAL_RELATIONS = 18, ("year", "born", "title")
IRI = "http://example.org/"


def drawn(count: int, seed: int) -> Iterator[tuple[str, str, str, bool]]:
    """Head, relation and tail of each triple, and whether the tail is a literal."""
    draw = np.random.default_rng(seed)
    nodes = max(count * 3 // 10, 10)
    heads, tails = (draw.integers(0, nodes, count).tolist() for _ in range(2))
    relations, literal = draw.integers(0, RELATIONS, count).tolist(), (draw.random(count) < 0.1).tolist()
    for head, relation, tail, is_literal in zip(heads, relations, tails, literal, strict=True):
        if is_literal:
            kind = LITERAL_RELATIONS[tail % len(LITERAL_RELATIONS)]
            value = {"year": f"{1900 + tail % 120}", "born": f"19{tail % 90 + 10}-0{tail % 9 + 1}-11"}
            yield f"entity/{head}", kind, value.get(kind, f"A title of {tail % 5000} words"), True
        else:
            yield f"entity/{head}", f"relation{relation}", f"entity/{tail}", False


def write(folder: Path, kind: str, count: int, seed: int) -> Path:
    """Write the triples in a format."""
    path = folder / f"triples.{kind}"
    with path.open("w", encoding="utf-8") as stream:
        if kind == "ttl":
            stream.write(f"@prefix : <{IRI}> .\n@prefix e: <{IRI}entity/> .\n")
        for head, relation, tail, is_literal in drawn(count, seed):
            if kind == "nt":
                end = f'"{tail}"' if is_literal else f"<{IRI}{tail}>"
                stream.write(f"<{IRI}{head}> <{IRI}{relation}> {end} .\n")
            elif kind == "ttl":
                end = f'"{tail}"' if is_literal else f"e:{tail[7:]}"
                stream.write(f"e:{head[7:]} :{relation} {end} .\n")
            else:
                if is_literal and relation == "title":
                    tail = f'"""{tail}"""' if kind == "csv" else f'"{tail}"'
                stream.write(("\t" if kind == "tsv" else ",").join((head, relation, tail)) + "\n")
    return path


def read_once(kind: str, source: Path, count: int, seed: int) -> dict[str, Any]:
    """Read the triples in this process: seconds, megabytes at the peak, and what the graph holds."""
    from nie import KnowledgeGraph

    frame = None
    if kind == "frames":
        triples = ((head, said, f'"{tail}"' if literal else tail) for head, said, tail, literal in drawn(count, seed))
        columns = zip(*triples, strict=True)
        frame = dict(zip(("head", "relation", "tail"), map(list, columns), strict=True))
    started, computing = time.perf_counter(), time.process_time()
    kg = KnowledgeGraph.from_file(source) if frame is None else KnowledgeGraph.from_frames(frame)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - computing,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "nodes": kg.num_nodes,
        "edges": kg.num_edges,
    }


def main() -> None:
    """Read the command line and print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triples", type=int, default=1_000_000, help="how many are written")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--formats", default=",".join(FORMATS), help="separated by commas")
    parser.add_argument("--read", nargs=2, metavar=("FORMAT", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        kind, file = arguments.read
        print(json.dumps(read_once(kind, Path(file), arguments.triples, arguments.seed)))
        return
    print(f"{'format':<8} {'seconds':>8} {'of CPU':>8} {'peak MB':>8} {'nodes':>10} {'edges':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.formats.split(","):
            path = Path(folder)
            if kind != "frames":
                path = write(path, kind, arguments.triples, arguments.seed)
            given = ["--triples", str(arguments.triples), "--seed", str(arguments.seed)]
            answer = subprocess.run(
                [sys.executable, __file__, *given, "--read", kind, str(path)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            figures = json.loads(answer.stdout)
            print(
                f"{kind:<8} {figures['seconds']:8.1f} {figures['cpu_seconds']:8.1f} {figures['peak_mb']:8.0f} "
                f"{figures['nodes']:10,} {figures['edges']:10,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
