"""``nie data``: build, import, fetch or describe a dataset; and the options by which ``nie run`` builds one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nie.commands.output import say, write_answer
from nie.commands.parser import Commands, a_path, whole_number
from nie.disk.writable import check_writable
from nie.errors import shown

FORMATS = ("text", "json", "html")
TRANSFORMS = ("log1p", "none")
TRANSFORM = "what models learn of a score: log1p, log(1 + score), by default; none: the score as it is"


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    data = commands.group("data", "build, import, fetch or describe a dataset")
    data.add("build", "build a dataset", _build, building_options(), listed=datasets).add_argument(
        "dataset", help="one of those below, or a name for your own"
    )
    importing = data.add("import", "import the papers' own .pk files", _import)
    importing.add_argument("dataset", help="the name to store it under")
    importing.add_argument("--rel", type=a_path, required=True, help="*_rel.pk: graph, labels, node2vec features")
    importing.add_argument("--lang", type=a_path, help="*_lang.pk: semantic features")
    importing.add_argument("--node2vec", type=a_path, help="*_node2vec.pk: structural features")
    importing.add_argument(
        "--num-relations", type=whole_number(1, 10_000_000), help="relations that the paper counts: tmdb 34, imdb_s 30"
    )
    importing.add_argument("--label-transform", choices=TRANSFORMS, default="log1p", help=TRANSFORM)
    fetching = data.add("fetch", "download the raw files, or the text model mpnet", _fetch)
    fetching.add_argument("dataset", help="fb15k, tmdb5k or mpnet")
    data.add("info", "counts, licence and provenance", _info).add_argument("dataset")
    describing = data.add("describe", "statistics: relations, degrees, components, labels, channels, folds", _describe)
    describing.add_argument("dataset")
    describing.add_argument("--format", choices=FORMATS, default="text", help="json has every relation")
    describing.add_argument("--out", type=a_path, help="file to write, in the place of printing")
    describing.add_argument("--folds", type=whole_number(2, 1_000_000), default=5, help="folds to count, 5 by default")
    describing.add_argument(
        "--folds-seed", type=whole_number(0, 2**32 - 1), default=0, help="that the folds are drawn with, 0 by default"
    )


def datasets() -> str:
    """The datasets that nie builds, as help lists them.

    >>> datasets()
    'datasets: geo, fb15k, fb15k-lp, tmdb5k, db15k, mkg-w, synthetic-large'
    """
    from nie.data import BUILDERS

    return f"datasets: {', '.join(BUILDERS)}"


def building_options() -> argparse.ArgumentParser:
    """A parser with the options that a graph is built with."""
    building = argparse.ArgumentParser(add_help=False)
    group = building.add_argument_group("building the graph")
    group.add_argument("--raw", type=a_path, help="folder with the raw files; own graph: in OpenKE's format")
    group.add_argument("--triples", type=a_path, help="own graph: .tsv, .csv, .nt, .ttl, .rdf (.gz, .xz)")
    group.add_argument(
        "--columns", metavar="ORDER", help="own graph: order of the columns of triples, such as head,tail,relation"
    )
    group.add_argument("--scores", type=a_path, help="own graph: node, importance, further signals of it (.tsv, .csv)")
    group.add_argument(
        "--literals", choices=("features", "nodes"), help="own graph: what numbers, dates and strings are"
    )
    group.add_argument("--type-relation", metavar="R", help="own graph: the relation whose tails are types of nodes")
    group.add_argument("--text", help="own graph: file of node, text; fb15k: long or short; tmdb5k: names or published")
    group.add_argument(
        "--features", action=_FeatureFile, metavar="NAME=FILE", help="a further channel (.npy, .npz, .parquet, .pth)"
    )
    group.add_argument(
        "--allow-unknown", action="store_true", default=None, help="own graph: skip scores of unknown nodes"
    )
    group.add_argument("--label-transform", choices=TRANSFORMS, help=f"own graph: {TRANSFORM}")
    group.add_argument(
        "--min-population", type=whole_number(0, 1_000_000_000), help="geo: smallest city (500, 1000, 5000 or 15000)"
    )
    for name, fewest, most in (("nodes", 100, 2**31 - 1), ("edges", 1, 2**31 - 1), ("text-size", 4, 100_000)):
        said = f"synthetic-large: number of {'columns of a text' if name == 'text-size' else name}"
        group.add_argument(f"--{name}", metavar="N", type=whole_number(fewest, most), help=said)
    return building


def given_building_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The builder's options that were given."""
    names = (
        "raw", "triples", "columns", "scores", "literals", "type_relation", "text", "features", "allow_unknown",
        "min_population", "nodes", "edges", "text_size", "label_transform",
    )  # fmt: skip
    options = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in options.items() if value is not None}


class _FeatureFile(argparse.Action):
    """``--features name=file``, repeatable."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, _option: str | None = None) -> None:
        name, separator, path = str(values).partition("=")
        if not separator or not name or not path:
            parser.error(f"--features takes NAME=FILE, not {shown(values)}")
        given = getattr(namespace, self.dest) or {}
        if name in given:
            parser.error(f"--features gives the channel {shown(name)} twice")
        setattr(namespace, self.dest, {**given, name: Path(path)})


def _build(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import build, info

    say(info(build(arguments.dataset, arguments.data_root, **given_building_options(arguments))))


def _import(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import build, info

    options = {
        "rel_pk": arguments.rel, "lang_pk": arguments.lang, "node2vec_pk": arguments.node2vec,
        "num_relations": arguments.num_relations, "label_transform": arguments.label_transform,
    }  # fmt: skip
    say(info(build(arguments.dataset, arguments.data_root, published=True, **options)))


def _fetch(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import fetch

    say(fetch(arguments.dataset, arguments.data_root))


def _info(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import info, load

    say(info(load(arguments.dataset, arguments.data_root)))


def _describe(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.dataset_facts import dataset_facts
    from downstream.answers.dataset_page import dataset_page, dataset_text
    from downstream.answers.frame import as_json
    from nie.data import load

    if arguments.out is not None:
        check_writable(arguments.out)
    kg = load(arguments.dataset, arguments.data_root)
    facts = dataset_facts(kg, num_folds=arguments.folds, seed=arguments.folds_seed)
    made = {"text": dataset_text, "json": as_json, "html": dataset_page}[arguments.format](facts)
    if arguments.out is None:
        say(made)
    else:
        write_answer(arguments.out, made)
        say(f"What {kg.name} holds: {arguments.out}")
