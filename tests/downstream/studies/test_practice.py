"""downstream.studies.practice and .shares: what they draw."""

from __future__ import annotations

import pytest

from downstream.reports.figures import accuracy_against_cost
from downstream.reports.results import Results
from downstream.studies.catalogue import find_study
from downstream.studies.settings import Settings
from downstream.studies.shares import curves_of_shares

pytest.importorskip("matplotlib")


def test_a_line_for_each_method_and_pretraining_over_the_shares() -> None:
    arms = find_study("few-labels").arms(Settings("fb15k"))
    rows = {
        name: {0: {"rmse": 1.0, "spearman": 0.5}}
        for name in ("ridge, 1 %", "ridge, 70 %", "rgcn, 5 %+licap (structural)", "rgcn, 5 %, pseudo-labels")
    }
    drawn = curves_of_shares(arms, Results("fb15k", ("rmse", "spearman"), rows))
    assert set(drawn) == {"labels rmse", "labels spearman"}
    (axis,) = drawn["labels rmse"].axes
    lines = {line.get_label(): list(line.get_xdata()) for line in axis.get_lines()}
    assert lines == {"ridge": [1.0, 70.0], "rgcn+licap (structural)": [5.0], "rgcn, pseudo-labels": [5.0]}


def test_accuracy_stands_against_seconds() -> None:
    (axis,) = accuracy_against_cost({"ridge": (0.5, 0.7), "rgtn": (400.0, 0.8)}, "SPEARMAN").axes
    assert axis.get_xscale() == "log"
    assert [text.get_text() for text in axis.texts] == ["ridge", "rgtn"]


def test_every_network_stands_against_tables_with_neighbours() -> None:
    study = find_study("practitioner")
    pairs = study.pairs(study.arms(Settings("fb15k")))
    assert ("rgtn+licap (structural)", "boosting-neighbours") in pairs
    assert ("blend", "boosting-neighbours") in pairs
    assert ("rgcn", "kernel-ridge-neighbours") in pairs


def test_networks_are_given_the_columns_of_tables_and_labels_only_where_no_message_betrays_them() -> None:
    study = find_study("practitioner")
    arms = {arm.name: arm for arm in study.arms(Settings("tmdb5k", flags=["--features.semantic", "tfidf"]))}
    table, labelled, rgtn = (
        arms[name].config.features
        for name in ("boosting-neighbours", "mlp, with neighbours and labels", "rgtn, with neighbours")
    )
    assert (labelled.structural, labelled.semantic) == (table.structural, table.semantic)
    assert (rgtn.structural, rgtn.semantic) == ("auto+centrality+neighbours", "tfidf+neighbours")
    assert rgtn.standardize == arms["rgtn"].config.features.standardize != table.standardize
    pairs = study.pairs(list(arms.values()))
    assert {theirs for ours, theirs in pairs if ours == "rgtn, with neighbours"} == {
        "boosting-neighbours", "kernel-ridge-neighbours", "rgtn", "mlp, with neighbours",
    }  # fmt: skip
    assert {name for pair in pairs for name in pair} <= set(arms)


def test_students_are_taught_by_runs_of_their_own_share() -> None:
    study = find_study("few-labels")
    arms = {arm.name: arm for arm in study.arms(Settings("fb15k"))}
    student = arms["rgcn, 5 %, taught by all"]
    assert [part.name for part in student.parts] == ["boosting-neighbours, 5 %", "rgcn, 5 %", "rgtn, 5 %"]
    assert {part.config.folds.train_share for part in student.parts} == {student.config.folds.train_share}
    assert [part.name for part in arms["rgcn, 5 %, pseudo-labels"].parts] == ["rgcn, 5 %, with a variance head"]
    pairs = study.pairs(list(arms.values()))
    assert ("rgcn, 5 %, pseudo-labels", "rgcn, 5 %") in pairs
    assert ("rgcn, 5 %, taught by all", "blend, 5 %") in pairs
    assert {name for pair in pairs for name in pair} <= set(arms)
