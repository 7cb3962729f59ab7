"""Your own graph: triples, and optionally scores and text, from files."""

from __future__ import annotations

import os

from nie.data.builders.files import fields_of_files
from nie.data.graph import KnowledgeGraph

Path_ = str | os.PathLike[str]


def triples(
    name: str,
    triples: Path_,
    scores: Path_ | None = None,
    *,
    text: Path_ | None = None,
    allow_unknown: bool = False,
    columns: str | None = None,
    literals: str = "features",
    type_relation: str | None = None,
) -> KnowledgeGraph:
    """Build a graph from files of your own; .gz and .xz are read as they are, and pipes such as ``<(zcat f)`` too.

    Nodes and relations are numbered in the order of their names and edges are sorted, so that the order of lines in the
    files is no information: the same lines in any order are the same graph, with the same folds and figures. Repeated
    triples are dropped; ``meta["notes"]`` says how many there were.

    Args:
        name: name of the dataset.
        triples: lines ``head <tab> relation <tab> tail``; any strings, without the blanks around them. A first line
            such as "head relation tail" is a header (here and below: the first that is not empty), and says in which
            order the columns stand. In a file that ends in .csv (here and below), fields stand between commas, and
            perhaps quotes. Or N-Triples; or Turtle (.ttl) and RDF/XML (.rdf, .xml, .owl), with the extra ``rdf``.
        scores: lines ``node <tab> number``, the importance, finite and >= 0. A first line whose second field is no
            number, and whose first is no node, is a header. Without the file no node is labelled: such a graph is for
            link prediction.
        text: lines ``node <tab> text``; a first line such as "node text" is a header. Without the file, a node's text
            is its name; with it, nodes that are not in it have none.
        allow_unknown: skip and count nodes of ``scores`` and ``text`` that are in no triple, instead of refusing them.
        columns: the order of the columns of ``triples``, such as "head,tail,relation", with "-" for one to leave out.
            When it is not given, columns that seem to stand in another order than they should are refused.
        literals: "features" takes numbers, dates and strings out of the graph: numbers become the channel ``literals``,
            strings become text (see `nie.data.builders.literals`). "nodes" leaves them as nodes.
        type_relation: the relation whose tails are the types of nodes; kept in ``meta``.

    Raises:
        NieError: a line that is malformed, a duplicate or unknown node, a bad score, or a wrong row count; the message
            names file and line.

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "t.tsv").write_text("ann\\tknows\\tbob\\nbob\\tknows\\tann\\n")
    >>> _ = (folder / "s.tsv").write_text("ann\\t3\\n")
    >>> kg = triples("mine", folder / "t.tsv", folder / "s.tsv")
    >>> kg.node_names, kg.labels
    (['ann', 'bob'], array([ 3., nan]))
    """
    return KnowledgeGraph(**fields_of_files(
        name, triples, scores, text=text, allow_unknown=allow_unknown, columns=columns, literals=literals,
        type_relation=type_relation,
    ))  # fmt: skip
