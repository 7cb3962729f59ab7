"""A stage as a value: what reads settings, prepares inputs and makes runs of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic

from nie.extras import Package
from nie.settings.recipes import Config, Recipes


@dataclass(frozen=True)
class Stage(Generic[Config]):
    """A kind of run, which ``nie <command>`` makes.

    Attributes:
        name: what the provenance of its runs says, and the folder of its runs.
        command: its word on the command line.
        title: what it does, in a few words.
        recipes: its recipes and settings.
        prepare: ``(config, *, data_root, kg=None) -> inputs``: what its folds share, with ``made_from``, sha256 by
            name; the graph is loaded unless it is given.
        packages: ``(config, kg, data_root)``: the packages that `prepare` will need, each with its extra.
        inputs_key: ``(config) -> key``: settings with equal keys have the same inputs.
        run: ``(config, *, run_root, inputs) -> Run``: makes the folds that are not finished.
        read_by: what can be done with its runs, and by which command, as errors say.
        next_command: what to do with a run first, with places for its folder ``{run}`` and for the ``{flags}`` of a
            stage that reads it fold by fold: recipe and folds.
        folds_flag: the flag that says which folds, or repetitions, to run.
        unit: what a run is repeated over, in the plural: folds, or repetitions.
        columns: the test figures that a table of its runs shows; none where nothing is tested.
        columns_small: the same where test sets are too small for one of them; by default there is nothing smaller.
        caption: what stands below such a table.
        run_on_hosts: ``(config, *, data_root, run_root) -> Run | None``: `run` as one of several hosts, each of which
            has a part of the graph; None where that cannot be.
    """

    name: str
    command: str
    title: str
    recipes: Recipes[Config]
    prepare: Callable[..., Any]
    packages: Callable[..., Iterable[Package]]
    inputs_key: Callable[[Config], str]
    run: Callable[..., Any]
    read_by: str
    next_command: str
    folds_flag: str = "--folds.run"
    unit: str = "folds"
    columns: tuple[str, ...] = ()
    columns_small: tuple[str, ...] = ()
    caption: str = ""
    run_on_hosts: Callable[..., Any] | None = None
