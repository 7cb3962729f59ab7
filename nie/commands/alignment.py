"""``nie align``: which entity of one graph is which of another, or how well one channel finds another."""

from __future__ import annotations

import argparse

from nie.commands.output import say
from nie.commands.parser import Commands, a_path, whole_number


def add_commands(commands: Commands) -> None:
    """Add the command."""
    aligning = commands.add(
        "align", "how well entities are found again in other vectors: of another graph, or of another channel", _align
    )
    what = "emb.npz of nie export, or DATASET:FEATURES, such as fb15k:minilm"
    aligning.add_argument("one", help=what)
    aligning.add_argument("other", help=what)
    aligning.add_argument("--pairs", type=a_path, help="table of two names of the same entity; by default equal names")
    aligning.add_argument(
        "--channels", metavar="A,B", help="of two files, their channels; by default the fused vectors"
    )
    aligning.add_argument("--seed-share", type=float, default=0.3, help="share of the pairs that the map is fitted on")
    aligning.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0, help="of the draw of these pairs")


def _align(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.entity_alignment import align
    from downstream.answers.vector_sources import read_pairs, vectors_from
    from downstream.reports.tables import markdown_grid
    from nie.errors import NieError
    from nie.progress import log

    channels = [None, None] if arguments.channels is None else arguments.channels.split(",")
    if len(channels) != 2:
        raise NieError(f"--channels takes two names, such as structural,text; got {len(channels)}.")
    one, other = (
        vectors_from(source, channel, data_root=arguments.data_root)
        for source, channel in zip((arguments.one, arguments.other), channels, strict=True)
    )
    pairs = None if arguments.pairs is None else read_pairs(arguments.pairs)
    found = align(one, other, pairs, seed_share=arguments.seed_share, seed=arguments.seed)
    if one.began_as(other):
        log.warning(
            "The vectors of both runs began with the same random draw, and what is left of it finds entities that were "
            "not learned; train one of them with another --seed."
        )
    rows = [[way, *(f"{value:.4f}" for value in figures.values())] for way, figures in found.figures.items()]
    say(
        f"{markdown_grid(['vectors', *next(iter(found.figures.values()))], rows)}\n\n{found.seeds:,} seed pairs; "
        f"{found.tested:,} other pairs looked for, each among as many candidates, mean of both directions."
    )
