"""What a trained model of channels makes of test nodes whose text is missing, or is noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from downstream import figures
from downstream.arms import Arm
from downstream.jobs import Runner
from downstream.metrics import evaluate
from downstream.network_inputs import NetworkInputs
from downstream.page import Table
from downstream.table import title
from nie.config import NetworkConfig
from nie.runs import Run, mean_sd
from pretrain.cross_validation import Fold
from pretrain.inputs import fold_seed

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
        weight: mean weight of the text in the fusion, on the nodes that lack it; None without weights or nodes.
    """

    kind: str
    share: float
    figures: Mapping[str, float]
    weight: float | None


def corrupted(given: NetworkInputs, model: torch.nn.Module, fold: Fold, targets: Any) -> Iterator[Corruption]:
    """Predict with the text of more and more test nodes missing or replaced by noise, in one random order.

    The other nodes keep theirs. The channel must not read the graph, from which a node would still get its neighbours'.
    """
    generator = np.random.default_rng(fold_seed(0, fold.index))
    order, feat = generator.permutation(fold.test), given.predicting[CHANNEL]
    noise = torch.from_numpy(generator.standard_normal(feat.shape).astype(np.float32)).to(feat.device)
    for kind in KINDS:
        for share in SHARES:
            nodes = torch.from_numpy(order[: round(share * len(order))]).to(feat.device)
            feats, masks = dict(given.predicting), dict(given.masks)
            if kind == "noise":
                feats[CHANNEL] = feat.index_copy(0, nodes, noise[nodes])
            else:
                masks[CHANNEL] = masks[CHANNEL].index_fill(0, nodes, False)
            with torch.no_grad():
                scores = given.scores(model, feats, masks)
            prediction = scores.score.double().cpu().numpy() + given.centre
            weights = scores.states.fused.weights if scores.states else None
            place = list(feats).index(CHANNEL)
            weight = float(weights[nodes, place].mean()) if weights is not None and len(nodes) else None
            yield Corruption(kind, share, evaluate(targets[fold.test], prediction[fold.test], METRICS), weight)


def corruption_report(
    arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    """Tables and curves of `corrupted`, mean over the folds, of the runs that have the channel."""
    found: dict[str, list[list[Corruption]]] = {}
    for arm in arms:
        config = arm.config
        if arm.name not in runs or not isinstance(config, NetworkConfig) or config.features.semantic == "none":
            continue
        inputs = runner.inputs(config)
        folds = []
        for number in runs[arm.name].finished_folds():
            fold = inputs.folds[number]
            given = NetworkInputs.of(config, inputs, inputs.channels, fold)
            model = given.load(runs[arm.name], number)
            folds.append(list(corrupted(given, model, fold, inputs.kg.targets)))
        found[arm.name] = folds
    if not found:
        return [], {}
    return _tables(found), _curves(found)


def _mean(folds: Sequence[Sequence[Corruption]], kind: str, metric: str, share: float) -> float | None:
    values = [
        one.weight if metric == "weight" else one.figures[metric]
        for fold in folds
        for one in fold
        if (one.kind, one.share) == (kind, share)
    ]
    mean = mean_sd(values)["mean"]
    return None if mean is None else float(mean)


def _tables(found: Mapping[str, list[list[Corruption]]]) -> list[Table]:
    tables = []
    for kind in KINDS:
        for metric in (*METRICS, "weight"):
            columns = SHARES[1:] if metric == "weight" else SHARES
            rows = [
                [name, *(_number(_mean(folds, kind, metric, share)) for share in columns)]
                for name, folds in found.items()
            ]
            what = "weight of the text on the nodes that lack it" if metric == "weight" else title(metric)
            note = "Mean over folds; all test nodes." if metric != "weight" else "— where a fusion has no weights."
            headers = ["method", *(f"{share:.0%}" for share in columns)]
            tables.append(Table(f"Text {kind} on a share of the test nodes: {what}", headers, rows, note))
    return tables


def _curves(found: Mapping[str, list[list[Corruption]]]) -> dict[str, Any]:
    return {
        f"text {kind}": figures.lines(
            {
                name: {share: value for share in SHARES if (value := _mean(folds, kind, "spearman", share)) is not None}
                for name, folds in found.items()
            },
            f"share of test nodes with their text {kind}",
            title("spearman"),
        )
        for kind in KINDS
    }


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"
