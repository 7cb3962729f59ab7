"""Nodes of next year: a method is fitted to what was known on a day, and asked of nodes that came later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from nie.arrays import Bools, Floats, Ints
from nie.data import Channel, KnowledgeGraph, features
from nie.data.node_features.cache import feature_of_others
from nie.errors import NieError
from nie.inputs.channels import ChannelFeatures, as_configured, feature_names, settings_of, without_labels
from nie.inputs.neighbours import neighbours
from nie.inputs.tensors import input_tensor
from nie.runs.weights import read_weights
from nie.settings.run import FoldsRunConfig
from pretrain.cross_validation import Fold
from pretrain.encoder_training import train_through_time
from pretrain.inputs import NodeInputs
from pretrain.licap import check_objective
from pretrain.licap_settings import LicapConfig

VAL_SHARE = 1 / 8
OF_TEXT_ALONE = "minilm"
FEWEST = 20
"""Labelled nodes of the year before, and of the year."""


@dataclass(frozen=True, eq=False)
class NextYear:
    """What is known before a year begins, and what of the nodes that it brings.

    Attributes:
        whole: the graph with all that came later.
        year: whose nodes are predicted.
        seed: draws the validation nodes, and whose facts are exchanged in the control.
    """

    whole: KnowledgeGraph
    year: int
    seed: int = 0

    @cached_property
    def before(self) -> KnowledgeGraph:
        """The graph on the last day of the year before."""
        return self.whole.until(f"{self.year - 1:04}-12-31")

    @cached_property
    def new(self) -> Ints:
        """The labelled nodes that the year brings.

        Raises:
            NieError: the graph has no dates, or too few labelled nodes have a day in the year or before it.
        """
        then = self.whole.until(f"{self.year:04}-12-31")
        new = np.flatnonzero(then.label_mask & ~self.before.label_mask)
        known = int((self.before.label_mask & ~self._undated).sum())
        if min(len(new), known) < FEWEST:
            raise NieError(
                f"{self.whole.name} has {known} labelled nodes with a day before {self.year}, and {len(new)} in that "
                f"year; a forecast needs {FEWEST} of each."
            )
        return new

    @property
    def _undated(self) -> Bools:
        dates = self.whole.node_dates
        return np.ones(self.whole.num_nodes, dtype=bool) if dates is None else np.isnat(dates)

    @cached_property
    def after(self) -> KnowledgeGraph:
        """The graph with the nodes of the year and their facts, but without their labels and signals."""
        then = self.whole.until(f"{self.year:04}-12-31")
        known = self.before.label_mask
        return replace(then, labels=np.where(known, then.labels, np.nan), label_mask=known, signals={})

    @cached_property
    def after_shuffled(self) -> KnowledgeGraph:
        """The same, in which the new nodes have exchanged all their facts, and kept their text and numbers."""
        moved = np.arange(self.after.num_nodes)
        moved[self.new] = np.random.default_rng((self.seed, self.year)).permutation(self.new)
        return replace(self.after, src=moved[self.after.src], dst=moved[self.after.dst], edge_dates=None)

    @cached_property
    def fold(self) -> Fold:
        """Training and validation nodes, labelled nodes with a day before the year; there are no test nodes in it."""
        known = np.flatnonzero(self.before.label_mask & ~self._undated)
        order = np.random.default_rng((self.seed, self.year)).permutation(known)
        count = round(VAL_SHARE * len(known))
        return Fold(self.year, np.sort(order[count:]), np.sort(order[:count]), np.empty(0, dtype=np.int64))

    def features(self, kg: KnowledgeGraph, config: FoldsRunConfig, data_root: str | Path) -> dict[str, ChannelFeatures]:
        """The features of `before`, or of what came later on the same scale, by channel.

        MiniLM, which reads each text by itself, is computed once, of the whole graph, and hidden at nodes that are not
        known. What is fitted, such as the vocabulary of TF-IDF, is fitted to what was known before the year.

        Raises:
            NieError: a feature that is trained on one graph and says nothing of later nodes, such as node2vec.
        """

        def one(named: str, beside: ChannelFeatures) -> Channel:
            name, _, control = named.partition("~")
            further = settings_of(name, config.features)
            if name == "neighbours":
                made = neighbours(kg, beside)
            elif name in kg.channels:
                made = kg.channels[name]
            elif name == OF_TEXT_ALONE:
                text = features(self.whole, name, root=data_root, seed=config.features.seed, **further)
                known = np.array([words is not None for words in kg.text]) & text.mask
                made = Channel(np.where(known[:, None], text.features, 0), known)
            else:
                make = feature_of_others(self.before, name, seed=config.features.seed, **further)
                if make is None:
                    raise NieError(
                        f"The feature {name} is trained on one graph and has nothing for nodes that come later; name "
                        "others, such as --features.structural relation-counts."
                    )
                made = make(kg)
            return as_configured(made, control, config.features)

        channels = {}
        for channel, joined in feature_names(self.whole, config.features).items():
            names = without_labels(joined)
            own = [one(name, ()) for name in names if name != "neighbours"]
            rest = iter(own)
            channels[channel] = tuple(one(name, tuple(own)) if name == "neighbours" else next(rest) for name in names)
        return channels


@dataclass(frozen=True)
class Forecast:
    """Predictions (N,) on the label scale, by a method that has seen no fact of the new nodes when it was fitted.

    Attributes:
        prediction: with the facts of the new nodes.
        shuffled: with the facts of other new nodes.
    """

    prediction: Floats
    shuffled: Floats


def forecast(
    config: ImportanceConfig, period: NextYear, folder: Path, data_root: str | Path, licap: LicapConfig | None = None
) -> Forecast:
    """Fit a method to what was known before the year, and predict with what is then known of the new nodes.

    A network is trained on `NextYear.before` and run on `NextYear.after`. A table of features has the rows of training
    and validation nodes from before, and all other rows from after.

    Args:
        config: settings of the method.
        period: the year.
        folder: an empty one, for what the method writes.
        data_root: folder of the datasets, for features that are kept.
        licap: stage 1, whose encoders are trained on `NextYear.before`; they then embed the new nodes, too.
    """
    method = METHODS[config.method]
    embed = None if licap is None else _trained_encoders(licap, period, folder, data_root)

    def work_on(kg: KnowledgeGraph, channels: Mapping[str, ChannelFeatures]) -> FoldWork:
        work = FoldWork.of(method, config, NodeInputs(kg, channels, [period.fold], config, data_root), period.fold)
        return work if embed is None else replace(work, channels={**work.channels, **embed(kg)})

    first = period.features(period.before, config, data_root)
    start = work_on(period.before, first)
    checked = method.check(start) if method.is_network else None
    if method.is_network:
        method.fit(start, checked, folder)
    made = []
    for kg in (period.after, period.after_shuffled):
        later = work_on(kg, period.features(kg, config, data_root))
        if isinstance(checked, FoldNetwork):
            made.append(_by_network(checked, start, later, folder))
            continue
        rows = np.concatenate([period.fold.train, period.fold.val])
        channels = {
            name: tuple(_with_rows(new, old, rows) for new, old in zip(own, start.channels[name], strict=True))
            for name, own in later.channels.items()
        }
        merged = replace(later, channels=channels)
        made.append(merged.fit(method.check(merged), folder).prediction)
    return Forecast(*made)


def _trained_encoders(
    licap: LicapConfig, period: NextYear, folder: Path, data_root: str | Path
) -> Callable[[KnowledgeGraph], dict[str, ChannelFeatures]]:
    """Train the encoders of stage 1 on what was known before the year; the answer embeds a graph with them."""

    def inputs_of(kg: KnowledgeGraph) -> NodeInputs:
        return NodeInputs(kg, period.features(kg, licap, data_root), [period.fold], licap, data_root)

    first = inputs_of(period.before)
    check_objective(licap, first, period.fold)
    models = {}
    for name in licap.channels:
        own = folder / "stage1" / name
        own.mkdir(parents=True)
        models[name], _, _ = train_through_time(licap, first, period.fold, name, own, f"{licap.run_label()} {name}")

    def embed(kg: KnowledgeGraph) -> dict[str, ChannelFeatures]:
        inputs, made = inputs_of(kg), dict[str, ChannelFeatures]()
        for name, model in models.items():
            feat = input_tensor(inputs.channels[name], licap.features, first.channels[name]).to(inputs.device)
            with torch.no_grad():
                embedding = inputs.embedding(model, feat).cpu().numpy()
            made[name] = (Channel(embedding, np.ones(kg.num_nodes, dtype=bool)),)
        return made

    return embed


def _by_network(given: FoldNetwork, start: FoldWork, later: FoldWork, folder: Path) -> Floats:
    """What a network that was trained on one graph predicts on another, with features on the scale of the first."""
    model = given.build()
    read_weights(folder / "model.safetensors", model)
    settings, inputs = given.config.features, later.inputs
    feats = {
        name: input_tensor(own, settings, start.channels[name]).to(inputs.device)
        for name, own in later.channels.items()
    }
    masks = {name: inputs.presence(own) for name, own in later.channels.items()}
    with torch.no_grad():
        further = {"masks": masks} if start.method.takes_masks else {}
        score = inputs.outputs(model.eval(), inputs.message, feats, **further).score
    return given.on_label_scale(score.double().cpu().numpy())


def _with_rows(new: Channel, old: Channel, rows: Ints) -> Channel:
    """A feature with these rows of another."""
    made, mask = np.array(new.features), np.array(new.mask)
    made[rows], mask[rows] = old.features[rows], old.mask[rows]
    return Channel(made, mask)
