"""downstream.stages.same_graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from downstream.stages.importance import IMPORTANCE
from downstream.stages.same_graph import check_same_graph
from nie.errors import NieError
from nie.runs.other import OtherData
from nie.runs.run import Run, open_run

NEW = {"data_sha256": "1" * 64}


def run_of(root: Path, dataset: str, made_from: dict[str, str], **changes: object) -> Run:
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": dataset, **changes})
    return open_run(config, root=root, made_from=made_from)


def test_the_graph_that_a_run_was_made_from_is_taken(tmp_path: Path) -> None:
    check_same_graph(run_of(tmp_path, "mykg", NEW), NEW)


def test_of_an_own_graph_the_command_that_makes_a_new_run_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path, "mykg", {"data_sha256": "0" * 64})
    with pytest.raises(NieError, match=rf"'nie downstream --recipe {run.path}/config.yaml' makes a run of the present"):
        check_same_graph(run, NEW)


def test_what_an_older_run_read_must_be_new_as_well(tmp_path: Path) -> None:
    run = run_of(tmp_path, "mykg", {"data_sha256": "0" * 64}, pretrained="somewhere/licap-00000000")
    with pytest.raises(NieError, match=r"--pretrained PRETRAINED', with new runs .* in the place of PRETRAINED, makes"):
        check_same_graph(run, NEW)


def test_what_the_name_of_a_run_does_not_tell_apart_is_cleaned_first(tmp_path: Path) -> None:
    run = run_of(tmp_path, "geo", {"dataset_sha256": "a"})
    with pytest.raises(OtherData, match=rf"'nie clean {run.path}' removes it"):
        check_same_graph(run, {"dataset_sha256": "b"})
    run = run_of(tmp_path, "mykg", {**NEW, "channels_sha256": "a"})
    with pytest.raises(OtherData, match="channels_sha256"):
        check_same_graph(run, {**NEW, "channels_sha256": "b"})
