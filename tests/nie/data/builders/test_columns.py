"""nie.data.builders.columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from nie.data.builders.columns import Columns, check_order
from nie.errors import NieError

USUAL = ("head", "relation", "tail")


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("head relation tail", USUAL),
        ("s p o", USUAL),
        ("subject predicate object", USUAL),
        (":START_ID :END_ID :TYPE", ("head", "tail", "relation")),
        (":START_ID(Person) :TYPE :END_ID(City)", USUAL),
        ("node1 label node2", USUAL),
        ("id node1 label node2", ("-", *USUAL)),
        ("source target relationship", ("head", "tail", "relation")),
        ("Relation_Type Source_ID Target_ID", ("relation", "head", "tail")),
        ("head anything tail", USUAL),
        ("?s ?p ?o", USUAL),
    ],
)
def test_headers_say_the_order(header: str, roles: tuple[str, ...]) -> None:
    columns = Columns.of_header(header.split())
    assert columns is not None
    assert columns.roles == roles


@pytest.mark.parametrize(
    "line",
    ["ann knows bob", "head head tail", "source target weight", "label label label", "a b", "", "<a/s> <a/p> <a/o>"],
)
def test_what_is_no_header(line: str) -> None:
    assert Columns.of_header(line.split()) is None


@pytest.mark.parametrize("text", ["head,tail", "head,relation,tail,tail", "a,b,c", "", "head;relation;tail", "-,-,-"])
def test_columns_that_are_none(text: str) -> None:
    with pytest.raises(NieError, match="must name head, relation and tail, each once, as head,relation,tail"):
        Columns.parse(text)


def check(heads: object, relations: object, tails: object) -> None:
    columns = [{str(name) for name in column} for column in (heads, relations, tails)]  # type: ignore[attr-defined]
    check_order(Path("t.tsv"), *columns, numbers=all(name.isdecimal() for name in columns[1]))


NODES = [f"n{i}" for i in range(200)]


@pytest.mark.parametrize(
    ("heads", "relations", "tails"),
    [
        (NODES[:14], [f"r{i}" for i in range(55)], NODES[:14]),  # Nations: more relations than nodes
        (range(14), range(55), range(14)),
        (NODES[:100], ["likes", "buys"], NODES[100:]),  # heads and tails share nothing
        (range(100), range(5), range(100, 200)),
        (range(5), range(5), range(5, 10)),  # numbers are shared by chance
        ([*NODES[:100], "likes", "buys", "sells"], ["likes", "buys", "sells"], NODES[100:]),  # relations are described
        (NODES[:50], [*(f"r{i}" for i in range(60)), "n1", "n2", "n3"], NODES[40:90]),  # some names are of both kinds
        (["a"], ["b"], ["c"]),
    ],
)
def test_healthy_graphs_are_not_doubted(heads: object, relations: object, tails: object) -> None:
    check(heads, relations, tails)


@pytest.mark.parametrize(
    ("heads", "relations", "tails", "order"),
    [
        (NODES, NODES, ["likes", "buys"], "head,tail,relation"),
        (["likes", "buys"], NODES, NODES, "relation,head,tail"),
        ([f"r{i}" for i in range(55)], NODES[:14], NODES[:14], "relation,head,tail"),  # Nations
        (range(55), range(14), range(14), "relation,head,tail"),
        (NODES[:103], NODES[100:], [f"r{i}" for i in range(20)], "head,tail,relation"),  # DBpedia50: few are shared
        (range(200), range(100, 300), range(10), "head,tail,relation"),
    ],
)
def test_another_order_is_refused_with_the_fix(heads: object, relations: object, tails: object, order: str) -> None:
    with pytest.raises(NieError, match=f"seem to be in another order; give --columns {order}, or"):
        check(heads, relations, tails)
