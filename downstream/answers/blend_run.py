"""A finished blend, explained by those of its parts that can be explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from downstream.answers.finished_run import HasInputs, RunInputs, finished_config
from downstream.answers.score_sum import AskedRun, ScoreSum, is_same_score
from downstream.methods.untied import untied
from nie.errors import NieError
from nie.runs.run import Run, read_run
from pretrain.inputs import NodeInputs


@dataclass(frozen=True, eq=False)
class BlendRun(HasInputs):
    """A finished blend: ``c + sum_i w_i (prediction_i - c)``, c the mean training label.

    Attributes:
        run: its folder.
        inputs: its graph and its folds.
        asked: by name of a part, the part where it can be explained.
        others: the further parts.
    """

    run: Run
    inputs: NodeInputs
    asked: Mapping[str, AskedRun]
    others: Mapping[str, Run]

    @classmethod
    def open(cls, run: Run, shared: RunInputs, asked: Callable[[Run], AskedRun | None]) -> BlendRun:
        """Open a blend and its parts.

        Args:
            run: the blend.
            shared: what runs that are opened with it have in common.
            asked: opens a part; None for one that cannot be explained. Parts without any weight are not opened.

        Raises:
            NieError: its data have changed, a part is no more, or it averages ranks.
        """
        inputs = shared.of(run, finished_config(run))
        if any(run.metrics(fold)["fit"].get("average") == "ranks" for fold in run.finished_folds()):
            raise NieError(
                f"{run.path} averages ranks, of which no part has a share in units of labels; explain one of its "
                "parts, or blend them with --average scores."
            )
        weights = [run.metrics(fold)["fit"]["weights"] for fold in run.finished_folds()]
        paths = {name: path for path in run.config["parts"] if any(of[name := Path(path).name] for of in weights)}
        parts = {name: _part(run, path) for name, path in paths.items()}
        opened = {name: found for name, part in parts.items() if (found := asked(part)) is not None}
        return cls(run, inputs, opened, {name: part for name, part in parts.items() if name not in opened})

    def score_by(self, fold: int, node: int, method: str) -> ScoreSum:
        """See `downstream.answers.score_sum.AskedRun`: the weighted sum of the parts' own explanations."""
        weights = self.run.metrics(fold)["fit"]["weights"]
        centre = float(self.kg.targets[self.folds[fold].train].mean())
        explained = {name: weight for name, weight in weights.items() if weight and name in self.asked}
        others = {name: weights[name] * (self._predicted(name, fold, node) - centre) for name in self.others}
        rest = ScoreSum([], centre * (1 - sum(explained.values())), {name: of for name, of in others.items() if of})
        parts = [(weight, self.asked[name].score_by(fold, node, method)) for name, weight in explained.items()]
        whole = ScoreSum.of([*parts, (1.0, rest)])
        kept = float(self.run.predictions(fold, self.kg.num_nodes)[node])
        if not is_same_score(kept, whole.score):
            raise NieError(
                f"{self.run.path} predicts {kept:.4g} for node {node}, but its parts give {whole.score:.4g} today; "
                "blend them again to explain it."
            )
        return whole

    def _predicted(self, name: str, fold: int, node: int) -> float:
        part, nodes = self.others[name], self.kg.num_nodes
        return float(untied(part.predictions(fold, nodes), part.ranking_scores(fold, nodes))[node])


def _part(blend: Run, path: str) -> Run:
    """A part of a blend; where both were moved since, it lies beside the blend."""
    beside = blend.path.parent / Path(path).name
    return read_run(path if Path(path).exists() or not beside.exists() else beside)
