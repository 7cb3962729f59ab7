"""Vectors of nodes as a file, ``.npz`` or ``.parquet``, which ``nie data build --features`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from downstream.answers.refined import Refined
from downstream.answers.score_files import check_target
from nie.arrays import Floats32
from nie.disk.atomic import atomic_file
from nie.errors import NieError, shown
from nie.extras import require

ENDINGS = (".npz", ".parquet")
_OWN = ("features", "names", "ids", "node", "fold", "seed", "file")
"""What a file holds besides, or what numpy calls it, so that no channel in it can be called so."""


def write_vectors(refined: Refined, path: str | Path, channel: str | None = None) -> None:
    """Write vectors of all nodes, with their names.

    ``features`` are the vectors of ``channel``, by default the fused ones: what is read when the file is given as
    features. Those of every channel stand beside them, by its name. In ``.npz`` a node without a vector has a row of
    nan, in ``.parquet`` null.

    Raises:
        NieError: as `check_target`, or an unknown channel, or one whose name the file has another use for.
    """
    target = check_target(path, ENDINGS)
    if taken := [name for name in refined.vectors if name in _OWN]:
        raise NieError(f"A file of vectors cannot hold a channel called {shown(taken[0])}; give it another name.")
    columns: dict[str, Any] = {"features": refined.chosen(channel), **refined.vectors}
    with atomic_file(target) as temporary:
        if target.suffix == ".npz":
            with temporary.open("wb") as file:
                seed: dict[str, Any] = {} if refined.seed is None else {"seed": refined.seed}
                np.savez(file, names=np.array(refined.names), fold=refined.fold, **seed, **columns)
            return
        arrow, parquet = require("pyarrow", "report"), require("pyarrow.parquet", "report")
        lists = {name: arrow.array(_lists(rows), arrow.list_(arrow.float32())) for name, rows in columns.items()}
        parquet.write_table(arrow.table({"node": arrow.array(refined.names, arrow.string()), **lists}), temporary)


def _lists(rows: Floats32) -> list[Floats32 | None]:
    return [None if np.isnan(row).all() else row for row in rows]
