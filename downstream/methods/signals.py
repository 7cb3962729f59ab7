"""The signals of importance that a network learns from on one fold, and the likelihood of what is seen of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from downstream.methods.fold_work import FoldWork
from downstream.methods.signal_settings import ALL, CONTROLS, HIDDEN, LABEL, SignalsConfig
from nie.arrays import Bools, Floats
from nie.data import KnowledgeGraph
from nie.data.signals import learned_of
from nie.errors import NieError, nearest, shown
from nie.models import SignalMeans

HIDDEN_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class SignalTable:
    """What a network learns of several signals.

    The label stands first, and is seen at training nodes alone. Another signal is seen at all nodes but validation and
    test nodes, or at these, too, where the settings say so; never there if it is made of the label. It has mean 0 and
    variance 1 over the nodes where it is seen. Signals may share no node: each is compared with the latent importance
    alone, and one that is seen at too few nodes to be compared is split off.

    Attributes:
        names: of the S signals.
        targets: (N, S) float32; 0 where nothing is seen.
        seen: (N, S) bool.
        own_heads: whether the network has a head for each.
    """

    names: tuple[str, ...]
    targets: Tensor
    seen: Tensor
    own_heads: bool = False

    @classmethod
    def of(cls, work: FoldWork, asked: SignalsConfig, centre: float) -> SignalTable:
        """The signals of a fold; ``centre`` is what is taken from the labels.

        A graph without signals has one, its label.

        Raises:
            NieError: an unknown signal, or one that is seen nowhere, or is the same wherever it is.
        """
        kg, fold = work.inputs.kg, work.fold
        apart = np.zeros(kg.num_nodes, dtype=bool)
        apart[np.concatenate([fold.val, fold.test])] = True
        label = np.full(kg.num_nodes, np.nan)
        label[fold.train] = kg.targets[fold.train] - centre
        names, columns = [LABEL], [label]
        for place, name in enumerate(_asked_names(kg, asked.names)):
            plain, _, control = name.partition("~")
            of_label = plain in (LABEL, kg.meta.get("label"))
            values = kg.targets if of_label else learned_of(kg.signals[plain], kg.label_transform)
            hidden = apart if of_label or asked.known == "training" else np.zeros_like(apart)
            values = _controlled(np.where(hidden, np.nan, values), control, (work.config.seed, place))
            names.append(name)
            columns.append(_standardised(values, name, kg.name))
        values = np.stack(columns, axis=1)
        if asked.combine == "mean":
            names, values = [LABEL], _mean_on_the_scale_of_labels(values)[:, None]
        device = work.inputs.device
        return cls(
            names=tuple(names),
            targets=torch.from_numpy(np.nan_to_num(values).astype(np.float32)).to(device),
            seen=torch.from_numpy(np.isfinite(values)).to(device),
            own_heads=asked.combine == "heads",
        )

    def only(self, names: Iterable[str]) -> SignalTable:
        """The same table, in which nothing is seen of other signals."""
        kept = torch.tensor([name in {*names} for name in self.names], device=self.seen.device)
        return replace(self, seen=self.seen & kept)

    def at(self, nodes: Tensor) -> SignalTable:
        """The same table, in which nothing is seen of other nodes than these (N,) bool."""
        return replace(self, seen=self.seen & nodes[:, None])

    def beyond(self, nodes: Tensor) -> bool:
        """Whether any signal is seen at other nodes than these, by id."""
        others = torch.ones(len(self.seen), dtype=torch.bool, device=self.seen.device)
        others[nodes] = False
        return bool(self.at(others).seen.any())

    def loss(self, found: SignalMeans, nodes: Tensor | None = None) -> Tensor:
        r"""Twice the negative log-likelihood of what is seen, without its constant, by node.

        .. math:: \frac{1}{n} \sum_{(v, s) \text{ seen}} \frac{(x_{vs} - \mu_{vs})^2}{\sigma_s^2} + \log \sigma_s^2

        with n the number of nodes of which any signal is seen.

        Args:
            found: what the network says of ``nodes``.
            nodes: ids; None for all nodes.

        Returns:
            () tensor; 0 where nothing is seen.
        """
        targets, seen = (self.targets, self.seen) if nodes is None else (self.targets[nodes], self.seen[nodes])
        log_variance = found.log_variance
        error = (targets - found.means).square() * (-log_variance).exp() + log_variance
        return (error * seen).sum() / seen.any(dim=1).sum().clamp(min=1)


def _asked_names(kg: KnowledgeGraph, asked: Iterable[str]) -> list[str]:
    """The signals beside the label; ``all`` stands for those of the graph."""
    label = kg.meta.get("label")
    others = [name for name in kg.signals if name != label]
    names: list[str] = []
    for name in asked:
        plain, mark, control = name.partition("~")
        if name == ALL:
            names += others
        elif plain not in (LABEL, label, *others):
            known = [LABEL, *others]
            there = f"there are {', '.join(known)}" if others else "it has its label alone"
            raise NieError(f"{kg.name} has no signal {shown(plain)}{nearest(plain, known)}; {there}.")
        elif mark and control not in CONTROLS:
            raise NieError(f"A signal has the controls {', '.join(CONTROLS)}{nearest(control, CONTROLS)}; got {name}.")
        elif mark or plain not in (LABEL, label):  # the label itself is always there
            names.append(name)
    return list(dict.fromkeys(names))


def _controlled(values: Floats, control: str, seed: tuple[int, int]) -> Floats:
    """The values (N,) as a control has them: given to other nodes, with the other sign, or for the most part hidden."""
    if not control:
        return values
    if control == "reversed":
        return -values
    changed, there = values.copy(), np.flatnonzero(np.isfinite(values))
    drawn = np.random.default_rng(seed).permutation(there)
    if control == HIDDEN:
        changed[drawn[: round(HIDDEN_SHARE * len(drawn))]] = np.nan
    else:
        changed[there] = values[drawn]
    return changed


def _standardised(values: Floats, name: str, dataset: str) -> Floats:
    there: Bools = np.isfinite(values)
    if len(np.unique(values[there])) < 2:
        what = "the same at all of them" if there.any() else "seen at none of them"
        raise NieError(
            f"The signal {name} of {dataset} says nothing of the nodes outside validation and test: it is {what}; "
            "leave it out of model.signals.names."
        )
    scaled: Floats = (values - values[there].mean()) / values[there].std()
    return scaled


def _mean_on_the_scale_of_labels(values: Floats) -> Floats:
    """(N,) the mean of the z-scores of a node's signals, mapped to labels by least squares; nan where none is seen."""
    label, there = values[:, 0], np.isfinite(values)
    at_label = there[:, 0]
    spread = label[at_label].std() or 1.0
    scores = np.column_stack([(label - label[at_label].mean()) / spread, values[:, 1:]])
    count = there.sum(axis=1)
    mean = np.where(count > 0, np.nansum(scores, axis=1) / np.maximum(count, 1), np.nan)
    slope, constant = np.polyfit(mean[at_label], label[at_label], 1) if np.ptp(mean[at_label]) > 0 else (0.0, 0.0)
    mapped: Floats = slope * mean + constant
    return mapped
