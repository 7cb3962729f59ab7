from __future__ import annotations

import gzip
import logging
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.data import KnowledgeGraph
from nie.errors import NieError

TRIPLES = "ann\tknows\tbob\nbob\tlikes\tann\nann\tknows\tbob\ncat\tlikes\tcat\n"
SCORES = "ann\t3\ncat\t0.5\n"


def make(
    folder: Path, triple: str = TRIPLES, score: str = SCORES, text: str | None = None, **more: Any
) -> KnowledgeGraph:
    (folder / "t.tsv").write_text(triple)
    (folder / "s.tsv").write_text(score)
    if text is not None:
        (folder / "x.tsv").write_text(text)
        more["text"] = folder / "x.tsv"
    return KnowledgeGraph.from_file(folder / "t.tsv", folder / "s.tsv", name="mine", **more)


def test_ids_follow_the_order_of_names_and_repeats_are_dropped(tmp_path: Path) -> None:
    kg = make(tmp_path)
    assert kg.node_names == ["ann", "bob", "cat"]
    assert kg.relation_names == ["knows", "likes"]
    assert list(zip(kg.src, kg.etype, kg.dst, strict=True)) == [(0, 0, 1), (1, 1, 0), (2, 1, 2)]
    np.testing.assert_array_equal(kg.labels, [3, np.nan, 0.5])
    assert kg.meta["notes"] == {"repeated_triples": 1}
    assert kg.text == kg.node_names


def test_rows_of_features_stand_in_the_order_that_the_pages_say(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.array([[1.0], [2.0], [3.0]]))
    kg = make(tmp_path, "zed\tr\tbob\nbob\tr\tAnn\n", "zed\t1\n", features={"own": tmp_path / "f.npy"})
    rows = dict(zip(kg.node_names, kg.channels["own"].features[:, 0].tolist(), strict=True))
    assert rows == {"Ann": 1, "bob": 2, "zed": 3}
    for page in ("datasets/README.md", "docs/own_graph.md"):
        said = " ".join((Path(__file__).parents[4] / page).read_text().split())
        assert "in the order of the names (by code point)" in said


def test_headers_are_optional(tmp_path: Path) -> None:
    plain = make(tmp_path, text="ann\tA singer\n")
    headed = make(tmp_path, "Head\trelation\tTail\n" + TRIPLES, "node\tscore\n" + SCORES, "node\ttext\nann\tA singer\n")
    assert plain.digest == headed.digest
    assert headed.text == ["A singer", None, None]


def test_headers_after_empty_lines_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="nie"):
        headed = make(tmp_path, "\n\nhead\trelation\ttail\n" + TRIPLES, "\nzz\tabc\n" + SCORES)
    assert headed.digest == make(tmp_path).digest
    assert "t.tsv, line 3 is taken as a header and skipped: head relation tail" in caplog.text
    assert "s.tsv, line 2 is taken as a header and skipped: zz abc" in caplog.text


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed(tmp_path: Path, suffix: str, pack: Any) -> None:
    (tmp_path / f"t.tsv{suffix}").write_bytes(pack(TRIPLES.encode()))
    (tmp_path / f"s.tsv{suffix}").write_bytes(pack(SCORES.encode()))
    packed = KnowledgeGraph.from_file(tmp_path / f"t.tsv{suffix}", tmp_path / f"s.tsv{suffix}", name="mine")
    assert packed.digest == make(tmp_path).digest


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"triple": "a\tb\n"}, r"t.tsv, line 1 must have 3 tab-separated fields; got 2; edges without a relation need"),
        ({"triple": TRIPLES + "a\t\tb\n"}, r"t.tsv, line 5: head, relation and tail must not be empty"),
        ({"triple": ""}, r"t.tsv must have lines .* there is none"),
        ({"triple": "head\trelation\ttail\n"}, r"t.tsv must have lines .* there is none"),
        ({"score": SCORES + "dan\t1\n"}, r"s.tsv, line 3: the node 'dan' is in no triple"),
        ({"score": SCORES + "bob\t-1\n"}, r"s.tsv, line 3: the score of 'bob' must be .* >= 0; got '-1'; where scores"),
        ({"score": SCORES + "bob\tnan\n"}, r"s.tsv, line 3: the score of 'bob' must be .* got 'nan'"),
        ({"score": SCORES + "bob\tinf\n"}, r"s.tsv, line 3: the score of 'bob' must be .* got 'inf'"),
        ({"score": SCORES + "bob\tmany\n"}, r"s.tsv, line 3: the score of 'bob' must be .* got 'many'\.$"),
        ({"score": "ann\tnan\n"}, r"s.tsv, line 1: the score of 'ann' must be .* got 'nan'"),
        ({"score": "name\t5\n" + SCORES}, r"s.tsv, line 1: the node 'name' is in no triple"),
        ({"score": "ann\tabc\n"}, r"s.tsv, line 1: the score of 'ann' must be .* got 'abc'"),
        ({"score": SCORES + "ann\t4\n"}, r"s.tsv, line 3: the node 'ann' appears twice"),
        ({"score": SCORES + "bob\n"}, r"s.tsv, line 3 must have 2 tab-separated fields; got 1"),
        ({"score": ""}, r"s.tsv: at least one node of the graph must have a score"),
        ({"text": "ann\tA\nann\tB\n"}, r"x.tsv, line 2: the node 'ann' appears twice"),
        ({"text": "ann\tA\ndan\tB\n"}, r"x.tsv, line 2: the node 'dan' is in no triple"),
    ],
)
def test_malformed(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(NieError, match=words):
        make(tmp_path, **changes)  # type: ignore[arg-type]


def test_allow_unknown_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="nie"):
        kg = make(tmp_path, score=SCORES + "dan\t1\neve\t1\n", text="fay\tF\n", allow_unknown=True)
    assert kg.meta["notes"] == {"repeated_triples": 1, "unknown_in_scores": 2, "unknown_in_text": 1}
    assert "2 nodes in scores are in no triple and were skipped" in caplog.text


def test_allow_unknown_still_refuses_bad_scores(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"line 3: the score of 'dan' must be .* got '-1'"):
        make(tmp_path, score=SCORES + "dan\t-1\n", allow_unknown=True)


def test_what_is_wrong_beside_the_triples_shows_before_they_are_read(tmp_path: Path) -> None:
    """They may take minutes, and here they are malformed themselves."""
    (tmp_path / "t.tsv").write_text("malformed\n")
    (tmp_path / "commas.tsv").write_text("ann,3\n")
    (tmp_path / "s.tsv").write_text(SCORES)
    for scores, more, message in (
        ("commas.tsv", {}, "separated by commas"),
        ("none.tsv", {}, "none.tsv does not exist"),
        ("s.tsv", {"text": tmp_path / "no-text.tsv"}, "no-text.tsv does not exist"),
        ("s.tsv", {"features": {"image": tmp_path / "no-image.npy"}}, "no-image.npy does not exist"),
        ("s.tsv", {}, "t.tsv, line 1"),
    ):
        with pytest.raises(NieError, match=message):
            KnowledgeGraph.from_file(tmp_path / "t.tsv", tmp_path / scores, name="mine", **more)
