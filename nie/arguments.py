"""What can be said on the command line."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DESCRIPTION = "Node importance estimation and link prediction on knowledge graphs."


class _StageParser(argparse.ArgumentParser):
    """A parser whose help also lists the settings of its stage; they are read only when help is asked for."""

    stage = ""

    def format_help(self) -> str:
        if not self.stage:
            return super().format_help()
        from nie import config, link_config
        from nie.recipes import flag_value, flags_help, method_config

        stage = getattr(link_config if self.stage == "LinkConfig" else config, self.stage)
        if stage is config.ImportanceConfig:
            stage = method_config(flag_value(sys.argv, "--method") or "rgtn")
        settings = flags_help(stage)
        return f"{super().format_help()}\nsettings, all of them flags too [default]:\n{settings}\n"


class _FeatureFile(argparse.Action):
    """``--features name=file``, repeatable."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, _option: str | None = None) -> None:
        name, separator, path = str(values).partition("=")
        if not separator or not name or not path:
            parser.error(f"--features takes NAME=FILE, not {values!r}")
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), name: Path(path)})


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; a parsed one is known by its name, ``command``."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-root", type=Path, default=Path("datasets"), help="folder of the datasets")
    common.add_argument("--run-root", type=Path, default=Path("checkpoints"), help="folder of the runs")
    common.add_argument("--quiet", action="store_true", help="no progress, only the result")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser = argparse.ArgumentParser(prog="nie", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"nie {importlib.metadata.version('nie')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_StageParser)

    data = commands.add_parser("data", help="build, import, fetch or describe a dataset").add_subparsers(
        required=True, metavar="ACTION"
    )
    building = _building()
    _add_data(_adder(data, common, "data "), building)
    add = _adder(commands, common)
    _add_stages(add, building)
    _add_studies(add)
    _add_answers(add)
    return parser


def _building() -> argparse.ArgumentParser:
    building = argparse.ArgumentParser(add_help=False)
    group = building.add_argument_group("building the graph")
    group.add_argument("--raw", type=Path, help="folder with the raw files; own graph: in OpenKE's format")
    group.add_argument("--triples", type=Path, help="own graph: head, relation, tail, separated by tabs (.gz, .xz)")
    group.add_argument("--scores", type=Path, help="own graph: node, importance")
    group.add_argument("--text", help="own graph: file of node, text; fb15k: long or short; tmdb5k: names or published")
    group.add_argument(
        "--features", action=_FeatureFile, metavar="NAME=FILE", help="a further channel (.npy, .npz, .pth)"
    )
    group.add_argument("--allow-unknown", action="store_true", help="own graph: skip scores of unknown nodes")
    group.add_argument("--min-population", type=int, help="geo: smallest city (500, 1000, 5000 or 15000)")
    return building


def _add_data(add: Callable[..., argparse.ArgumentParser], building: argparse.ArgumentParser) -> None:
    add("build", "build a dataset", building).add_argument(
        "dataset", help="geo, fb15k, tmdb5k; for links db15k, mkg-w, fb15k-lp; or your name"
    )
    importing = add("import", "import the papers' own .pk files")
    importing.add_argument("dataset", help="the name to store it under")
    importing.add_argument("--rel", type=Path, required=True, help="*_rel.pk: graph, labels, node2vec features")
    importing.add_argument("--lang", type=Path, help="*_lang.pk: semantic features")
    importing.add_argument("--node2vec", type=Path, help="*_node2vec.pk: structural features")
    importing.add_argument("--num-relations", type=int, help="relations that the paper counts: tmdb 34, imdb_s 30")
    add("fetch", "download the raw files").add_argument("dataset")
    add("info", "counts, licence and provenance").add_argument("dataset")


def _add_stages(add: Callable[..., argparse.ArgumentParser], building: argparse.ArgumentParser) -> None:
    for name, stage, text in (
        ("pretrain", "LicapConfig", "stage 1: LICAP pretraining"),
        ("downstream", "ImportanceConfig", "stage 2: importance estimation"),
        ("link", "LinkConfig", "link prediction: rank what completes the held-out triples"),
    ):
        staging = add(name, text, stage=stage)
        staging.add_argument("--recipe", required=True, help="name of a recipe or path of a YAML file")
    job = add("run", "build, LICAP, RGTN, baselines, table", building, stage="ImportanceConfig")
    job.add_argument("dataset", help="geo, fb15k, tmdb5k or your own")
    job.add_argument("--profile", choices=("quick", "full"), default="full", help="quick: two folds in minutes")
    job.add_argument("--jobs", type=int, default=1, help="folds that run at a time, in processes of their own")
    job.add_argument("--out", type=Path, help="write the scores of all nodes (.csv or .parquet)")


def _add_studies(add: Callable[..., argparse.ArgumentParser]) -> None:
    study = add("study", "a study of the papers: runs what is missing, writes the report", stage="StageConfig")
    study.add_argument(
        "study",
        help="main, losses, encoder, channels, grid, plugin, best, relation-mode, tsne, channels-ladder, missing, "
        "tiers, retrieval, interaction, relations, kge or zero-shot",
    )
    study.add_argument("dataset", help="geo, fb15k, tmdb5k, db15k or your own")
    study.add_argument("--profile", choices=("fast", "published"), default="fast", help="which recipes")
    study.add_argument(
        "--epochs", type=int, help="of every network of stage 2: a smaller budget, the same for all rows"
    )
    study.add_argument("--only", nargs="+", default=[], metavar="ARM", help="run these rows only")
    study.add_argument("--minutes", type=float, help="start no further row after so many minutes")
    study.add_argument("--report-only", action="store_true", help="run nothing, report what is finished")
    study.add_argument("--jobs", type=int, default=1, help="folds that run at a time, in processes of their own")
    study.add_argument("--out", type=Path, help="folder of the report")
    searching = add("search", "search settings on validation nodes, with Optuna", stage="StageConfig")
    searching.add_argument("method", help="rgtn, geni, gcn, ...")
    searching.add_argument("dataset", help="geo, fb15k, tmdb5k or your own")
    searching.add_argument("--profile", choices=("fast", "published"), default="fast", help="which recipes")
    searching.add_argument("--trials", type=int, default=20, help="trials to add")
    searching.add_argument("--storage", help="URL of Optuna, such as sqlite:///trials.db, for processes to share")
    searching.add_argument("--licap", action="store_true", help="with LICAP pretraining, and its ranges")


def _add_answers(add: Callable[..., argparse.ArgumentParser]) -> None:
    add("table", "the table of a dataset's finished runs").add_argument("dataset")
    predicting = add("predict", "scores of every node from a finished run")
    predicting.add_argument("run", type=Path, help="folder of a stage-2 run")
    predicting.add_argument("--out", type=Path, required=True, help="scores.csv or scores.parquet")
    completing = add("complete", "what completes a triple, from a finished run of link prediction")
    completing.add_argument("run", type=Path, help="folder of a run of nie link")
    completing.add_argument("--relation", required=True, help="its name, or the words in it")
    ends = completing.add_mutually_exclusive_group(required=True)
    ends.add_argument("--head", help="the head, by name or text, to look for tails")
    ends.add_argument("--tail", help="the tail, by name or text, to look for heads")
    completing.add_argument("--top", type=int, default=10, help="answers to print")
    completing.add_argument("--known", action="store_true", help="print, too, what the graph knows already")


def _adder(commands: Any, common: argparse.ArgumentParser, before: str = "") -> Callable[..., argparse.ArgumentParser]:
    """A function that adds a sub-command with the common options, and with ``stage`` that stage's settings as flags."""

    def add(name: str, text: str, *parents: argparse.ArgumentParser, stage: str = "") -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(
            name, help=text, description=text, parents=[common, *parents], allow_abbrev=False
        )
        sub.set_defaults(command=before + name, takes_flags=bool(stage))
        if isinstance(sub, _StageParser):
            sub.stage = stage
        return sub

    return add
