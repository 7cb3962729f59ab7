"""``nie clean``: what takes the disk, and removing what is named."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nie.commands.output import say
from nie.commands.parser import Commands
from nie.errors import NieError, nearest, shown

if TYPE_CHECKING:
    from downstream.reports.kept import Kept


def add_commands(commands: Commands) -> None:
    """Add the command."""
    cleaning = commands.add("clean", "show what takes the disk, or remove what is named", _clean)
    cleaning.add_argument(
        "what", nargs="*", metavar="PATH_OR_DATASET",
        help="a folder that nie made; or a dataset, with --older or --features",
    )  # fmt: skip
    cleaning.add_argument(
        "--older", action="store_true", help="the runs of the dataset that were made from an older graph"
    )
    cleaning.add_argument("--features", action="store_true", help="the computed features of the dataset")
    cleaning.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")


def _clean(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.reports.cleaning import remove_kept
    from downstream.reports.kept import everything_kept
    from downstream.reports.kept_tables import overview
    from nie.disk.removal import measure, readable_size

    every = everything_kept(arguments.data_root, arguments.run_root)
    if not arguments.what:
        if arguments.older or arguments.features:
            raise NieError("--older and --features are of a dataset; name it, such as 'nie clean mykg --older'.")
        say(overview(every))
        return
    chosen = _chosen(arguments, every)
    verb = "would be removed" if arguments.dry_run else "removed"
    sizes = {thing.path: measure(thing.path) for thing in chosen}
    if not arguments.dry_run:
        remove_kept(chosen, every)
    for thing in chosen:
        say(f"{verb}: {thing.path} ({thing.kind}, {readable_size(sizes[thing.path].size)})")
    freed = readable_size(sum(size.size for size in sizes.values()))
    say(f"{len(chosen)} {verb}; {freed} {'would be ' if arguments.dry_run else ''}freed.")


def _chosen(arguments: argparse.Namespace, every: list[Kept]) -> list[Kept]:
    """What the names, paths and options mean."""
    from downstream.reports.kept import named_by, outermost

    datasets = sorted({thing.dataset for thing in every if thing.dataset})
    chosen: list[Kept] = []
    for name in arguments.what:
        if arguments.older or arguments.features:
            if name not in datasets:
                raise NieError(
                    f"There is no dataset {shown(name)}{nearest(name, datasets)}; 'nie clean' shows what there is."
                )
            of_it = [thing for thing in every if thing.dataset == name]
            chosen += _of_dataset(name, of_it, older=arguments.older, features=arguments.features)
        elif name in datasets and not Path(name).exists():
            raise NieError(
                f"What of {name} is to be removed? Give --older for runs of older graphs, --features, or a folder such "
                f"as {next(thing.path for thing in every if thing.dataset == name)}."
            )
        else:
            chosen += named_by(name, every, (arguments.data_root, arguments.run_root))
    return outermost(chosen)


def _of_dataset(name: str, things: list[Kept], *, older: bool, features: bool) -> list[Kept]:
    if older and any(thing.older is None for thing in things):
        raise NieError(
            f"The graph {name} is not on the disk, so nobody can say which of its runs are of an older one; name their "
            "folders instead."
        )
    return [thing for thing in things if (older and thing.older) or (features and thing.kind == "features")]
