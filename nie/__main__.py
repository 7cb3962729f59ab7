"""The ``nie`` command."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from nie.arguments import make_parser
from nie.errors import NieError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    arguments, flags = make_parser().parse_known_args(argv)
    if flags and not arguments.takes_flags:
        make_parser().error(f"unrecognized arguments: {' '.join(flags)}")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr, force=True)
    logging.getLogger("nie").setLevel(logging.WARNING if arguments.quiet else logging.INFO)
    try:
        COMMANDS[arguments.command](arguments, flags)
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

    if arguments.study in LINK_STUDIES and arguments.profile != "fast":
        raise NieError(f"The study {arguments.study} has its own recipes; leave --profile out.")
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


COMMANDS = {
    "data build": _data_build,
    "data import": _data_import,
    "data fetch": _data_fetch,
    "data info": _data_info,
    "pretrain": _pretrain,
    "downstream": _downstream,
    "link": _link,
    "run": _run,
    "study": _study,
    "search": _search,
    "table": _table,
    "predict": _predict,
    "complete": _complete,
}


if __name__ == "__main__":
    sys.exit(main())
