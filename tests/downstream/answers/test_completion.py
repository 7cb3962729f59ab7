"""downstream.answers.completion and the command that prints it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from link_helpers import TINY, ring

from downstream.answers.completion import complete, completion_table
from downstream.stages.links.prediction import predict_links
from downstream.stages.links.stage import LINKS
from nie.__main__ import main
from nie.data import Channel
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run, read_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    root = tmp_path_factory.mktemp("completion")
    ring(root)
    optim = {"lr": 0.05, "max_epochs": 150, "eval_every": 50, "patience": 150}
    config = LINKS.recipes.resolve(overrides={**TINY, "optim": optim, "negatives": {"count": 40}})
    return predict_links(config, data_root=root, run_root=root / "runs"), root


def test_it_finds_the_next_on_the_ring(made: tuple[Run, Path]) -> None:
    run, root = made
    found = complete(run, head="e7", relation="one", top=3, include_known=True, data_root=root)
    assert found.question == "(entity place1, one, ?)"
    assert len(found.names) == 3
    assert found.scores == sorted(found.scores, reverse=True)
    hidden = complete(run, head="e7", relation="one", top=40, data_root=root)
    assert not any(hidden.known)
    assert len(hidden.names) == 38  # neither what is known nor the entity itself
    assert "e7" not in hidden.names
    table = completion_table(found)
    assert f"Of the {found.tested} test triples that have this relation" in table
    assert "| e8 " in table
    assert "entity place" in table
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


def with_strangers(root: Path, **settings: Any) -> Run:
    """Entities 40 and 41 that stand in one test triple alone, of which 40 has an image."""
    kg = ring(root)
    test = np.concatenate([kg.held_out["test"], [[40, 0, 3], [5, 0, 41]]])
    image = np.random.default_rng(0).normal(size=(42, 4))
    kg = replace(
        kg, node_names=[*kg.node_names, "e40", "e41"], text=[*kg.text, "entity place7, a city", None],
        labels=np.full(42, np.nan), label_mask=np.zeros(42, bool), held_out={**kg.held_out, "test": test},
        channels={"image": Channel(image, np.arange(42) != 41)},
    )  # fmt: skip
    save(kg, root / "links" / "processed")
    config = LINKS.recipes.resolve(overrides={**TINY, **settings})
    return predict_links(config, data_root=root, run_root=root / "runs")


@pytest.mark.parametrize("settings", [{"channels": {"image": "image"}}, {"unseen": {"features": "image"}}])
def test_entities_that_training_does_not_name(tmp_path: Path, settings: dict[str, Any]) -> None:
    run = with_strangers(tmp_path, **settings)
    asked = complete(run, head="entity place7, a city", relation="one", top=50, data_root=tmp_path)
    assert asked.question.startswith("(entity place7, a city")
    assert asked.unseen
    assert asked.tested == 1
    assert "e41" not in asked.names
    table = completion_table(asked)
    assert (
        "its channels alone say what it is. Of the 1 test triples that name an entity that training does not" in table
    )
    assert "e40" in complete(run, head="e1", relation="one", top=50, data_root=tmp_path).names
    with pytest.raises(NieError, match="The model knows nothing of e41: no training triple names it"):
        complete(run, tail="e41", relation="one", data_root=tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"head": None}, "--head or --tail"),
        ({"tail": "e1"}, "--head or --tail"),
        ({"top": 0}, "top must be at least 1"),
        ({"relation": "four"}, "no relation 'four'"),
    ],
)
def test_bad_questions(made: tuple[Run, Path], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        complete(made[0], **{"head": "e1", "relation": "one", "data_root": made[1], **changes})


def test_runs_that_cannot_answer(made: tuple[Run, Path], tmp_path: Path) -> None:
    run, root = made
    with pytest.raises(NieError, match="no finished repetition"):
        complete(replace(run, folds=(7,)), head="e1", relation="one", data_root=root)
    kg = ring(tmp_path)
    save(replace(kg, held_out={**kg.held_out, "test": kg.held_out["test"][:3]}), tmp_path / "links" / "processed")
    with pytest.raises(NieError, match="was made from an older links"):
        complete(read_run(run.path), head="e1", relation="one", data_root=tmp_path)
