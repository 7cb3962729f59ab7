"""Scores before and after a change: downstream.answers.what_if, changed_scores and named_change."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import opened, run_quietly, small, store_synthetic

from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.changed_scores import ChangedScores
from downstream.answers.estimate import Estimate
from downstream.answers.named_change import NamedFact, named_change, named_facts, read_changes
from downstream.answers.node_scores import NodeScores, score_nodes
from downstream.answers.trained import TrainedRun
from downstream.answers.what_if import what_if, what_if_text
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph, synthetic
from nie.data.graph_change import GraphChange
from nie.data.store import save
from nie.errors import NieError

COMPUTED = {"structural": "relations", "semantic": "tfidf"}
Names = tuple[str, str, str]


@pytest.fixture(scope="module")
def rgcn(root: Path) -> TrainedRun:
    return opened(root, "rgcn", features=COMPUTED, members=2)


def names_of(kg: KnowledgeGraph, place: int) -> Names:
    head, relation, tail = kg.triples[place].tolist()
    return kg.node_names[head], kg.relation_names[relation], kg.node_names[tail]


def new_fact(kg: KnowledgeGraph) -> Names:
    """Between the ends of the first fact, with a relation that the graph does not have there."""
    head, _, tail = names_of(kg, 0)
    there = kg.etype[(kg.src == kg.src[0]) & (kg.dst == kg.dst[0])]
    return head, next(name for number, name in enumerate(kg.relation_names) if number not in there), tail


def same(one: NodeScores, other: NodeScores, tolerance: float = 1e-4) -> None:
    np.testing.assert_allclose(one.score, other.score, rtol=tolerance)
    np.testing.assert_allclose(one.rank, other.rank, atol=2)  # of nodes whose scores differ by rounding
    np.testing.assert_allclose(one.p_top100, other.p_top100, atol=0.01)
    for end, expected in zip(one.interval, other.interval, strict=True):
        np.testing.assert_allclose(end, expected, rtol=0.02)


@pytest.mark.parametrize("members", [1, 2])
def test_without_a_change_scores_ranks_chances_and_intervals_are_those_of_the_run(root: Path, members: int) -> None:
    trained = opened(root, "rgcn", features=COMPUTED, members=members)
    scores = ChangedScores.of(ChangedGraph(trained, GraphChange(trained.kg)))
    expected = score_nodes(trained.run, data_root=root)
    same(scores.before, expected)
    same(scores.after, scores.before, 1e-12)
    assert not scores.change.any()
    assert not scores.spread.any()
    assert scores.networks == 2 * members


def test_a_fact_that_is_added_back_restores_all_scores(rgcn: TrainedRun) -> None:
    fact = names_of(rgcn.kg, 0)
    change = named_change(rgcn.kg, [NamedFact(*fact)], [])
    back = GraphChange(rgcn.kg, change.removed, change.removed)
    scores = [ChangedScores.of(ChangedGraph(rgcn, one)) for one in (change, back)]
    assert np.abs(scores[0].change).max() > 1e-3
    same(scores[1].after, scores[1].before)


def test_the_change_and_its_spread_are_those_of_the_networks(rgcn: TrainedRun) -> None:
    result = what_if(rgcn, remove=[names_of(rgcn.kg, 0)])
    shifts = []
    for fold in (0, 1):
        members = [rgcn.run.array(fold, f"member{member}/outputs.npy", (2, rgcn.kg.num_nodes))[1] for member in (0, 1)]
        shifts += list(result.scores.predictions[fold] - np.stack(members))
    np.testing.assert_allclose(result.scores.spread, np.std(shifts, axis=0), atol=1e-4)
    untested = np.setdiff1d(np.arange(300), np.concatenate([rgcn.inputs.folds[fold].test for fold in (0, 1)]))
    np.testing.assert_allclose(result.scores.change[untested], np.mean(shifts, axis=0)[untested], atol=1e-4)


def test_the_nodes_shown_are_those_named_or_those_changed_most(rgcn: TrainedRun) -> None:
    kg, fact = rgcn.kg, new_fact(rgcn.kg)
    result = what_if(rgcn, add=[fact])
    assert result.columns()["node"] == [fact[0], fact[2]]
    changed = result.columns("changed")
    sizes = [abs(change) for change in changed["change"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(np.abs(result.scores.change).max())
    assert len(sizes) <= 10
    assert set(result.columns()) == set(result.as_json()["nodes"][0])
    assert result.as_json()["added"] == [list(fact)]
    text = what_if_text(result)
    assert text.startswith("Facts removed: 0, added: 1; networks asked: 4.")
    assert kg.text[int(kg.src[0])] is not None
    with pytest.raises(NieError, match=r"nodes must be one of named, changed; got 'change' .did you mean 'changed'"):
        result.to_frame("change")


def test_features_that_stay_as_they_were_are_named(root: Path) -> None:
    trained = opened(root, "rgcn", features={"structural": "structural+relations", "semantic": "tfidf"})
    result = what_if(trained, remove=[names_of(trained.kg, 0)])
    assert result.kept == ["structural"]
    assert what_if_text(result).endswith("structural stays as before.")


def test_python_asks_by_name_or_text(rgcn: TrainedRun, root: Path) -> None:
    kg, fact = rgcn.kg, names_of(rgcn.kg, 0)
    texts = [kg.text[kg.node_names.index(name)] or name for name in (fact[0], fact[2])]
    frame = Estimate(rgcn.run, root).what_if(remove=[(texts[0].lower(), fact[1], texts[1])]).columns()
    assert frame == what_if(rgcn, remove=[fact]).columns()


def said(root: Path, run: Path, *flags: str) -> tuple[int, str, str]:
    return run_quietly(["what-if", str(run), *flags], root, root / "runs")


def test_the_command_prints_text_json_and_csv(rgcn: TrainedRun, root: Path, tmp_path: Path) -> None:
    removed, added = names_of(rgcn.kg, 5), new_fact(rgcn.kg)
    (tmp_path / "changes.tsv").write_text("\t".join(("add", *added)) + "\n")
    flags = ["--remove", *removed, "--file", str(tmp_path / "changes.tsv")]
    code, out, _ = said(root, rgcn.run.path, *flags)
    assert code == 0
    assert "Facts removed: 1, added: 1" in out
    document = json.loads(said(root, rgcn.run.path, *flags, "--format", "json")[1])
    assert (document["removed"], document["added"]) == ([list(removed)], [list(added)])
    assert document["nodes"] == what_if(rgcn, [removed], [added]).as_json()["nodes"]
    rows = list(csv.DictReader(io.StringIO(said(root, rgcn.run.path, *flags, "--format", "csv")[1])))
    assert [row["node"] for row in rows] == [node["node"] for node in document["nodes"]]
    code, out, _ = said(root, rgcn.run.path, *flags, "--nodes", "changed")
    assert code == 0
    assert "change on the label scale" in out


LINES = {
    "3 fields": ("add\ta\tb\n", r"changes.tsv, line 1 must have 4 tab-separated fields; got 3"),
    "an action": ("\nad\ta\tb\tc\n", r"line 2 must begin with add or remove; got 'ad' .did you mean 'add'"),
    "a name": ("add\t\tb\tc\n", r"line 1: head, relation and tail must not be empty"),
    "no line": ("", r"must have lines 'add<tab>head<tab>relation<tab>tail' or 'remove<tab>...'"),
    "no such node": (
        "remove\tnode 3000\tcites\tnode 1\n",
        r"line 1: The graph has no entity 'node 3000' .did",
    ),
}


@pytest.mark.parametrize("kind", LINES)
def test_a_malformed_file_is_named_with_its_line(kind: str, rgcn: TrainedRun, root: Path, tmp_path: Path) -> None:
    content, message = LINES[kind]
    (tmp_path / "changes.tsv").write_text(content)
    code, out, error = said(root, rgcn.run.path, "--file", str(tmp_path / "changes.tsv"))
    assert (code, out) == (2, "")
    assert re.search(message, error)
    assert "Traceback" not in error


def test_what_cannot_change_is_refused_in_a_sentence(rgcn: TrainedRun) -> None:
    kg, fact = rgcn.kg, names_of(rgcn.kg, 0)
    other = new_fact(kg)
    for remove, add, message in (
        ([], [], "Nothing changes; name at least one fact"),
        ([other], [], r"The fact \(.*\) is not in the graph; from the first to the second it has '"),
        ([], [fact], r"The fact \(.*\) is in the graph already"),
        ([fact], [fact], r"is both removed and added; do one of the two"),
        ([(fact[0], "citess", fact[2])], [], r"no relation 'citess' .did you mean 'cites'"),
        ([("node 3000", "cites", fact[2])], [], r"no entity 'node 3000' .did you mean 'node 30"),
        ([("a legendary", "cites", fact[2])], [], r"\d+ have the words 'a legendary'; give the entity by its name, su"),
        ([("a", "b")], [], r"remove must hold facts .head, relation, tail., three names each; got \('a', 'b'\)"),
        (["abc"], [], r"remove must hold facts"),
        ("abc", [], r"remove must be a list of facts .head, relation, tail.; got 'abc'"),
    ):
        with pytest.raises(NieError, match=message):
            what_if(rgcn, remove, add)  # type: ignore[arg-type]


def test_a_fact_may_name_nodes_by_whole_numbers() -> None:
    assert named_facts("add", [(7, "cites", 8)]) == [NamedFact("7", "cites", "8")]


def test_words_of_a_relation_are_enough_that_one_between_the_two_has(rgcn: TrainedRun) -> None:
    names = [f"/graph/{name}./facts/about" for name in rgcn.kg.relation_names]
    kg = replace(rgcn.kg, relation_names=names)
    different = np.unique(kg.triples, axis=0)
    _, place, counts = np.unique(different[:, [0, 2]], axis=0, return_index=True, return_counts=True)
    alone, several = different[place[counts == 1][0]], different[place[counts > 1][0]]
    head, tail = kg.node_names[alone[0]], kg.node_names[alone[2]]
    assert named_change(kg, [NamedFact(head, "about", tail)], []).removed.tolist() == [alone.tolist()]
    ends = kg.node_names[several[0]], kg.node_names[several[2]]
    with pytest.raises(NieError, match="No relation begins with the words 'about'; they are in those of /graph/"):
        named_change(kg, [NamedFact(ends[0], "about", ends[1])], [])
    with pytest.raises(NieError, match="No relation begins with the words 'about'"):
        named_change(kg, [], [NamedFact(head, "about", tail)])


def test_a_run_that_cannot_be_asked_is_refused_in_a_sentence(root: Path, rgcn: TrainedRun, tmp_path: Path) -> None:
    ridge = estimate(small("ridge"), data_root=root, run_root=root / "runs")
    flags = ["--remove", *names_of(rgcn.kg, 0)]
    for run, message in ((ridge.path, "a run of ridge"), (tmp_path, "")):
        code, out, error = said(root, run, *flags)
        assert (code, out) == (2, "")
        assert message in error
    code, _, error = said(root, rgcn.run.path)
    assert code == 2
    assert "Say what changes with --remove, --add or --file; or, without these, give --suggest." in error


def test_a_run_on_changed_data_is_refused(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    run = estimate(small("gcn", folds={"run": [0]}), data_root=tmp_path, run_root=tmp_path / "runs")
    kg = synthetic(1)
    save(kg, tmp_path / kg.name / "processed")
    code, out, error = said(tmp_path, run.path, "--add", *new_fact(kg))
    assert (code, out) == (2, "")
    assert "Traceback" not in error
    assert error.count("\n") == 1


def test_a_file_gives_facts_by_action(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    path.write_text('remove,"a, b",r,c\nadd,d,r,e\nadd,d,r,f\n')
    facts = read_changes(path)
    assert [fact[:3] for fact in facts["remove"]] == [("a, b", "r", "c")]
    assert [fact.at for fact in facts["add"]] == [f"{path}, line 2", f"{path}, line 3"]
