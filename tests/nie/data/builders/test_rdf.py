"""nie.data.builders.rdf: Turtle and RDF/XML."""

from __future__ import annotations

import builtins
import gzip
from pathlib import Path

import pytest

from nie.data import KnowledgeGraph
from nie.errors import NieError

pytest.importorskip("pyoxigraph")

N_TRIPLES = """<http://x/ann> <http://x/knows> <http://x/bob> .
<http://x/ann> <http://x/age> "50"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://x/bob> <http://x/says> "a \\"b\\""@en .
_:z <http://x/knows> <http://x/ann> .
"""
TURTLE = """@prefix : <http://x/> .
:ann :knows :bob ; :age 50 . :bob :says "a \\"b\\""@en .
_:z :knows :ann .
"""
XML = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/">
<rdf:Description rdf:about="http://x/ann">
  <x:knows rdf:resource="http://x/bob"/>
  <x:age rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">50</x:age>
</rdf:Description>
<rdf:Description rdf:about="http://x/bob"><x:says xml:lang="en">a "b"</x:says></rdf:Description>
<rdf:Description rdf:nodeID="z"><x:knows rdf:resource="http://x/ann"/></rdf:Description>
</rdf:RDF>
"""


def read(folder: Path, name: str, text: str) -> KnowledgeGraph:
    (folder / name).write_text(text)
    return KnowledgeGraph.from_file(folder / name)


@pytest.mark.parametrize(("name", "text"), [("t.ttl", TURTLE), ("t.rdf", XML), ("t.owl", XML), ("t.xml", XML)])
def test_every_syntax_is_the_same_graph(name: str, text: str, tmp_path: Path) -> None:
    plain, other = read(tmp_path, "t.nt", N_TRIPLES), read(tmp_path, name, text)
    assert other.node_names == ["<http://x/ann>", "<http://x/bob>", "_:z"]
    assert other.digest == plain.digest
    assert list(other.text) == list(plain.text)
    assert other.text[1] == '<http://x/bob>. a "b"'
    (tmp_path / f"p{name}.gz").write_bytes(gzip.compress(text.encode()))
    assert KnowledgeGraph.from_file(tmp_path / f"p{name}").digest == plain.digest


def test_nodes_without_a_name_are_numbered_and_the_same_each_time(tmp_path: Path) -> None:
    text = "@prefix : <http://x/> . :a :b [ :c [ :d :e ] ] . :a :b <unplaced> ."
    first, second = read(tmp_path, "t.ttl", text), read(tmp_path, "t.ttl", text)
    assert first.digest == second.digest
    assert [name for name in first.node_names if name.startswith("_")] == ["_:anonymous1", "_:anonymous2"]
    assert "<unplaced>" in first.node_names


@pytest.mark.parametrize(
    "text", [r"a \u0022b\u0022", r"\u005C", r"a\u000Ab\tc", r"it\'s \u00FC\u00A0\U0001F600", r"\u007f"]
)
def test_an_escape_of_a_literal_means_the_same_in_every_syntax(text: str, tmp_path: Path) -> None:
    triples = f'<http://x/ann> <http://x/knows> <http://x/bob> .\n<http://x/ann> <http://x/says> "{text}" .\n'
    plain, turtle = read(tmp_path, "t.nt", triples), read(tmp_path, "t.ttl", triples)
    assert plain.node_names == turtle.node_names == ["<http://x/ann>", "<http://x/bob>"]
    assert list(plain.text) == list(turtle.text)


@pytest.mark.parametrize(
    "triple",
    [
        "<http://x/a b> :r :c .",
        ":c :r <http://x/a b> .",
        ":c <http://x/a b> :r .",
        r"<http://x/a\u0020b> :r :c .",
        ':c :r "7"^^<http://x/a b> .',
        "<< :a :r :c >> :said :b .",
        ":a :r :c {| :said :b |} .",
    ],
)
def test_what_n_triples_cannot_say_is_refused(triple: str, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"t\.ttl: .* must be an IRI without blanks, a literal, or .* \(RDF-star\)\.$"):
        read(tmp_path, "t.ttl", f"@prefix : <http://x/> .\n{triple}\n")


def test_a_blank_in_an_iri_of_xml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"t\.rdf: '<http://x/a b>' must be an IRI without blanks"):
        read(tmp_path, "t.rdf", XML.replace("http://x/ann", "http://x/a b"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.ttl", TURTLE + ":ann :knows .\n", r"t.ttl, line 4: "),
        ("t.ttl", TURTLE + ':ann :says "x\n', r"t.ttl, line 4: "),
        ("t.rdf", XML.replace("</x:age>", "</x:old>"), r"t.rdf, line 4: (mismatched tag|ill-formed)"),
        ("t.rdf", "\n".join(XML.splitlines()[:4]), r"t.rdf, line 4: "),
        ("t.nt", N_TRIPLES + "<a> <b> .\n", r"t.nt, line 5 must be a statement of N-Triples"),
        ("t.nt", "<a> b <c> .\n", r"t.nt, line 1 must be a statement of N-Triples"),
        ("t.ttl", "@prefix : <http://x/> .\n", r"t.ttl must have .*there is none"),
    ],
)
def test_an_error_of_syntax_is_one_sentence_with_file_and_line(
    name: str, text: str, words: str, tmp_path: Path
) -> None:  # fmt: skip
    with pytest.raises(NieError, match=words) as caught:
        read(tmp_path, name, text)
    assert "\n" not in str(caught.value)


def test_without_the_parser_n_triples_are_read_and_turtle_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == "pyoxigraph":
            raise ModuleNotFoundError("No module", name=name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.delitem(__import__("sys").modules, "pyoxigraph", raising=False)
    monkeypatch.setattr("nie.extras.importlib.import_module", lambda name: missing(name))
    assert read(tmp_path, "t.nt", N_TRIPLES).num_edges == 2
    with pytest.raises(NieError, match=r"needs the package pyoxigraph.*rdf"):
        read(tmp_path, "t.ttl", TURTLE)
