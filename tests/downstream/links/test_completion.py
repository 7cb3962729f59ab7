"""downstream.links.completion and the command that prints it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from link_helpers import TINY, ring

from downstream.links.completion import complete, completion_table, find_entity, find_relation
from downstream.links.prediction import predict_links
from nie.__main__ import main
from nie.data.store import save
from nie.errors import NieError
from nie.link_config import LinkConfig
from nie.recipes import load_config
from nie.runs import Run, read_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    root = tmp_path_factory.mktemp("completion")
    ring(root)
    optim = {"lr": 0.05, "max_epochs": 150, "eval_every": 50, "patience": 150}
    config = load_config(LinkConfig, overrides={**TINY, "optim": optim, "negatives": {"count": 40}})
    return predict_links(config, data_root=root, run_root=root / "runs"), root


def test_it_finds_the_next_on_the_ring(made: tuple[Run, Path]) -> None:
    run, root = made
    found = complete(run, head="e7", relation="one", top=3, include_known=True, data_root=root)
    assert found.question == "(entity place1, one, ?)"
    assert len(found.names) == 3
    assert found.scores == sorted(found.scores, reverse=True)
    hidden = complete(run, head="e7", relation="one", top=40, data_root=root)
    assert not any(hidden.known)
    assert len(hidden.names) == 39
    table = completion_table(found)
    assert f"Of {found.tested} test triples with this relation" in table
    unknown = completion_table(replace(found, tested=0, hits=float("nan")))
    assert "nothing is known of how good" in unknown
    assert complete(run, tail="e7", relation="one", data_root=root).question == "(?, one, entity place1)"


def test_the_command(made: tuple[Run, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run, root = made
    arguments = ["complete", str(run.path), "--relation", "two", "--top", "2", "--data-root", str(root)]
    assert main([*arguments, "--head", "e3"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("entity place") == 3
    assert main([*arguments, "--head", "e99"]) == 2
    assert "no entity 'e99' (did you mean 'e9'?)" in capsys.readouterr().err


def test_names_and_words(made: tuple[Run, Path]) -> None:
    kg = ring(made[1])
    kg = replace(kg, relation_names=["http://x/birthPlace", "http://x/deathPlace", "http://y/birthPlace"])
    assert find_relation(kg, "death place") == 1
    assert find_entity(kg, "e3") == 3
    with pytest.raises(NieError, match="2 have the relation text 'birth place'; give one by its name: http://x/b"):
        find_relation(kg, "birth place")
    with pytest.raises(NieError, match="4 have the entity text"):
        find_entity(kg, "Entity Place1")
    with pytest.raises(NieError, match="no relation 'deth place'"):
        find_relation(kg, "deth place")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"head": None}, "--head or --tail"),
        ({"tail": "e1"}, "--head or --tail"),
        ({"top": 0}, "top is 0"),
        ({"relation": "four"}, "no relation 'four'"),
    ],
)
def test_bad_questions(made: tuple[Run, Path], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        complete(made[0], **{"head": "e1", "relation": "one", "data_root": made[1], **changes})


def test_runs_that_cannot_answer(made: tuple[Run, Path], tmp_path: Path) -> None:
    run, root = made
    with pytest.raises(NieError, match="is no run of link prediction"):
        complete(replace(run, config={"dataset": "x"}), head="e1", relation="one", data_root=root)
    with pytest.raises(NieError, match="no finished repetition"):
        complete(replace(run, folds=(7,)), head="e1", relation="one", data_root=root)
    kg = ring(tmp_path)
    save(replace(kg, held_out={**kg.held_out, "test": kg.held_out["test"][:3]}), tmp_path / "links" / "processed")
    with pytest.raises(NieError, match="was made from another links"):
        complete(read_run(run.path), head="e1", relation="one", data_root=tmp_path)
