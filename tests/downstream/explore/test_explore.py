"""What the page is made of, without a browser: its questions, its command and the exported file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from stage_helpers import run_quietly

from downstream.answers import styled_page
from downstream.answers.explanation import Explanation, FactShare
from downstream.answers.explanation_text import about_facts, drawn_in_text, explanation_text, missed
from downstream.explore.explored import Explored
from downstream.explore.export import FACTS, write_export
from downstream.explore.neighbours import MOST, neighbour_elements
from nie.errors import NieError

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(scope="module")
def explored(finished: Any) -> Explored:
    return Explored.open(finished.rgcn, against=finished.ridge, data_root=finished.root)


def test_questions_at_once_get_the_answers_of_questions_in_a_row(explored: Explored, finished: Any) -> None:
    nodes = range(24)
    alone = [Explored.open(finished.rgcn, data_root=finished.root).questions.explain(node).score for node in nodes]
    together: dict[int, float] = {}

    def ask(node: int) -> None:
        together[node] = explored.questions.explain(node).score

    threads = [threading.Thread(target=ask, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[node] for node in nodes] == pytest.approx(alone)


def test_every_question_is_that_of_python(explored: Explored) -> None:
    kg, questions = explored.kg, explored.questions
    head, relation, tail = kg.triples[0].tolist()
    fact = (kg.node_names[head], kg.relation_names[relation], kg.node_names[tail])
    assert questions.what_if([fact], []).columns() == explored.model.what_if([fact]).columns()
    assert questions.suggest(3, 2, lower=True).facts == explored.model.suggest(kg.node_names[3], 2, lower=True).facts
    made = questions.new_nodes([("new", fact[1], fact[2])], {})
    assert made["node"] == ["new"]
    with pytest.raises(NieError, match="Nothing changes"):
        questions.what_if([], [])


def test_the_interval_of_a_new_node_is_of_the_coverage_that_was_asked_for(finished: Any) -> None:
    facts = [("new", finished.kg.relation_names[0], finished.kg.node_names[0])]
    widths = []
    for coverage in (0.5, 0.9):
        questions = Explored.open(finished.rgcn, coverage=coverage, data_root=finished.root).questions
        made, expected = questions.new_nodes(facts, {}), questions.model.predict_new(facts, interval=coverage)
        assert made["lower"] == list(expected["lower"])
        widths.append(made["upper"][0] - made["lower"][0])
    assert widths[0] < widths[1]


def test_the_graph_of_neighbours_has_the_facts_that_count_most() -> None:
    facts = [
        FactShare("a", "r", f"n{place}", f"N{place}. It is", value, 0.0) for place, value in enumerate([3.0, -1.5])
    ]
    facts.append(FactShare("a", "loops", "a", "A", 0.5, 0.0))
    one = Explanation("a", "A", "ig", "log1p", 1.0, 0.0, facts, {}, {}, 1)
    made = neighbour_elements(one, {"a": 0, "n0": 1, "n1": 2})
    nodes, edges = [x for x in made if "position" in x], [x for x in made if "position" not in x]
    assert [node["data"] for node in nodes] == [
        {"id": "0", "label": "A"}, {"id": "1", "label": "N0"}, {"id": "2", "label": "N1"}
    ]  # fmt: skip
    assert [(edge["data"]["target"], edge["data"]["width"], edge["classes"]) for edge in edges] == [
        ("1", 8.0, "plus"), ("2", 4.5, "minus"), ("0", 2.2, "plus")
    ]  # fmt: skip
    many = Explanation("a", "A", "ig", "log1p", 1.0, 0.0, facts[:1] * 99, {}, {}, 1)
    assert len([x for x in neighbour_elements(many, {"a": 0, "n0": 1}) if "position" not in x]) == MOST


class Page(HTMLParser):
    """The tags of a page, and what is inside its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] and self.tags[-1][0] == "script" and data.strip():
            self.scripts.append(data)


