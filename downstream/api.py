"""What ``import nie`` offers to whoever has a graph: run, fit, compare, search.

All of it is what the command line does, on a graph in memory: the graph is kept under ``data_root`` and runs under
``run_root``, so that a second call with the same graph and settings is answered from disk, ``nie table`` shows the runs
and `load_run` opens them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from downstream.answers.estimate import Estimate, load_run
from downstream.answers.frame import as_frame, as_html
from downstream.methods.row_names import LICAP
from downstream.reports.kept import SEARCH
from downstream.reports.results import Results
from downstream.reports.run_comparison import RunComparison, compare_runs
from downstream.stages.runner import Runner
from downstream.studies.main_job import CANDIDATES, FIXED, Answer, main_job
from downstream.studies.presets import find_preset
from downstream.studies.search import Searched
from downstream.studies.search import search as search_settings
from downstream.studies.settings import Settings
from nie.arguments import of_kind, whole_number
from nie.data import KnowledgeGraph
from nie.data.datasets import keep
from nie.errors import NieError, nearest, shown

Place = str | Path


@dataclass(frozen=True, eq=False)
class Result:
    """What `run` ends with: finished methods on the same folds, and the one that does best on validation nodes.

    Attributes:
        answer: the runs by row, and why others are not among them.
        data_root: folder of the datasets.
    """

    answer: Answer
    data_root: Path = field(repr=False)

    @property
    def left_out(self) -> Mapping[str, str]:
        """By row, why it is not in the table, such as for want of time."""
        return self.answer.left_out

    @cached_property
    def best(self) -> Estimate:
        """The method that is chosen on validation nodes, as `Answer.best` says; test figures play no part."""
        return Estimate(self.answer.best, self.data_root)

    def __getitem__(self, row: str) -> Estimate:
        """The run of a row, such as ``result["rgtn"]``.

        Raises:
            NieError: no such row is finished.
        """
        runs = self.answer.runs
        if row not in runs:
            others = f"{nearest(str(row), runs)}; there are {', '.join(runs)}"
            why = f": {self.left_out[row]}" if row in self.left_out else others
            raise NieError(f"There is no row {shown(row)}{why}.")
        return Estimate(runs[row], self.data_root)

    def columns(self) -> dict[str, list[Any]]:
        """The table as lists by column: ``method``, ``folds``, and each metric with its deviation ``<metric>_sd``."""
        results = Results.of(self.answer.runs)
        rows = list(results.rows)
        columns: dict[str, list[Any]] = {"method": rows, "folds": [len(results.folds(row)) for row in rows]}
        for metric in results.metrics:
            summaries = [results.summary(row, metric) for row in rows]
            columns |= {metric: [one["mean"] for one in summaries], f"{metric}_sd": [one["sd"] for one in summaries]}
        return columns

    def table(self) -> Any:
        """Method by metric on test nodes: means and population standard deviations over the folds.

        Returns:
            A ``pandas.DataFrame``, or a list of dicts without pandas.
        """
        return as_frame(self.columns())

    def scores(self) -> Any:
        """The scores of all nodes by `best`, as `Estimate.predict` gives them."""
        return self.best.predict()

    def __repr__(self) -> str:
        return f"<Result: {', '.join(self.answer.runs)}; chosen {self.best.method}>"

    def _repr_html_(self) -> str:
        return as_html(f"Chosen on validation nodes: {self.best.method}", self.columns(), rows=50)


def run(
    graph: KnowledgeGraph | str, *, preset: str = "good", methods: Sequence[str] = CANDIDATES,
    folds: int | None = None, minutes: float | None = None, jobs: int = 1, data_root: Place = "datasets",
    run_root: Place = "checkpoints", **settings: Any,
) -> Result:  # fmt: skip
    """Estimate the importance of every node by several methods, and choose the best: what ``nie run`` does.

    Args:
        graph: a graph, or the name of a dataset.
        preset: how thorough: "quick", "good" or "best".
        methods: the rows to try, cheapest first: methods, ``<method>+licap``, ``blend``.
        folds: how many of the five folds to train on; by default those of the preset.
        minutes: after which training stops; by default that of the preset. The same call goes on from there.
        jobs: folds that run at a time, in processes of their own.
        data_root: folder of the datasets, where a graph of one's own is kept.
        run_root: folder of the runs.
        settings: as in a recipe, such as ``optim={"max_epochs": 20}``; each method takes what it knows of them, and
            ``model`` is RGTN's.

    Returns:
        The finished methods, their figures, and scores of all nodes.

    Raises:
        NieError: bad input, in one sentence.

    Example::

        result = nie.run(kg, preset="quick")
        result.table(); result.scores().head(); result.best.method
    """
    if isinstance(methods, str):
        raise NieError(f"methods must be a list of names, such as [{methods!r}]; got {methods!r}.")
    settings = _of_job(settings, folds)
    runner, name = _ready(graph, data_root, run_root, jobs)
    answer = main_job(name, preset=preset, methods=methods, minutes=minutes, settings=settings, runner=runner)
    return Result(answer, Path(data_root))


def fit(
    graph: KnowledgeGraph | str, method: str = "rgtn", *, preset: str = "good", folds: int | None = None,
    minutes: float | None = None, jobs: int = 1, data_root: Place = "datasets", run_root: Place = "checkpoints",
    **settings: Any,
) -> Estimate:  # fmt: skip
    """Train one method, such as ``rgtn``, ``boosting`` or ``rgtn+licap``; see `run` for the arguments.

    ``model`` is that of the method here, such as ``nie.fit(kg, "gcn", model={"hidden_size": 32})``.

    Raises:
        NieError: bad input, in one sentence.

    Example::

        nie.fit(kg, method="rgtn", optim={"max_epochs": 50}).predict()
    """
    of_kind("method", method, str, "the name of a method")
    settings = {**_of_job(settings, folds), "method": method.removesuffix(LICAP)}  # whose ``model`` is meant
    runner, name = _ready(graph, data_root, run_root, jobs)
    answer = main_job(name, preset=preset, methods=[method], minutes=minutes, settings=settings, runner=runner)
    return Result(answer, Path(data_root))[method]


def compare(*given: Result | Estimate | str | Path) -> RunComparison:
    """Test two finished runs against each other on the folds that both have: what ``nie compare`` does.

    Args:
        given: a result of `run` and the names of two of its rows, or two runs: estimates, or folders of runs.

    Returns:
        Differences of the first less the second with the corrected resampled t-test; printed, a table and a verdict.

    Raises:
        NieError: other arguments, or runs that do not compare.

    Example::

        print(nie.compare(result, "rgtn", "boosting"))
    """
    match given:
        case Result() as result, str(first), str(second):
            pair = [result[first], result[second]]
        case ((Estimate() | str() | Path()), (Estimate() | str() | Path())):
            pair = [one if isinstance(one, Estimate) else load_run(one) for one in given if not isinstance(one, Result)]
        case _:
            raise NieError("compare takes a result and the names of two of its rows, or two runs.")
    return compare_runs(pair[0].run, pair[1].run)


def search(
    method: str, graph: KnowledgeGraph | str, *, trials: int = 20, space: Mapping[str, Any] | None = None,
    preset: str = "good", folds: int | None = None, epochs: int | None = None, data_root: Place = "datasets",
    run_root: Place = "checkpoints",
) -> Searched:  # fmt: skip
    """Search settings of a method on validation nodes, with Optuna: what ``nie search`` does.

    Args:
        method: such as ``rgtn``, or ``rgtn+licap`` for a search of LICAP's settings, too.
        graph: a graph, or the name of a dataset.
        trials: how many to add to those of earlier calls.
        space: the settings to search, by dotted name: ``(low, high)``, ``(low, high, "log")`` or a list of choices; by
            default those of the recipe.
        preset: whose recipe the other settings are of: "quick", "good" or "best".
        folds: how many of the five folds to search on; by default those of the preset.
        epochs: of every trial; by default those of the preset.
        data_root, run_root: as for `run`.

    Returns:
        The best settings so far, by dotted name and as a recipe.

    Raises:
        NieError: bad input, in one sentence.

    Example::

        nie.search("rgtn", kg, trials=30, space={"optim.lr": (1e-3, 1e-1, "log"), "model.num_layers": [1, 2]})
    """
    of_kind("method", method, str, "the name of a method")
    whole_number("trials", trials, 1)
    flags = [] if folds is None else ["--folds.run", ",".join(map(str, range(whole_number("folds", folds, 1))))]
    runner, name = _ready(graph, data_root, Path(run_root) / SEARCH, jobs=1)
    settings = Settings(name, find_preset(preset).recipe, flags, epochs)
    base, licap = method.removesuffix(LICAP), method.endswith(LICAP)
    return search_settings(base, settings, runner=runner, trials=trials, licap=licap, space=space)


def _of_job(settings: Mapping[str, Any], folds: int | None) -> dict[str, Any]:
    """The settings of a job, with the folds to run; what the job sets itself is refused."""
    for name in FIXED:
        if name in settings:
            raise NieError(f"The setting {name} is set for each row; leave it out, and name the rows as methods.")
    run = {} if folds is None else {"folds": {"run": list(range(whole_number("folds", folds, 1)))}}
    return {**settings, **run}


def _ready(graph: KnowledgeGraph | str, data_root: Place, run_root: Place, jobs: int) -> tuple[Runner, str]:
    """A runner that knows the graph, and the graph's name."""
    runner = Runner(data_root=data_root, run_root=run_root, jobs=jobs)
    if isinstance(graph, str):
        return runner, graph
    of_kind("graph", graph, KnowledgeGraph, "a KnowledgeGraph, or the name of a dataset")
    runner.take(keep(graph, data_root))
    return runner, graph.name
