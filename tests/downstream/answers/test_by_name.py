"""downstream.answers.by_name."""

from dataclasses import replace
from pathlib import Path

import pytest
from link_helpers import ring

from downstream.answers.by_name import find_entity, find_relation
from nie.errors import NieError


def test_names_and_words(tmp_path: Path) -> None:
    kg = ring(tmp_path)
    kg = replace(kg, relation_names=["http://x/birthPlace", "http://x/deathPlace", "http://y/birthPlace"])
    assert find_relation(kg, "death place") == 1
    assert find_entity(kg, "e3") == 3
    kg = replace(kg, text=[*kg.text[:-1], "Ada Lovelace, the first programmer"])
    assert find_entity(kg, "ada lovelace") == 39
    with pytest.raises(
        NieError, match="2 have the words 'birth place'; give the relation by its name, such as http://x/b"
    ):
        find_relation(kg, "birth place")
    with pytest.raises(NieError, match="4 have the words 'Entity Place1'"):
        find_entity(kg, "Entity Place1")
    with pytest.raises(
        NieError,
        match="No relation begins with the words 'place'; they are in those of http://x/birthPlace, http://x/d",
    ):
        find_relation(kg, "place")
    with pytest.raises(NieError, match="No entity begins with the words 'first programmer'; they are in those of e39"):
        find_entity(kg, "first programmer")
    with pytest.raises(NieError, match="no relation 'deth place'"):
        find_relation(kg, "deth place")


def test_words_may_begin_and_end_in_signs(tmp_path: Path) -> None:
    kg = ring(tmp_path)
    kg = replace(kg, text=[*kg.text[:-2], "C++ (a language)", ".NET, of a company"])
    assert find_entity(kg, "c++") == 38
    assert find_entity(kg, ".NET") == 39
    with pytest.raises(NieError, match=r"No entity begins with the words '\(a language\)'; they are in those of e38"):
        find_entity(kg, "(a language)")


def test_a_name_may_be_a_whole_number_and_nothing_else(tmp_path: Path) -> None:
    kg = ring(tmp_path)
    kg = replace(kg, node_names=[*map(str, range(kg.num_nodes))])
    assert find_entity(kg, 7) == 7
    for wrong in (None, 7.5, True, "", " ", ["7"]):
        with pytest.raises(NieError, match="The entity must be a name, a string or a whole number; got"):
            find_entity(kg, wrong)  # type: ignore[arg-type]
