"""How well a trained model of channels does on test nodes whose text is missing, or is noise."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.metrics.registry import evaluate, title
from downstream.reports import figures
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.study import Arm
from nie.runs.run import Run, mean_sd
from pretrain.cross_validation import Fold, fold_seed

CHANNEL = "semantic"
KINDS = ("missing", "noise")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
METRICS = ("spearman", "rmse")


@dataclass(frozen=True)
class Corruption:
    """Figures of a fold whose test nodes lack their text in part.

    Attributes:
        kind: ``missing``, or ``noise``: standard normal values, which is what standardised features look like.
        share: of the test nodes.
        figures: of all test nodes.
        weight: mean weight of the text in the fusion, on nodes whose text is replaced; None without weights or nodes.
        weight_before: the same for their own text.
    """

    kind: str
    share: float
    figures: Mapping[str, float]
    weight: float | None = None
    weight_before: float | None = None


def corrupted(given: FoldNetwork, model: torch.nn.Module, fold: Fold, targets: Any) -> Iterator[Corruption]:
    """Predict with the text of more and more test nodes missing or replaced by noise, in one random order.

    The other nodes keep theirs. The channel must not read the graph, or a node would still get its neighbours' text.
    """
    generator = np.random.default_rng(fold_seed(0, fold.index))
    order, feat = generator.permutation(fold.test), given.predicting[CHANNEL]
    noise = torch.from_numpy(generator.standard_normal(feat.shape).astype(np.float32)).to(feat.device)

    def look(feats: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> tuple[dict[str, float], Tensor | None]:
        with torch.no_grad():
            outputs = given.outputs(model, feats, masks)
        prediction = given.on_label_scale(outputs.score.double().cpu().numpy())
        weights = outputs.states.fused.weights if outputs.states else None
        own = None if weights is None else weights[:, list(feats).index(CHANNEL)]
        return evaluate(targets[fold.test], prediction[fold.test], METRICS), own

    whole, weights_before = look(given.predicting, given.masks)
    for kind in KINDS:
        yield Corruption(kind, 0.0, whole)
        for share in SHARES[1:]:
            nodes = torch.from_numpy(order[: round(share * len(order))]).to(feat.device)
            feats, masks = dict(given.predicting), dict(given.masks)
            if kind == "missing":
                masks[CHANNEL] = masks[CHANNEL].index_fill(0, nodes, False)
                yield Corruption(kind, share, look(feats, masks)[0])
                continue
            feats[CHANNEL] = feat.index_copy(0, nodes, noise[nodes])
            figures, weights = look(feats, masks)
            had = nodes[given.masks[CHANNEL][nodes]]
            means = [float(each[had].mean()) for each in (weights, weights_before) if each is not None and len(had)]
            yield Corruption(kind, share, figures, *means)


def corruption_report(
    arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    """Tables and curves of `corrupted`, mean over the folds; for a run without the channel all figures are the same."""
    found: dict[str, list[list[Corruption]]] = {}
    for arm in arms:
        if arm.name not in runs:
            continue
        config = cast(NetworkConfig, arm.config)  # every row of the study is a network
        inputs, folds = runner.inputs(config), runs[arm.name].finished_folds()
        if CHANNEL not in inputs.channels:
            tests = [runs[arm.name].metrics(fold)["test"] for fold in folds]
            found[arm.name] = [[Corruption(kind, share, test) for kind in KINDS for share in SHARES] for test in tests]
            continue
        found[arm.name] = []
        for number in folds:
            fold = inputs.folds[number]
            given = FoldNetwork.of(FoldWork.of(METHODS[config.method], config, inputs, fold))
            model = given.trained(runs[arm.name], number)
            found[arm.name].append(list(corrupted(given, model, fold, inputs.kg.targets)))
    return ([*_tables(found), _weights(found)], _curves(found)) if found else ([], {})


def _mean(folds: Sequence[Sequence[Corruption]], kind: str, share: float, read: Callable[[Corruption], Any]) -> float:
    """Mean over the folds; nan where it is undefined."""
    mean = mean_sd([read(one) for fold in folds for one in fold if (one.kind, one.share) == (kind, share)])["mean"]
    return math.nan if mean is None else float(mean)


def _text(mean: float) -> str:
    return "—" if math.isnan(mean) else f"{mean:.4f}"


def _tables(found: Mapping[str, list[list[Corruption]]]) -> list[Table]:
    tables = []
    for kind in KINDS:
        for metric in METRICS:
            read = functools.partial(_figure, metric)
            rows = [
                [name, *(_text(_mean(folds, kind, share, read)) for share in SHARES)] for name, folds in found.items()
            ]
            heading = f"Text {kind} on a share of the test nodes: {title(metric)}"
            note = "Mean over folds, of all test nodes."
            tables.append(Table(heading, ["method", *(f"{share:.0%}" for share in SHARES)], rows, note))
    return tables


def _figure(metric: str, one: Corruption) -> float:
    return one.figures[metric]


def _weights(found: Mapping[str, list[list[Corruption]]]) -> Table:
    reads = (operator.attrgetter("weight_before"), operator.attrgetter("weight"))
    rows = [[name, *(_text(_mean(folds, "noise", 1.0, read)) for read in reads)] for name, folds in found.items()]
    note = "Mean over the test nodes that have text, and over folds; — where a fusion has no weights."
    return Table("Weight of the text", ["method", "of their own text", "of noise in its place"], rows, note)


def _curves(found: Mapping[str, list[list[Corruption]]]) -> dict[str, Any]:
    read = functools.partial(_figure, "spearman")
    drawn = {}
    for kind in KINDS:
        curves = {name: {share: _mean(folds, kind, share, read) for share in SHARES} for name, folds in found.items()}
        drawn[f"text {kind}"] = figures.lines(curves, f"share of test nodes with their text {kind}", title("spearman"))
    return drawn
