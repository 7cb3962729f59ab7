"""downstream.answers.report_page."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small

from downstream.answers.node_scores import score_nodes
from downstream.answers.report_page import script_data, write_report_page
from downstream.stages.estimation import estimate
from nie.data import synthetic
from nie.data.store import save

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

HOSTILE = (
    "</script><script>alert(1)</script>", "<!--<script>", "<img src=x onerror=alert(1)>", "]]>", "{{ 7 * 7 }}",
    "\u202egnp.exe", "\x1b[31m\x00", "\u2028\u2029", "'\"><svg onload=alert(1)>", "&lt;b&gt;", "$\\frac$", "\ud83d",
)  # fmt: skip


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text of each of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[-1] += data


def written(folder: Path, names: tuple[str, ...], coverage: float = 0.9) -> tuple[Page, str]:
    """The page of a run on the synthetic graph, whose nodes, texts, relations and all else have these names."""
    kg = synthetic(0)
    shown = [f"{names[node % len(names)]} {node}" for node in range(kg.num_nodes)]
    relations = [f"{name} {number}" for number, name in enumerate((names * 3)[:3])]
    meta = {**kg.meta, "label": names[0]}
    kg = replace(kg, node_names=shown, text=[f"about {name}" for name in shown], relation_names=relations, meta=meta)
    save(kg, folder / "data" / kg.name / "processed")
    run = estimate(small("ridge"), data_root=folder / "data", run_root=folder / "runs")
    scores = score_nodes(run, data_root=folder / "data", coverage=coverage)
    write_report_page(
        folder / "report.html", command=f"nie run {names[0]}", kg=kg, runs={names[-1]: run}, chosen=run, scores=scores,
        remarks=names,
    )  # fmt: skip
    text = (folder / "report.html").read_text(encoding="utf-8")
    return Page(text), text


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, str]:
    names = tuple(f"plain{number}" for number in range(len(HOSTILE) - 1))
    return written(tmp_path_factory.mktemp("plain"), names)


def test_it_is_one_file_that_asks_for_nothing(plain: tuple[Page, str]) -> None:
    page, text = plain
    assert page.tags["script"] == 2
    assert page.tags["link"] == 0
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttp", text)


def test_all_nodes_are_in_the_data_of_the_list(plain: tuple[Page, str]) -> None:
    ranking = json.loads(plain[0].scripts[0])
    assert len(ranking["rows"]) == ranking["total"] == 300
    assert {row[0] for row in ranking["rows"]} >= {"plain0 0", "plain1 1"}


def test_the_interval_stands_in_the_ranking_and_its_coverage_in_a_table_and_a_picture(
    plain: tuple[Page, str], tmp_path: Path
) -> None:
    page, text = plain
    assert page.tags["figure"] == 2
    assert ">90 % interval</th>" in text
    for words in ("How sure the scores are", "truly in the top 1 %", "90 % of each group are meant to be inside"):
        assert words in text
    without, nothing = written(tmp_path, ("plain",), coverage=0.999)
    assert without.tags["figure"] == 1
    assert "% interval" not in nothing
    assert "How sure the scores are" not in nothing
    assert "There are no intervals" in nothing


def test_it_is_for_light_and_dark_phone_and_print(plain: tuple[Page, str]) -> None:
    for rule in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert rule in plain[1]
    assert "#000000" not in plain[1]


def test_hostile_names_do_nothing_but_be_shown(plain: tuple[Page, str], tmp_path: Path) -> None:
    page, text = written(tmp_path, HOSTILE[:-1])  # half a letter of UTF-16 is refused where a graph is stored
    drawn = {"path", "use", "g", "defs", "clippath", "rect", "image"}  # as many as letters and cells need
    assert {tag: number for tag, number in page.tags.items() if tag not in drawn} == {
        tag: number for tag, number in plain[0].tags.items() if tag not in drawn
    }
    assert not page.handlers
    assert text.isprintable() or set(filter(lambda letter: not letter.isprintable(), text)) <= {"\n", "\t"}
    names = {row[0] for row in json.loads(page.scripts[0])["rows"]}
    assert "</script><script>alert(1)</script> 0" in names
    assert "\\u202egnp.exe 5" in names


@pytest.mark.parametrize("name", HOSTILE)
def test_data_of_a_script_is_ascii_that_ends_nothing(name: str) -> None:
    data: Any = script_data({name: [name, 1.5, None]})
    assert data.isascii()
    assert not set(data) & set("<>&")
    assert json.loads(data) == {name: [name, 1.5, None]}


def test_what_is_not_finite_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script_data(np.nan)
