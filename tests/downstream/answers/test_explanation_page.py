"""Explanations as a page, as a figure and as files: downstream.answers.explanation_page, nie explain --out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from stage_helpers import run_quietly, small

import nie
from downstream.answers.explanation import Explanation, FactShare
from downstream.answers.explanation_page import explanation_page
from downstream.answers.explanation_text import explanation_text
from downstream.stages.estimation import estimate
from nie.data import synthetic
from nie.data.store import save

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} \u202e\x1b[31m $\\frac$ | `x`"


def made(name: str) -> Explanation:
    facts = [FactShare(name, f"/{name}/r", name, name, value, 0.0) for value in (0.5, -0.25)]
    return Explanation(name, name, "ig", "log1p", 5.0, 4.5, facts, {name: {name: 0.5, "b": -0.25}}, {name: 0.0}, 1)


class Tags(HTMLParser):
    """The tags of a page, and its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs


def test_names_do_nothing_but_be_read() -> None:
    plain, hostile = Tags(explanation_page(made("plain"))), Tags(explanation_page(made(HOSTILE)))
    assert plain.tags == hostile.tags
    assert not hostile.tags["script"]
    assert "\x1b" not in explanation_page(made(HOSTILE))
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    assert not [name for name, _ in hostile.attributes if name in ("src", "href") or name.startswith("on")]
    policy = next(value for name, value in hostile.attributes if name == "content" and "default-src" in str(value))
    assert "default-src 'none'" in str(policy)
    assert "script" not in str(policy)
    assert "\x1b" not in explanation_text(made(HOSTILE))
    assert made(HOSTILE).plot().axes[0].get_yticklabels()


def test_bars_are_as_long_as_contributions_are_large() -> None:
    page = explanation_page(made("plain"))
    assert 'class="plus" style="width: 100.0%"' in page
    assert 'class="minus" style="width: 50.0%"' in page
    assert "-0.250 (x 0.78)" in page


def test_features_of_a_channel_are_shown_apart() -> None:
    assert "Of its own plain features: plain +0.500, b -0.250." in explanation_text(made("plain"))
    assert '<td class="words">b</td>' in explanation_page(made("plain"))


def test_what_is_left_out_of_the_list_is_summed_up() -> None:
    assert "The 1 other facts: -0.250" in explanation_page(made("plain"), top=1)
    assert "The 1 other facts" in explanation_text(made("plain"), top=1)


def test_contributions_that_do_not_add_up_are_said_to() -> None:
    off = replace(made("plain"), score=5.5)
    for said in (explanation_page(off), explanation_text(off)):
        assert "miss more than 5 %" in said
    for said in (explanation_page(made("plain")), explanation_text(made("plain"))):
        assert "miss more than 5 %" not in said


def test_a_score_that_was_drawn_in_says_from_where() -> None:
    drawn = replace(made("plain"), score=4.5, drawn_in=-0.5)
    for said in (explanation_page(drawn), explanation_text(drawn)):
        assert "The models predict 5.000, which is drawn in by -0.500" in said
        assert "miss more than 5 %" not in said
    assert sum(drawn.sum.values()) == pytest.approx(4.5)
    assert drawn.as_json()["drawn_in"] == -0.5
    assert "drawn in" not in explanation_text(made("plain"))


def test_a_node_without_facts_is_said_to_have_none() -> None:
    alone = replace(made("plain"), facts=[])
    for said in (explanation_page(alone), explanation_text(alone)):
        assert "The node has no facts." in said


def test_of_facts_that_are_not_read_nothing_is_said_but_that() -> None:
    plain = made("plain")
    unread = replace(plain, facts=[replace(fact, contribution=0.0) for fact in plain.facts])
    for said in (explanation_page(unread, top=1), explanation_text(unread, top=1)):
        assert "read no facts" in said
        assert "other facts" not in said


def test_a_figure_has_a_bar_for_each_contribution() -> None:
    (axis,) = made("plain").plot().axes
    assert [round(bar.get_width(), 2) for bar in axis.patches] == [0.5, -0.25, 0.25, 0.0]
    assert axis.get_yticklabels()[0].get_text() == "/plain/r: plain"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explanation_page")
    kg = replace(synthetic(0), text=[f"{HOSTILE} {node}" for node in range(300)])
    save(kg, root / kg.name / "processed")
    return root


def test_the_command_writes_every_format_whole(root: Path) -> None:
    run = estimate(small("ridge"), data_root=root, run_root=root / "runs")
    name = synthetic(0).node_names[3]
    for kind, begins in (("html", "<!doctype html>"), ("json", "{"), ("csv", "head,"), ("text", "")):
        out = root / "made" / f"why.{kind}"
        asked = ["explain", str(run.path), name, "--format", kind, "--out", str(out)]
        code, said, error = run_quietly(asked, root, root / "runs")
        assert (code, error) == (0, "")
        assert str(out) in said
        assert out.read_text(encoding="utf-8").startswith(begins)
    assert json.loads((root / "made" / "why.json").read_text(encoding="utf-8"))["node"] == name
    assert "<script" not in (root / "made" / "why.html").read_text(encoding="utf-8")
    code, _, error = run_quietly(["explain", str(run.path), name, "--out", str(root)], root, root / "runs")
    assert code == 2
    assert "is a folder" in error


def test_a_model_explains_its_scores(root: Path) -> None:
    run = estimate(small("ridge"), data_root=root, run_root=root / "runs")
    model = nie.load_run(run.path, root)
    why = model.explain(synthetic(0).node_names[3])
    assert len(why.to_frame()) == len(why.facts)
    assert "<script" not in why._repr_html_()
    assert sum(why.sum.values()) == pytest.approx(why.score)
