"""Whose row is whose: from the rows of a file to the nodes of a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nie.errors import NieError, shown
from nie.progress import log


def nodes_of_rows(path: Path, name: str, count: int, ids: NDArray[Any] | None, node_names: Sequence[str]) -> list[int]:
    """The node of each of ``count`` rows.

    - ``ids`` of strings are names of nodes, perhaps with blanks around them.
    - Whole numbers, and the places of rows without ``ids``, are the names of nodes where these are numbers, as nodes
      called 0 to 299 are not numbered in that order: in the order of names, 10 comes before 2.
    - Otherwise they are the numbers of nodes, and a warning shows the first pairs, since the order may be another one.

    Args:
        path: of the file, for messages.
        name: of the channel, for messages.
        count: n, the number of rows.
        ids: (n,) names or whole numbers, or None.
        node_names: names of the N nodes.

    Raises:
        NieError: ids of another kind, an unknown or repeated node, or without ids, n is not N.

    >>> nodes_of_rows(Path("f.npy"), "image", 3, None, ["2", "0", "1"])
    [1, 2, 0]
    """
    if ids is not None and ids.dtype.kind not in "Uiu":
        raise NieError(f"{path}: ids of channel {name} must be names or whole numbers; got {ids.dtype}.")
    if ids is not None and ids.shape != (count,):
        raise NieError(f"{path}: ids of channel {name} must be ({count},), one for each row; got {ids.shape}.")
    if ids is None and count != len(node_names):
        raise NieError(f"{path}: channel {name} has {count} rows, but the graph has {len(node_names)} nodes.")
    wanted = list(range(count)) if ids is None else ids.tolist()
    nodes = _nodes_by(wanted, ids, node_names)
    if nodes is None:
        pairs = ", ".join(f"{key} to {shown(node_names[key])}" for key in wanted[:3] if 0 <= key < len(node_names))
        log.warning(
            "%s: the rows of channel %s are matched to nodes by their place in the graph: %s; if that is wrong, "
            "give the file an array names", path, name, pairs,
        )  # fmt: skip
        nodes = {number: number for number in range(len(node_names))}
    wanted = [key.strip() if isinstance(key, str) and key not in nodes else key for key in wanted]
    for key in wanted:
        if key not in nodes:
            raise NieError(f"{path}: channel {name} has a row for {shown(key)}, which is no node of the graph.")
    if len(set(wanted)) < len(wanted):
        twice = Counter(wanted).most_common(1)[0][0]
        raise NieError(f"{path}: channel {name} has two rows for {shown(twice)}.")
    if len(nodes) < len(node_names):
        counts = Counter(node_names)
        unclear = next((key for key in wanted if counts[str(key)] > 1), None)
        if unclear is not None:
            raise NieError(f"{path}: two nodes are called {shown(unclear)}, so its row in {name} may be of either.")
    return [nodes[key] for key in wanted]


def _nodes_by(wanted: Sequence[Any], ids: NDArray[Any] | None, node_names: Sequence[str]) -> Mapping[Any, int] | None:
    """The nodes by what names the rows, or None where only their order can say which is which."""
    if ids is not None and ids.dtype.kind == "U":
        return {name: node for node, name in enumerate(node_names)}
    if not all(name.isascii() and name.isdecimal() and str(int(name[:20])) == name for name in node_names):
        return None
    nodes = {int(name): node for node, name in enumerate(node_names)}
    return nodes if ids is not None or nodes.keys() == set(wanted) else None
