"""Studies, their rows, which are called arms, and how these are run.

An arm is a method with its settings, on raw features or on those of a LICAP pretraining, or a blend of other arms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from downstream.reports.page import Table
from downstream.reports.results import Results
from downstream.stages.runner import Runner
from downstream.studies.ground import FOLDS, Ground
from downstream.studies.needs import Need
from nie.deadline import OutOfTime, time_limit
from nie.errors import NieError
from nie.later import later
from nie.progress import log
from nie.runs.other import OtherData
from nie.runs.run import Run, check_source, read_run
from nie.settings.run import RunConfig
from pretrain.licap_settings import LicapConfig

check_objective = later("pretrain.licap:check_objective")


@dataclass(frozen=True)
class Arm:
    """One row of a study.

    Attributes:
        name: of the row.
        config: settings of stage 2, or of link prediction.
        licap: settings of stage 1 whose embeddings it reads; None for raw features.
        parts: the arms whose runs it reads: those that it blends, or that teach it, whichever setting of ``config``
            names several.
        teachers: the arms whose runs teach stage 1, which ``licap`` calls by any names.
        needs: what it reads that not every graph has.
        repeats: the arm that it repeats with another seed, and the number of that seed, from 0.
    """

    name: str
    config: RunConfig
    licap: LicapConfig | None = None
    parts: tuple[Arm, ...] = ()
    teachers: tuple[Arm, ...] = ()
    needs: tuple[Need, ...] = ()
    repeats: tuple[str, int] | None = None

    @property
    def reads(self) -> tuple[Arm, ...]:
        """All arms whose runs it reads, in either stage."""
        return (*self.parts, *self.teachers)

    def placed_in(self, runner: Runner) -> Arm:
        """The same with the folders of its teachers in the settings of stage 1."""
        if self.licap is None or not self.teachers:
            return self
        folders = tuple(str(runner.path(teacher.settings_in(runner))) for teacher in self.teachers)
        return replace(self, licap=self.licap.model_copy(update={"teachers": folders}))

    def settings_in(self, runner: Runner) -> RunConfig:
        """Its settings, with the folders in which the runs that it reads are or will be."""
        licap = self.placed_in(runner).licap
        read: dict[str, Any] = {} if licap is None else {"pretrained": str(runner.path(licap))}
        if self.parts:
            (setting,) = (name for name, runs in self.config.reads_runs().items() if isinstance(runs, tuple))
            read[setting] = tuple(str(runner.path(part.settings_in(runner))) for part in self.parts)
        return self.config.model_copy(update=read) if read else self.config


Pair = tuple[str, str]
"""Names of two arms, ours and theirs, that are tested against each other."""


@dataclass(frozen=True)
class Study:
    """A question, the arms that answer it, and the pairs of arms that are tested against each other.

    The arms are pinned: names of methods, fusions and losses stand in the study itself, so that a new one somewhere
    else makes no published table unfinished.

    Attributes:
        name: on the command line.
        question: one sentence.
        arms: makes the arms from a dataset's settings, those of ``ground``.
        pairs: makes the pairs from the arms.
        tested: the metrics on which pairs are tested.
        columns: the metrics of the table; by default those of the papers.
        also: makes the tables, and the figures by title, that this study alone has and that need more of its runs than
            their test figures.
        drawn: makes the figures by title that this study alone has, from the test figures of all rows and seeds.
        note: what stands below the table, before what its stage says of every table.
        ground: what its rows are repeated on.
        seeds: with each of which every row is run; none for a study that takes the settings' own seed.
        run: of a study that is no table of arms: ``(settings, *, question, runner, folder, command, report_only) ->
            Markdown``.
        paced: whether ``run`` trains networks, whose epochs can be said, and can be stopped after some minutes.
    """

    name: str
    question: str
    arms: Callable[[Any], list[Arm]] = lambda settings: []
    pairs: Callable[[Sequence[Arm]], list[Pair]] = lambda arms: []
    tested: tuple[str, ...] = ("rmse", "spearman")
    columns: tuple[str, ...] = ()
    also: Callable[[Sequence[Arm], Mapping[str, Run], Runner], tuple[list[Table], dict[str, Any]]] | None = None
    drawn: Callable[[Sequence[Arm], Results], dict[str, Any]] = lambda arms, results: {}
    note: str = ""
    ground: Ground = FOLDS
    seeds: tuple[int, ...] = ()
    run: Callable[..., str] | None = None
    paced: bool = False


def against_first(arms: Sequence[Arm]) -> list[Pair]:
    """Every arm against the first."""
    return [(arm.name, arms[0].name) for arm in arms[1:]]


def against(first: str) -> Callable[[Sequence[Arm]], list[Pair]]:
    """Every arm against the arm ``first``."""
    return lambda arms: [(arm.name, first) for arm in arms if arm.name != first]


def configs_of(arms: Sequence[Arm]) -> list[RunConfig]:
    """The settings of all runs that the arms are made of."""
    return [config for arm in arms for config in (arm.licap, arm.config) if config is not None]


class ArmFailure(NamedTuple):
    """Names of the arms that lack a fold, and why, in a sentence."""

    arms: tuple[str, ...]
    said: str


def run_arms(
    arms: Sequence[Arm], runner: Runner, *, minutes: float | None = None,
    after: Callable[[dict[str, Run]], object] = lambda runs: None,
) -> tuple[dict[str, Run], list[ArmFailure]]:  # fmt: skip
    """Run the arms, stage 1 before stage 2. An arm or a fold that fails does not stop the others.

    An arm whose training labels leave nothing to contrast is left out with a warning.

    Args:
        arms: in the order of the table.
        runner: how they run. With several jobs all arms run at once, otherwise one after another.
        minutes: stop after so many, and run the arms one after another; call again to go on. A network stops at the
            end of an epoch, anything else at that of a fold.
        after: called with the runs so far whenever an arm is finished.

    Returns:
        The runs by name, and what failed.

    Raises:
        NieError: no arm can be run, all for the same reason, such as a dataset that is not there.
    """
    runner.require_packages(configs_of(arms))
    arms = [arm.placed_in(runner) for arm in arms]
    failed: list[ArmFailure] = []
    runs: dict[str, Run] = {}
    tried: dict[str, str] = {}
    blocked: dict[str, list[str]] = {}
    try:
        with time_limit(None if minutes is None else 60 * minutes):
            for some in [list(arms)] if runner.jobs > 1 and minutes is None else [[arm] for arm in arms]:
                ready = _contrasting(_with_inputs(some, runner, blocked), runner, tried)
                failed += _run_both_stages(ready, runner, tried)
                runs.update(finished_arms(ready, runner))
                after(runs)
    except OutOfTime:
        log.info("stopped, because the time is over; the same command goes on")
    if len(arms) > 0 and [len(names) for names in blocked.values()] == [len(arms)]:
        raise NieError(next(iter(blocked)))
    without = [ArmFailure(tuple(names), f"{', '.join(names)}: {reason}") for reason, names in blocked.items()]
    return runs, [*without, *failed]


def _run_both_stages(ready: Sequence[Arm], runner: Runner, tried: dict[str, str]) -> list[ArmFailure]:
    """Run the arms with the pretraining that they read, those made of others last, and return what failed."""
    failed: list[ArmFailure] = []
    for chosen in ([arm for arm in ready if not arm.reads], [arm for arm in ready if arm.reads]):
        stage1 = {arm.licap.digest(): arm.licap for arm in chosen if arm.licap and arm.licap.digest() not in tried}
        tried |= dict.fromkeys(stage1, "")
        failed += [
            ArmFailure(tuple(arm.name for arm in ready if arm.licap and arm.licap.digest() == config.digest()), said)
            for config, said in runner.attempt(list(stage1.values()))
        ]
        named = {arm.settings_in(runner).digest(): arm for arm in chosen}
        asked = [config.on_folds(*_ready_folds(arm, runner)) for arm in chosen for config in [arm.settings_in(runner)]]
        failed += [ArmFailure((named[config.digest()].name,), said) for config, said in runner.attempt(asked)]
    return failed


def _with_inputs(arms: Sequence[Arm], runner: Runner, blocked: dict[str, list[str]]) -> list[Arm]:
    """The arms that have inputs, and whose folders are of these; ``blocked`` has the names of the others by reason."""
    ready = []
    for arm in arms:
        reasons = {}
        config = arm.settings_in(runner)
        for name, each in ((arm.name, config), (f"LICAP of {arm.name}", arm.licap)):
            try:
                if each is not None:
                    check_source(Run(runner.path(each), {}), each, runner.made_from(each))
            except NieError as error:
                reasons[str(error)] = name
        for reason, name in reasons.items():
            blocked.setdefault(reason, []).append(name)
        if not reasons:
            ready.append(arm)
    return ready


def _contrasting(arms: Sequence[Arm], runner: Runner, tried: dict[str, str]) -> list[Arm]:
    """The arms that can run: those without LICAP, and those whose labels give LICAP contrast sets on every fold.

    Args:
        arms: whose inputs can be had.
        runner: its inputs keep the sets, so that the pretraining does not make them again.
        tried: by digest of LICAP's settings, the reason why it can make no sets, or ""; this call adds what it finds.
    """
    kept = []
    for arm in arms:
        if arm.licap is not None and arm.licap.digest() not in tried:
            reason = no_contrast(arm.licap, runner)
            if reason and reason not in tried.values():
                log.warning("LICAP is left out. %s", reason)
            if reason:
                tried[arm.licap.digest()] = reason
        if arm.licap is None or not tried.get(arm.licap.digest()):
            kept.append(arm)
    return kept


def no_contrast(licap: LicapConfig, runner: Runner) -> str:
    """The reason why the labels of a fold leave nothing to contrast, or ""."""
    inputs = runner.inputs(licap)
    untaught = licap.model_copy(update={"teachers": ()})  # the runs of teachers need not be there yet
    try:
        for fold in licap.folds.run:
            check_objective(untaught, inputs, inputs.folds[fold])
    except NieError as error:
        return str(error)
    return ""


def _ready_folds(arm: Arm, runner: Runner) -> tuple[int, ...]:
    """The folds that are asked for and whose pretraining, where the arm has one, is finished."""
    folds = arm.config.fold_numbers
    return folds if arm.licap is None else tuple(Run(runner.path(arm.licap), {}, folds).finished_folds())


def finished_arms(arms: Sequence[Arm], runner: Runner) -> dict[str, Run]:
    """The runs of those arms that have a finished fold on the data as they are now, by name.

    They show only the folds that the arm asks for, and name the runs that they read by the places where these are now.
    """
    runs = {}
    for arm in arms:
        config = arm.settings_in(runner)
        path = runner.path(config)
        if not (path / "config.yaml").exists():
            continue
        run = Run(path, {**read_run(path).config, **config.reads_runs()}, config.fold_numbers)
        if run.finished_folds():
            try:
                check_source(run, config, runner.made_from(config))
            except OtherData as error:
                log.warning("%s is left out: %s", arm.name, error)
            else:
                runs[arm.name] = run
    return runs
