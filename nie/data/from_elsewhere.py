"""How a `nie.KnowledgeGraph` is made of what people have: files, frames, and graphs of other packages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class FromElsewhere:
    """The class methods; what each does is in a module of its own, which is imported when it is called.

    The same triples, scores and texts are the same graph, with the same digest, wherever they come from: nodes and
    relations are numbered in the order of their names.
    """

    @classmethod
    def from_file(
        cls, triples: str | os.PathLike[str], scores: str | os.PathLike[str] | None = None, *,
        text: str | os.PathLike[str] | None = None, features: Mapping[str, Any] | None = None,
        columns: str | None = None, name: str = "own", literals: str = "features", type_relation: str | None = None,
        allow_unknown: bool = False, label_transform: str = "log1p",
    ) -> Self:  # fmt: skip
        """The graph in a file of triples; .gz and .xz are read as they are, and pipes such as ``<(zcat f)`` too.

        The same lines in any order are the same graph, with the same folds and figures. Repeated triples are dropped;
        ``meta["notes"]`` says how many there were.

        Args:
            triples: lines ``head <tab> relation <tab> tail``; any strings, without the blanks around them. A first line
                such as "head relation tail" is a header (here and below: the first that is not empty), and says in
                which order the columns stand. In a file that ends in .csv (here and below), fields stand between
                commas, and perhaps quotes. Or N-Triples; or Turtle (.ttl) and RDF/XML (.rdf, .xml, .owl), with the
                extra ``rdf``.
            scores: lines ``node <tab> number``, the importance, finite and >= 0. A first line without a number, or with
                a word such as "node", whose first field is no node, is a header. Without the file no node is labelled:
                such a graph is for link prediction. Further columns are further signals of importance (``signals``),
                finite, and empty where a node has none; the header names them, and without one they are score, score2,
                score3 ... The importance is the column that is called score, importance, label, value or number, or
                else the first.
            text: lines ``node <tab> text``; a first line such as "node text" is a header. Without the file, a node's
                text is its name; with it, nodes that are not in it have none.
            features: further channels by name, each a file of `nie.data.channel_file.read_channel_file`, or a frame as
                of `from_frames`.
            columns: the order of the columns of ``triples``, such as "head,tail,relation", with "-" for one to leave
                out. When it is not given, columns that seem to stand in another order than they should are refused.
            name: of the dataset.
            literals, type_relation, allow_unknown, label_transform: as of `from_frames`.

        Raises:
            NieError: a line that is malformed, a duplicate or unknown node, a bad score, or a wrong row count; the
                message names the file and the line.

        >>> import pathlib, tempfile
        >>> import nie
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
        >>> _ = file.write_text("head,relation,tail\\nann,knows,bob\\nbob,born,1970\\n")
        >>> nie.KnowledgeGraph.from_file(file)
        <KnowledgeGraph own: nodes 2, labelled 0, edges 1, relations 1, channel literals 2>
        """
        from nie.data.builders.from_file import fields_of_files

        return cls(**fields_of_files(
            name, triples, scores, text=text, features=features, columns=columns, literals=literals,
            type_relation=type_relation, allow_unknown=allow_unknown, label_transform=label_transform,
        ))  # fmt: skip

    @classmethod
    def from_frames(
        cls, triples: Any, scores: Any = None, *, text: Any = None, features: Mapping[str, Any] | None = None,
        name: str = "own", literals: str = "features", type_relation: str | None = None, allow_unknown: bool = False,
        label_transform: str = "log1p",
    ) -> Self:  # fmt: skip
        """The graph in frames of pandas or polars, tables of Arrow, or dicts of columns.

        Args:
            triples: columns that are called head, relation and tail, subject, predicate and object, or the like; else
                the first three, in this order. Names are strings or whole numbers. Numbers, truths and dates among the
                tails are literals, unless nodes are called by numbers.
            scores: a column of nodes and one of their importance, finite and >= 0; or a Series or dict by node. Without
                it no node is labelled. Further columns of numbers are signals, as of `from_file`.
            text: the same with texts. Without it, a node's text is its name; with it, other nodes have none.
            features: further channels by name, each a frame with a column of nodes and columns of numbers, or a file of
                `nie.data.channel_file.read_channel_file`. They are used where features are "auto".
            name: of the dataset.
            literals: "features" takes literals out of the graph: numbers and dates become the channel ``literals``, two
                columns for each relation (value, whether it is known); strings become text. "nodes" leaves them as
                nodes.
            type_relation: the relation whose tails are the types of nodes.
            allow_unknown: skip scores and texts of nodes that are in no triple, instead of refusing them.
            label_transform: "log1p": models learn log(1 + score), for counts and the like; "none": the scores as they
                are, such as those that are logarithms already or lie between 0 and 1.

        Raises:
            NieError: a column is missing, a cell is empty or no name, a node stands twice, or is none; the message
                says in which row, counted from 0.

        >>> import nie
        >>> kg = nie.KnowledgeGraph.from_frames(
        ...     {"head": ["ann", "bob"], "relation": ["knows", "age"], "tail": ["bob", 50]}, scores={"ann": 3.0}
        ... )
        >>> kg.node_names, sorted(kg.channels), kg.labels.tolist()
        (['ann', 'bob'], ['literals'], [3.0, nan])
        """
        from nie.data.builders.from_frames import fields_of_frames

        return cls(**fields_of_frames(
            name, triples, scores, text=text, features=features, literals=literals, type_relation=type_relation,
            allow_unknown=allow_unknown, label_transform=label_transform,
        ))  # fmt: skip

    @classmethod
    def from_networkx(
        cls, graph: Any, *, scores: str | Mapping[Any, float] | None = "importance", relation: str = "relation",
        text: str = "text", features: Mapping[str, Any] | None = None, name: str = "own", literals: str = "features",
        type_relation: str | None = None,
    ) -> Self:  # fmt: skip
        """The graph in a DiGraph or MultiDiGraph of networkx; nodes without edges are kept.

        Args:
            graph: its nodes are strings or whole numbers.
            scores: the attribute of nodes that is their importance, or a dict by node.
            relation: the attribute of edges that names their relation; without it, the key of an edge of a
                MultiDiGraph where that is a string. Where no edge has one, all are of the relation "edge".
            text: the attribute of nodes that is their text; without it on any node, a node's text is its name.
            features, name, literals, type_relation: as of `from_frames`.

        Raises:
            NieError: the graph is undirected, an edge has no relation, or two nodes have one name.

        >>> import networkx, nie
        >>> graph = networkx.MultiDiGraph([("ann", "bob", "knows"), ("bob", "ann", "likes")])
        >>> graph.nodes["ann"]["importance"] = 3
        >>> nie.KnowledgeGraph.from_networkx(graph)
        <KnowledgeGraph own: nodes 2, labelled 1, edges 2, relations 2>
        """
        from nie.data.builders.from_networkx import fields_of_networkx

        return cls(**fields_of_networkx(
            name, graph, scores=scores, relation=relation, text=text, features=features, literals=literals,
            type_relation=type_relation,
        ))  # fmt: skip

    @classmethod
    def from_dgl(
        cls, graph: Any, scores: str | Mapping[str, float] | None = None, *, relation: str | None = None,
        node_names: Any = None, relation_names: Sequence[str] | None = None, text: Mapping[str, str] | None = None,
        name: str = "own",
    ) -> Self:  # fmt: skip
        """The graph in a DGLGraph; tables of real numbers (N, d) that its nodes carry become channels.

        Args:
            graph: with one type of nodes and edges, or with several: then relations are called for the canonical types,
                such as "user:buys:item", and channels for the type of node, such as "feat.user".
            scores: what the nodes carry as their importance (N,), nan where it is not known; or a dict by name of node.
            relation: what edges carry as the number of their relation; by default what `dgl.to_homogeneous` writes, and
                without that, all are of the relation "edge".
            node_names: N names, or by type of node such names. Without them, nodes are called "7", or "user:7".
            relation_names: R names for the numbers of relations.
            text: by name of node.
            name: of the dataset.

        Raises:
            NieError: the graph has no such scores or relations, or names are not one for each node.

        Example::

            kg = nie.KnowledgeGraph.from_dgl(graph, "citations", relation="rel_type")
        """
        from nie.data.builders.from_dgl import fields_of_dgl

        return cls(**fields_of_dgl(
            name, graph, scores, relation=relation, node_names=node_names, relation_names=relation_names, text=text,
        ))  # fmt: skip

    @classmethod
    def from_pyg(
        cls, data: Any, scores: str | Mapping[str, float] | None = None, *, node_names: Any = None,
        relation_names: Sequence[str] | None = None, text: Mapping[str, str] | None = None, name: str = "own",
    ) -> Self:  # fmt: skip
        """The graph in a Data of PyG, whose ``edge_type`` numbers relations, or in a HeteroData.

        Args:
            data: the graph; tables of real numbers (N, d) that its nodes carry, such as ``x``, become channels; ``y``
                never does, as it is what PyG predicts.
            scores, node_names, relation_names, text, name: as of `from_dgl`; ``scores`` is often "y".

        Raises:
            NieError: as `from_dgl`.

        Example::

            kg = nie.KnowledgeGraph.from_pyg(data, "y")
        """
        from nie.data.builders.from_pyg import fields_of_pyg

        return cls(**fields_of_pyg(
            name, data, scores, node_names=node_names, relation_names=relation_names, text=text
        ))  # fmt: skip
