"""The ``nie`` command."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nie.errors import NieError

DESCRIPTION = "Node importance estimation on knowledge graphs."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    arguments, flags = _parser().parse_known_args(argv)
    if flags and not arguments.takes_flags:
        _parser().error(f"unrecognized arguments: {' '.join(flags)}")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr, force=True)
    logging.getLogger("nie").setLevel(logging.WARNING if arguments.quiet else logging.INFO)
    try:
        arguments.command(arguments, flags)
    except BrokenPipeError:
        # The reader of our output has seen enough; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (NieError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        print(f"nie: {error or 'out of memory'}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        print("nie: interrupted; run the same command again to continue.", file=sys.stderr)
        return 130
    return 0


def _data_build(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import build, info

    print(info(build(arguments.dataset, arguments.data_root, **_build_options(arguments))))


def _data_import(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import build, info

    options = {
        "rel_pk": arguments.rel, "lang_pk": arguments.lang, "node2vec_pk": arguments.node2vec,
        "num_relations": arguments.num_relations,
    }  # fmt: skip
    print(info(build(arguments.dataset, arguments.data_root, published=True, **options)))


def _data_fetch(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import fetch

    print(fetch(arguments.dataset, arguments.data_root))


def _data_info(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from nie.data import info, load

    print(info(load(arguments.dataset, arguments.data_root)))


def _pretrain(arguments: argparse.Namespace, flags: list[str]) -> None:
    from nie.config import LicapConfig
    from nie.recipes import load_config
    from pretrain.licap import pretrain

    config = load_config(LicapConfig, arguments.recipe, flags=flags)
    print(pretrain(config, data_root=arguments.data_root, run_root=arguments.run_root).path)


def _downstream(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.importance import estimate
    from downstream.results import Results, named
    from downstream.table import markdown_table
    from nie.config import ImportanceConfig
    from nie.recipes import load_config

    config = load_config(ImportanceConfig, arguments.recipe, flags=flags)
    run = estimate(config, data_root=arguments.data_root, run_root=arguments.run_root)
    print(markdown_table(Results.of(named([run]))))
    print(run.path)


def _link(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.links.prediction import predict_links
    from nie.link_config import LinkConfig
    from nie.recipes import load_config

    run = predict_links(
        load_config(LinkConfig, arguments.recipe, flags=flags),
        data_root=arguments.data_root,
        run_root=arguments.run_root,
    )
    for name, figure in run.write_summary()["test"].items():
        print(f"{name}: {figure['mean']:.4f} ± {figure['sd']:.4f} (n={figure['n']})")
    print(run.path)


def _run(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.jobs import Runner
    from downstream.main_job import best_run, main_job
    from downstream.results import Results, named
    from downstream.scores import check_target, score_nodes, top_table, write_scores
    from downstream.table import markdown_table
    from nie.data import build, info
    from nie.progress import log

    if arguments.out:
        check_target(arguments.out)
    dataset, options = arguments.dataset, _build_options(arguments)
    if options:
        kg = build(dataset, arguments.data_root, **options)
        dataset = kg.name
        log.info("%s", info(kg))
    runner = Runner(data_root=arguments.data_root, run_root=arguments.run_root, jobs=arguments.jobs)
    runs = main_job(dataset, profile=arguments.profile, flags=flags, runner=runner)
    best = best_run(runs)
    scores = score_nodes(best, data_root=arguments.data_root)
    print(markdown_table(Results.of(named(runs))))
    print(f"Best Spearman on validation nodes: {best.config['label']}.\n")
    print(top_table(scores, best.config["label"]))
    if arguments.out:
        write_scores(scores, arguments.out)
        print(f"Scores of all {len(scores.name):,} nodes by {best.config['label']}: {arguments.out}")
    print("Runs:", *(run.path for run in runs), sep="\n  ")


def _study(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.jobs import Runner
    from downstream.links.settings import LinkSettings
    from downstream.links.studies import LINK_STUDIES
    from downstream.settings import Settings
    from downstream.study import run_study

    name, options = arguments.study, []
    if arguments.profile != "fast":
        name, options = f"{name}-{arguments.profile}", ["--profile", arguments.profile]
    if arguments.epochs is not None:
        name, options = f"{name}-{arguments.epochs}-epochs", [*options, "--epochs", str(arguments.epochs)]
    if flags:  # a report with other settings must not take the place of this one
        name = f"{name}-{hashlib.sha256(shlex.join(flags).encode()).hexdigest()[:8]}"
    folder = arguments.out or arguments.run_root / "studies" / arguments.dataset / name
    settings = (
        LinkSettings(arguments.dataset, flags, arguments.epochs)
        if arguments.study in LINK_STUDIES
        else Settings(arguments.dataset, arguments.profile, flags, arguments.epochs)
    )
    print(run_study(
        arguments.study, settings, folder=folder, only=arguments.only,
        command=shlex.join(["nie", "study", arguments.study, arguments.dataset, *options, *flags]),
        runner=Runner(data_root=arguments.data_root, run_root=arguments.run_root, jobs=arguments.jobs),
        minutes=arguments.minutes, report_only=arguments.report_only,
    ))  # fmt: skip
    print(f"Report: {folder}")


def _search(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.jobs import Runner
    from downstream.search import search
    from downstream.settings import Settings

    print(search(
        arguments.method, Settings(arguments.dataset, arguments.profile, flags), trials=arguments.trials,
        storage=arguments.storage, licap=arguments.licap,
        runner=Runner(data_root=arguments.data_root, run_root=arguments.run_root / "search"),
    ))  # fmt: skip


def _table(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.results import Results, find_runs, named
    from downstream.table import markdown_table

    print(markdown_table(Results.of(named(find_runs(arguments.dataset, arguments.run_root)))))


def _predict(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.scores import score_nodes, write_scores
    from nie.runs import read_run

    scores = score_nodes(read_run(arguments.run), data_root=arguments.data_root)
    write_scores(scores, arguments.out)
    print(f"Scores of all {len(scores.name):,} nodes: {arguments.out}")


def _complete(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.links.completion import complete, completion_table
    from nie.runs import read_run

    print(completion_table(complete(
        read_run(arguments.run), relation=arguments.relation, head=arguments.head, tail=arguments.tail,
        top=arguments.top, include_known=arguments.known, data_root=arguments.data_root,
    )))  # fmt: skip


def _build_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The builder's options that were given."""
    names = ("raw", "triples", "scores", "text", "features", "allow_unknown", "min_population")
    options = {name: getattr(arguments, name, None) for name in names}
    return {name: value for name, value in options.items() if value not in (None, False, {})}


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


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-root", type=Path, default=Path("datasets"), help="folder of the datasets")
    common.add_argument("--run-root", type=Path, default=Path("checkpoints"), help="folder of the runs")
    common.add_argument("--quiet", action="store_true", help="no progress, only the result")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    building = argparse.ArgumentParser(add_help=False)
    group = building.add_argument_group("building the graph")
    group.add_argument("--raw", type=Path, help="folder with the raw files")
    group.add_argument("--triples", type=Path, help="own graph: head, relation, tail, separated by tabs (.gz, .xz)")
    group.add_argument("--scores", type=Path, help="own graph: node, importance")
    group.add_argument("--text", help="own graph: file of node, text; fb15k: long or short; tmdb5k: names or published")
    group.add_argument(
        "--features", action=_FeatureFile, metavar="NAME=FILE", help="a further channel (.npy, .npz, .pth)"
    )
    group.add_argument("--allow-unknown", action="store_true", help="own graph: skip scores of unknown nodes")
    group.add_argument("--min-population", type=int, help="geo: smallest city (500, 1000, 5000 or 15000)")

    parser = argparse.ArgumentParser(prog="nie", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"nie {importlib.metadata.version('nie')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_StageParser)

    data = commands.add_parser("data", help="build, import, fetch or describe a dataset").add_subparsers(
        required=True, metavar="ACTION"
    )
    add = _adder(data, common)
    add("build", _data_build, "build a dataset", building).add_argument(
        "dataset", help="geo, fb15k, tmdb5k or your name"
    )
    importing = add("import", _data_import, "import the papers' own .pk files")
    importing.add_argument("dataset", help="the name to store it under")
    importing.add_argument("--rel", type=Path, required=True, help="*_rel.pk: graph, labels, node2vec features")
    importing.add_argument("--lang", type=Path, help="*_lang.pk: semantic features")
    importing.add_argument("--node2vec", type=Path, help="*_node2vec.pk: structural features")
    importing.add_argument("--num-relations", type=int, help="relations that the paper counts: tmdb 34, imdb_s 30")
    add("fetch", _data_fetch, "download the raw files").add_argument("dataset")
    add("info", _data_info, "counts, licence and provenance").add_argument("dataset")

    add = _adder(commands, common)
    for name, command, stage, text in (
        ("pretrain", _pretrain, "LicapConfig", "stage 1: LICAP pretraining"),
        ("downstream", _downstream, "ImportanceConfig", "stage 2: importance estimation"),
        ("link", _link, "LinkConfig", "link prediction: rank what completes the held-out triples"),
    ):
        staging = add(name, command, text, stage=stage)
        staging.add_argument("--recipe", required=True, help="name of a recipe or path of a YAML file")
    job = add("run", _run, "build, LICAP, RGTN, baselines, table", building, stage="ImportanceConfig")
    job.add_argument("dataset", help="geo, fb15k, tmdb5k or your own")
    job.add_argument("--profile", choices=("quick", "full"), default="full", help="quick: two folds in minutes")
    job.add_argument("--jobs", type=int, default=1, help="folds that run at a time, in processes of their own")
    job.add_argument("--out", type=Path, help="write the scores of all nodes (.csv or .parquet)")
    study = add("study", _study, "a study of the papers: runs what is missing, writes the report", stage="StageConfig")
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
    searching = add("search", _search, "search settings on validation nodes, with Optuna", stage="StageConfig")
    searching.add_argument("method", help="rgtn, geni, gcn, ...")
    searching.add_argument("dataset", help="geo, fb15k, tmdb5k or your own")
    searching.add_argument("--profile", choices=("fast", "published"), default="fast", help="which recipes")
    searching.add_argument("--trials", type=int, default=20, help="trials to add")
    searching.add_argument("--storage", help="URL of Optuna, such as sqlite:///trials.db, for processes to share")
    searching.add_argument("--licap", action="store_true", help="with LICAP pretraining, and its ranges")
    add("table", _table, "the table of a dataset's finished runs").add_argument("dataset")
    predicting = add("predict", _predict, "scores of every node from a finished run")
    predicting.add_argument("run", type=Path, help="folder of a stage-2 run")
    predicting.add_argument("--out", type=Path, required=True, help="scores.csv or scores.parquet")
    completing = add("complete", _complete, "what completes a triple, from a finished run of link prediction")
    completing.add_argument("run", type=Path, help="folder of a run of nie link")
    completing.add_argument("--relation", required=True, help="its name, or the words in it")
    ends = completing.add_mutually_exclusive_group(required=True)
    ends.add_argument("--head", help="the head, by name or text, to look for tails")
    ends.add_argument("--tail", help="the tail, by name or text, to look for heads")
    completing.add_argument("--top", type=int, default=10, help="answers to print")
    completing.add_argument("--known", action="store_true", help="print, too, what the graph knows already")
    return parser


def _adder(commands: Any, common: argparse.ArgumentParser) -> Callable[..., argparse.ArgumentParser]:
    """A function that adds a sub-command with the common options, and with ``stage`` that stage's settings as flags."""

    def add(
        name: str,
        command: Callable[[argparse.Namespace, list[str]], None],
        text: str,
        *parents: argparse.ArgumentParser,
        stage: str = "",
    ) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(
            name, help=text, description=text, parents=[common, *parents], allow_abbrev=False
        )
        sub.set_defaults(command=command, takes_flags=bool(stage))
        if isinstance(sub, _StageParser):
            sub.stage = stage
        return sub

    return add


if __name__ == "__main__":
    sys.exit(main())
