"""Methods, losses, metrics and features of a user's own, registered by name from Python.

What is registered works wherever settings name such a thing: in ``nie downstream``, ``nie run``, studies, searches and
tables. Its source is part of the name of the runs that use it (`nie.plugins`).
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from downstream.losses.table import ALIGNMENTS, IMPORTANCE_LOSSES, TIER_LOSSES, Alignment, TierLoss
from downstream.methods.registered_methods import of_function, of_network
from downstream.methods.table import METHODS
from downstream.metrics.registry import METRICS, Metric
from nie.data import Channel, KnowledgeGraph
from nie.data.node_features.cache import FEATURES, Feature
from nie.errors import NieError, shown
from nie.plugins import own_errors, register
from nie.settings.sections import NEIGHBOUR_LABELS, NEIGHBOURS

if TYPE_CHECKING:
    from downstream.methods.importance_settings import ModelConfig

LossKind = Literal["importance", "tiers", "alignment"]
_NAME, _METRIC_NAME = re.compile(r"[^\W\d_][\w.-]{0,63}"), re.compile(r"[^\W\d_][\w.@-]{0,63}")
_TAKEN_FEATURES = ("auto", "none", NEIGHBOURS, NEIGHBOUR_LABELS)


def register_method(
    name: str,
    method: Callable[..., Any],
    settings: type[ModelConfig] | None = None,
) -> None:
    """Register a method of importance estimation: a network, or a function that fits and predicts.

    A network is a class of `torch.nn.Module` as `nie.models` describes it: built with ``channel_sizes`` (features by
    channel) and ``num_relations`` by keyword, and called as ``model(graph, feats, etype)``. It may return a tensor (N,)
    of scores in the place of `nie.models.ImportanceScores`, whose ``hidden`` ``loss.contrast_weight`` needs. It may
    take ``tier_outputs``, without which it learns no tiers; ``masks`` in ``forward``, the nodes that have each channel;
    and ``degrees`` there together with an attribute ``num_hops``, by which it trains on sampled blocks.

    A function takes a `downstream.methods.baselines.FoldData` and returns the (N,) predictions of all nodes, on the
    scale of ``given.targets``, or a `downstream.methods.fitted.Fitted`. It sees the labels of training and validation
    nodes alone: those of all others are nan in ``given.targets`` and in ``given.kg``.

    All further keyword arguments of either that have a default are settings, ``--model.NAME`` on the command line;
    their types are those of the annotations, or of the defaults.

    Args:
        name: by which settings choose it, ``--method NAME``; registered again by the same module, it is replaced.
        method: the class or function.
        settings: in the place of those made from the arguments, for descriptions, ranges and checks: a class of
            `downstream.methods.importance_settings.ModelConfig`.

    Raises:
        NieError: a name that is taken, arguments that nie cannot give, or settings of another kind.

    >>> def mean_label(given, *, shift: float = 0.0):
    ...     return np.full(given.kg.num_nodes, given.targets[given.fold.train].mean() + shift)
    >>> register_method("mean-label", mean_label)  # doctest: +SKIP
    """
    module = _caller()
    _check_name("method", name, _NAME)
    if isinstance(method, type) and _is_module(method):
        made = of_network(method, settings)
    elif callable(method) and not isinstance(method, type):
        made = of_function(method, settings)
    else:
        raise NieError(
            f"The method {name} must be a class of torch.nn.Module or a function of FoldData; got {shown(method)}."
        )
    register("method", METHODS, name, made, method, module)


def register_loss(
    name: str,
    function: Callable[..., Any],
    kind: LossKind = "importance",
    *,
    balanced: bool = False,
    ordinal: bool = False,
    needs_links: bool = False,
) -> None:
    """Register a loss, which a setting chooses by its name.

    ====================  ============================================  ==========================================
    kind                  function, which returns a () tensor           setting
    ====================  ============================================  ==========================================
    ``importance``        ``(prediction, target)``, of equal shapes     ``loss.importance``
    ``tiers``             ``(logits, target)``, (n, C) and (n,) long    ``loss.tier_loss``
    ``alignment``         ``(projected, mask)``, (n, M, P) and (n, M)   ``loss.alignment``, ``loss.auxiliary`` of links
    ====================  ============================================  ==========================================

    Args:
        name: by which settings choose it.
        function: the loss.
        kind: what it is a loss of.
        balanced, ordinal: of tiers, see `downstream.losses.table.TierLoss`.
        needs_links: of alignment, see `downstream.losses.table.Alignment`.

    Raises:
        NieError: a name that is taken, a kind that does not exist, an option of another kind, or a function that does
            not take two arguments.

    >>> register_loss("cube", lambda prediction, target: (prediction - target).abs().pow(3).mean())  # doctest: +SKIP
    """
    module = _caller()
    if kind not in get_args(LossKind):
        raise NieError(f"kind must be one of {', '.join(get_args(LossKind))}; got {shown(kind)}.")
    _check_name("loss", name, _NAME)
    _check_takes(f"The loss {name}", function, 2)
    if (balanced or ordinal) and kind != "tiers":
        raise NieError(f"balanced and ordinal are for losses of tiers; leave them out of the loss {name} of {kind}.")
    if needs_links and kind != "alignment":
        raise NieError(f"needs_links is for alignments; leave it out of the loss {name} of {kind}.")
    told = own_errors(f"loss {name}")(function)
    tables: dict[str, tuple[dict[str, Any], Any]] = {
        "importance": (IMPORTANCE_LOSSES, told),
        "tiers": (TIER_LOSSES, TierLoss(told, balanced, ordinal)),
        "alignment": (ALIGNMENTS, Alignment(told, needs_links)),
    }
    table, entry = tables[kind]
    register(f"loss of {kind}", table, name, entry, function, module)


def register_metric(
    name: str,
    function: Callable[..., float],
    higher_is_better: bool,
    *,
    title: str | None = None,
    ranks: bool = False,
    min_nodes: int = 1,
    needs_different_labels: bool = False,
    selectable: bool = True,
) -> None:
    """Register a metric of nodes: every later run has its figure, tables show it, and epochs can be chosen by it.

    Args:
        name: by which settings choose it, such as ``--select NAME``.
        function: ``(target, prediction) -> number``, both (n,) float arrays on the scale of the labels.
        higher_is_better: the direction.
        title: its name in tables; by default ``name``.
        ranks, min_nodes, needs_different_labels, selectable: see `downstream.metrics.registry.Metric`.

    Raises:
        NieError: a name that is taken, or a function that does not take two arguments.

    >>> def top_share(target, prediction):
    ...     return float(target[prediction.argmax()] / target.max())
    >>> register_metric("top_share", top_share, higher_is_better=True)  # doctest: +SKIP
    """
    module = _caller()
    _check_name("metric", name, _METRIC_NAME)
    _check_takes(f"The metric {name}", function, 2)
    if not isinstance(higher_is_better, bool):
        raise NieError(f"higher_is_better must be True or False; got {shown(higher_is_better)}.")

    @functools.wraps(function)
    def figure(target: Any, prediction: Any) -> float:
        with own_errors(f"metric {name}"):
            value = function(target, prediction)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise NieError(f"The metric {name} must give a number; got {shown(value)}.") from None

    entry = Metric(
        title or name, higher_is_better, figure, ranks=ranks, min_nodes=min_nodes,
        needs_different_labels=needs_different_labels, selectable=selectable,
    )  # fmt: skip
    register("metric", METRICS, name, entry, function, module)


def register_feature(
    name: str, function: Callable[..., Any], reads: Literal["structure", "text"] = "structure"
) -> None:
    """Register a feature of nodes, which ``--features.structural NAME`` and its like name; it must read no label.

    It is computed once for a graph and kept on disk, under a name that its source, the part of the graph that it reads
    and its arguments decide.

    Args:
        name: by which settings choose it.
        function: ``(kg) -> (N, d) array`` of finite numbers, or a `nie.Channel` where some nodes lack it. Further
            keyword arguments with numbers for defaults are settings of `nie.features`.
        reads: the part of the graph that it reads: nodes and edges, or texts.

    Raises:
        NieError: a name that is taken, another part, or a function that does not take a graph alone.

    >>> register_feature("loops", lambda kg: np.bincount(kg.src[kg.src == kg.dst], minlength=kg.num_nodes)[:, None])
    ... # doctest: +SKIP
    """
    module = _caller()
    _check_name("feature", name, _NAME)
    if name in _TAKEN_FEATURES:
        raise NieError(f"The name {name} of a feature has a meaning of its own in settings; register yours by another.")
    if reads not in ("structure", "text"):
        raise NieError(f"reads must be 'structure' or 'text'; got {shown(reads)}.")
    _check_takes(f"The feature {name}", function, 1)

    @functools.wraps(function)
    def compute(kg: KnowledgeGraph, **settings: Any) -> Channel:
        with own_errors(f"feature {name}"):
            made = function(kg, **settings)
        return _as_channel(name, made, kg.num_nodes)

    entry = Feature(compute, reads)
    register("feature", FEATURES, name, entry, function, module)


def _as_channel(name: str, made: Any, num_nodes: int) -> Channel:
    if isinstance(made, Channel):
        return made
    array = np.asarray(made)
    if array.ndim != 2 or len(array) != num_nodes or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise NieError(
            f"The feature {name} must be a finite array ({num_nodes}, d) of numbers; got {array.dtype} {array.shape}."
        )
    return Channel(array.astype(np.float32), np.ones(num_nodes, dtype=bool))


def _caller() -> ModuleType:
    """The module that called the function that calls this; a nameless one, as of ``exec``, has no file."""
    name = str(sys._getframe(2).f_globals.get("__name__"))
    return sys.modules.get(name) or ModuleType(name)


def _is_module(kind: type) -> bool:
    torch = sys.modules.get("torch")  # loaded already where a class of its own is given
    return torch is not None and issubclass(kind, torch.nn.Module)


def _check_name(what: str, name: Any, pattern: re.Pattern[str]) -> None:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise NieError(
            f"The name of a {what} must begin with a letter and have letters, digits, '_', '-' and '.' alone, at most "
            f"64 of them; got {shown(name)}."
        )


def _check_takes(what: str, function: Any, count: int) -> None:
    """Raise unless a function can be called with ``count`` arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except ValueError:  # of a function in C, which does not say
        return
    except TypeError:
        raise NieError(
            f"{what} must be a function that can be called with {count} argument{'s' if count > 1 else ''}; got "
            f"{shown(function)}."
        ) from None
