"""Signals that agree on one importance, and rebels, which are split off before a network learns from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch

from downstream.methods.fitted import Fitted
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.network import fit_network
from downstream.methods.signal_settings import LABEL, SignalsConfig
from downstream.methods.signals import SignalTable
from nie.arrays import Bools, Floats
from nie.rank_correlation import spearman
from nie.runs.files import read_json, write_json
from nie.settings.sections import OptimConfig
from nie.training.loop import fit, seeded
from pretrain.cross_validation import fold_seed

FILE = "signals.json"
HELD_SHARE = 0.2
FEWEST_JUDGED = 5
"""Held-out nodes; on fewer, no correlation is taken, and the signal counts as one that does not agree."""


@dataclass(frozen=True)
class SignalClusters:
    """Which signals go together.

    Attributes:
        clusters: names of signals, those beside the label first.
        correlations: of every signal with the latent importance of that first cluster, on held-out nodes; nan where a
            signal is seen at too few of them. A signal that is reversed has one below 0.
    """

    clusters: Sequence[Sequence[str]]
    correlations: Mapping[str, float]


def fit_multi_import(work: FoldWork, given: FoldNetwork, folder: Path) -> Fitted:
    """Find the signals that agree with the label, and train the network on them.

    The clusters are kept in ``signals.json`` and in the fold's facts; with them scale, offset and noise of every signal
    in units of its standard deviation, and of the label in its own.
    """
    asked, table = work.network.model.several_signals, given.signals
    assert asked is not None
    assert table is not None
    found = SignalClusters([table.names], {})
    if asked.combine == "latent" and len(table.names) > 1:
        if not (folder / FILE).exists():
            write_json(folder / FILE, vars(signal_clusters(given, asked)))
        found = SignalClusters(**read_json(folder / FILE))
    kept = replace(given, signals=table.only(found.clusters[0]))
    fitted = fit_network(work, kept, folder)
    return replace(
        fitted, facts={**fitted.facts, "signals": {**vars(found), **_learned(folder, table, found.clusters[0])}}
    )


def signal_clusters(given: FoldNetwork, asked: SignalsConfig) -> SignalClusters:
    """Split the signals of a fold into clusters that share a latent importance (section 4 of Park et al., KDD 2020).

    A latent importance is fitted to all signals at four in five of the nodes where any is seen. On the others, each
    signal's rank correlation with it is taken. Signals below ``asked.threshold`` are split off, and the rest is fitted
    again, until all that are left agree: they are a cluster. What was split off is clustered in the same way.
    """
    table = given.signals
    assert table is not None
    rest, clusters = list(table.names), list[list[str]]()
    correlations: dict[str, float] = {}
    while rest:
        cluster = rest
        while len(cluster) > 1 or LABEL in cluster:
            latent, held = latent_importance(given, table.only(cluster), asked)
            found = {name: _agreement(table, name, latent, held) for name in table.names}
            # What cannot be judged is split off, but by the threshold -1, which splits none.
            agreeing = [name for name in cluster if np.nan_to_num(found[name], nan=-1.0) >= asked.threshold]
            if LABEL in cluster:
                correlations = found
            if len(cluster) == 1 or len(agreeing) == len(cluster):
                break
            # Where none agrees, each of them is alone.
            cluster = agreeing or [LABEL if LABEL in cluster else cluster[0]]
        clusters.append(cluster)
        rest = [name for name in rest if name not in cluster]
    return SignalClusters(sorted(clusters, key=lambda names: LABEL not in names), correlations)


def latent_importance(given: FoldNetwork, table: SignalTable, asked: SignalsConfig) -> tuple[Floats, Bools]:
    """(N,) a latent importance of the signals that are seen, and (N,) where it was judged and not fitted.

    The epoch is the one of the best likelihood on these. It is one whole pass over the graph in every step.
    """
    config, fold = given.config, given.work.fold
    seed = fold_seed(config.seed, fold.index)
    nodes = table.seen.any(dim=1).nonzero()[:, 0]
    order = torch.randperm(len(nodes), generator=torch.Generator().manual_seed(seed)).to(nodes.device)
    held = torch.zeros(len(table.seen), dtype=torch.bool, device=nodes.device)
    held[nodes[order[: round(HELD_SHARE * len(nodes))]]] = True
    fitted_to, judged_on = table.at(~held), table.at(held)
    epochs = asked.cluster_epochs
    optim = OptimConfig(**{
        **config.optim.model_dump(), "max_epochs": epochs, "patience": epochs, "min_epochs": 0,
        "eval_every": min(config.optim.eval_every, epochs),
    })  # fmt: skip
    with seeded(seed):
        model = given.build()

        def loss(of: SignalTable) -> Any:
            outputs = given.outputs(model, given.predicting)
            assert outputs.signals is not None
            return of.loss(outputs.signals)

        fit(
            model,
            lambda: [loss(fitted_to)],
            lambda: {"likelihood": float(loss(judged_on))},
            optim=optim,
            select={"likelihood": False},
            label=f"{config.run_label()} fold {fold.index} signals",
        )
        with torch.no_grad():
            latent = given.outputs(model, given.predicting).score
    return latent.double().cpu().numpy(), held.cpu().numpy()


def _agreement(table: SignalTable, name: str, latent: Floats, held: Bools) -> float:
    """The rank correlation of a signal with the latent importance on held-out nodes where it is seen."""
    column = table.names.index(name)
    nodes = np.flatnonzero(held & table.seen[:, column].cpu().numpy())
    if len(nodes) < FEWEST_JUDGED:
        return float("nan")
    return spearman(table.targets[:, column].cpu().numpy()[nodes], latent[nodes])


def _learned(folder: Path, table: SignalTable, learned: Sequence[str]) -> dict[str, dict[str, float]]:
    """Scale, offset and standard deviation of the noise of the signals that the network of one member learned from."""
    path = folder / "model.safetensors"
    if not path.exists():  # of several members, each has its own
        return {}
    weights = safetensors.numpy.load_file(path)
    columns = {"noise": (table.names, np.exp(weights["log_variance"] / 2))}
    if not table.own_heads:
        scale = np.log1p(np.exp(weights["raw_scale"].astype(np.float64)))
        columns |= {"scale": (table.names[1:], scale), "offset": (table.names[1:], weights["offset"])}
    return {
        what: {name: float(value) for name, value in zip(names, values, strict=True) if name in learned}
        for what, (names, values) in columns.items()
    }
