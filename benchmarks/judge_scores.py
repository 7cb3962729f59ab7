"""What is wrong with a written ranking: contradictions, literals among the nodes, types that nobody scored on top.

::

    python benchmarks/judge_scores.py scores.csv --scored 'film/'     # how names of the scored kind of nodes look

Reads the columns of today, and those of before issue 20 (``predicted_importance``).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import re
from pathlib import Path

LITERAL = re.compile(r"'?\"|'?[+-]?\d[\d.]*$|\d{4}-\d\d-\d\d")
TOP = 100


def judge(rows: list[dict[str, str]], scored: str) -> dict[str, float]:
    """Counts of what should be 0, and the largest score over the largest known one.

    - ``inversions``: ranked nodes with a lower score than the next one in the order of ranks;
    - ``literals``: ranked nodes that are a quoted string, a number or a date;
    - ``unscored``: nodes of the first hundred whose name does not look like that of a scored kind.

    >>> film = {"node": "film/1", "score": "5", "rank": "1", "known": "4"}
    >>> judge([film, {"node": "1999", "score": "7", "rank": "2"}], "film/")
    {'inversions': 1, 'literals': 1, 'unscored': 1, 'largest': 1.75}
    """
    name, known = ("score", "known") if "score" in rows[0] else ("predicted_importance", "known_importance")
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    scores = [float(row[name]) for row in ranked]
    most = max(float(row[known]) for row in rows if row.get(known))
    return {
        "inversions": sum(later > earlier for earlier, later in itertools.pairwise(scores)),
        "literals": sum(bool(LITERAL.match(row["node"])) for row in ranked),
        "unscored": sum(not re.search(scored, row["node"]) for row in ranked[:TOP]),
        "largest": max(float(row[name]) for row in rows) / most,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--scored", required=True, help="a regular expression for names of the kind that has scores")
    arguments = parser.parse_args()
    with arguments.scores.open(newline="", encoding="utf-8") as file:
        print(judge(list(csv.DictReader(file)), arguments.scored))