def test_the_exported_file_runs_its_own_script_alone(explored: Explored, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_export(path, explored, explained=3)
    page = Page(path.read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert not [of for _, of in page.tags if "src" in of or any(name.startswith("on") for name in of)]
    assert all((of.get("href") or "#").startswith("#") for _, of in page.tags)
    policy = next(of["content"] for _, of in page.tags if of.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)
    data = json.loads(page.scripts[0])
    assert len(data["rows"]) == explored.kg.num_nodes
    assert len(data["why"]) == 3
    first = str(explored.ranking.scores.order[0])
    expected = explored.questions.explain(int(first)).facts[:FACTS]
    assert [fact[5] for fact in data["why"][first]["facts"]] == pytest.approx(
        [f.contribution for f in expected], rel=1e-3
    )


def test_the_exported_file_says_of_each_node_what_the_page_says(
    explored: Explored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    refused, bare, unread, bent, plain = nodes = [int(node) for node in explored.ranking.scores.order[:5]]
    known = explored.questions.explain(int(explored.kg.triples[0][0]))
    told = {
        bare: replace(known, facts=[], drawn_in=0.25),
        unread: replace(known, facts=[replace(fact, contribution=0.0) for fact in known.facts]),
        bent: replace(known, score=known.score + 9),
        plain: known,
    }

    def explain(_: Any, node: int) -> Explanation:
        if node not in told:
            raise NieError("This node alone cannot be explained.")
        return told[node]

    monkeypatch.setattr("downstream.explore.questions.Questions.explain", explain)
    write_export(tmp_path / "page.html", explored, explained=5)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    why = json.loads(Page(page).scripts[0])["why"]
    assert "The cards of the first 5 say" in page
    assert list(map(int, why)) == [bare, unread, bent, plain, refused]
    assert why[str(refused)]["notes"] == ["This node alone cannot be explained."]
    for node in nodes[1:]:
        assert why[str(node)]["notes"] == [said for said in notes(told[node]) if said]
    assert why[str(bent)]["notes"][0].startswith("The contributions miss")
    assert why[str(bare)]["notes"][-1] == "The node has no facts."
    assert why[str(unread)]["notes"][-1] == "The models behind this score read no facts."
    assert [bool(why[str(node)]["facts"]) for node in nodes] == [False, False, False, True, True]


def notes(one: Explanation) -> list[str]:
    """The sentences that the page shows, which the text has, too."""
    said = [missed(one), drawn_in_text(one), about_facts(one)]
    assert all(sentence in explanation_text(one) for sentence in said)
    return said


def test_a_run_that_cannot_be_explained_is_exported_without(finished: Any, tmp_path: Path) -> None:
    from stage_helpers import small

    from downstream.stages.estimation import estimate

    run = estimate(small("pagerank"), data_root=finished.root, run_root=finished.root / "runs")
    write_export(tmp_path / "page.html", Explored.open(run.path, data_root=finished.root))
    assert "whose scores cannot be explained" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_command_says_what_is_wrong_in_one_sentence(
    finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def error_of(*words: str) -> str:
        code, out, error = run_quietly(["explore", *words], finished.root, finished.root / "runs")
        assert (code, out, error.count("\n")) == (2, "", 1), error
        return error

    run, page = str(finished.rgcn), str(tmp_path / "page.html")
    assert "leave --port out" in error_of(run, "--port", "1", "--export", page)
    assert "--explained is of the file" in error_of(run, "--explained", "3")
    assert "must end in .html" in error_of(run, "--export", str(tmp_path / "page.txt"))
    assert "given twice" in error_of(run, "--export", page, "--against", run)
    assert "no run" in error_of(str(tmp_path), "--export", page).lower() or "config.yaml" in error_of(str(tmp_path))
    monkeypatch.setitem(sys.modules, "dash", None)
    monkeypatch.setitem(sys.modules, "dash_cytoscape", None)
    monkeypatch.setattr("nie.extras.Package.is_there", lambda package: not package.module.startswith("dash"))
    assert "This needs the packages dash, dash_cytoscape: pip install 'nie[explore]'." in error_of(run).replace(
        " and", ","
    )


def test_colours_can_be_told_apart() -> None:
    """WCAG 2 asks for a contrast of 4.5 between text and its ground."""
    style = Path(styled_page.__file__).with_name("page_style.css").read_text(encoding="utf-8")
    for light in re.findall(r":root \{([^}]*--panel[^}]*)\}", style)[:2]:
        colour = {name: _full(value) for name, value in re.findall(r"--(\w+): #(\w+)", light)}
        for ground in ("ground", "panel"):
            for ink in ("text", "quiet", "accent", "warn"):
                assert _contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)


def _full(value: str) -> list[int]:
    return [int(part, 16) for part in re.findall("..", value if len(value) == 6 else "".join(2 * x for x in value))]


def _contrast(one: list[int], other: list[int]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: list[int]) -> float:
    parts = [x / 255 / 12.92 if x <= 10 else ((x / 255 + 0.055) / 1.055) ** 2.4 for x in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
