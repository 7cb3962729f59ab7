"""A network class or a function of a user's own as a `Method`, whose settings are its keyword arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import Field, PydanticUserError, ValidationError, create_model

from downstream.methods.fitted import Fitted
from downstream.methods.importance_settings import FeatureConfig, ModelConfig, NetworkConfig
from downstream.methods.method import Method
from downstream.methods.table import network
from nie.errors import NieError, shown
from nie.later import later
from nie.plugins import own_errors

SIZES = ("channel_sizes", "num_relations")
TIERS = "tier_outputs"
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def of_network(build: type, settings: type[ModelConfig] | None = None) -> Method:
    """The method of a class of ``torch.nn.Module``; see `downstream.methods.registration.register_method`."""
    name, arguments = build.__name__, _arguments(build)
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in arguments.values())
    lacking = [size for size in SIZES if size not in arguments and not open_ended]
    if lacking:
        raise NieError(f"The network {name} must take {' and '.join(lacking)} by keyword, as those of nie.models do.")
    forward = _arguments(build.forward)  # type: ignore[attr-defined]
    if len(forward) < 4 and not any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in forward.values()):
        raise NieError(
            f"The network {name} must be called with graph, feats and etype; its forward takes "
            f"{', '.join(list(forward)[1:]) or 'nothing'}."
        )
    if settings is None:
        own = [one for key, one in arguments.items() if key not in (*SIZES, TIERS)]
        settings = _settings_of(name, own, build.__init__)  # type: ignore[misc]
    lacks_tiers = TIERS not in arguments and not open_ended
    lacks_blocks = "degrees" not in forward and not any(
        one.kind is inspect.Parameter.VAR_KEYWORD for one in forward.values()
    )
    defaults = _defaults(name, settings)
    if lacks_tiers or lacks_blocks:
        defaults = _defaults(name, _limited(name, settings, lacks_tiers=lacks_tiers, lacks_blocks=lacks_blocks))
    return network(defaults, functools.partial(_built, name, _told(name, build)), takes_masks="masks" in forward)


def of_function(function: Callable[..., Any], settings: type[ModelConfig] | None = None) -> Method:
    """The method of a function of `FoldData`; see `downstream.methods.registration.register_method`.

    It is given no label that it is tested on (`downstream.methods.baselines.FoldData.without_test_labels`).
    """
    name = getattr(function, "__name__", type(function).__name__)
    arguments = list(_arguments(function).values())
    if not arguments:
        raise NieError(f"The function {name} must take a FoldData, which has the graph, features, labels and fold.")
    if settings is None:
        settings = _settings_of(name, arguments[1:], function)
    own = _defaults(name, settings)

    def fit(work: Any, _checked: None, _folder: Path) -> Any:
        given = later("downstream.methods.baselines:FoldData.of")(work).without_test_labels()
        with own_errors(f"function {name}"):
            made = function(given, **work.config.model.model_dump())
        if not isinstance(made, Fitted):
            made = Fitted(made, made)
        return _as_arrays(name, made, given.kg.num_nodes, len(work.config.tier_shares) + 1).on_label_scale(
            work.scale.back
        )

    return Method(create_model(f"{name}Config", __base__=FeatureConfig, model=(settings, own)), fit=fit)


def _arguments(thing: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(thing).parameters
    except (TypeError, ValueError) as error:
        raise NieError(f"The arguments of {shown(thing)} cannot be read; call it in a function of yours.") from error


def _settings_of(name: str, arguments: Iterable[inspect.Parameter], annotated: Any) -> type[ModelConfig]:
    """A class of settings, one for each argument, with its annotation, or the type of its default, and its default."""
    try:
        hints = get_type_hints(annotated)
    except Exception as error:  # whatever is raised by evaluating what a user has written
        raise NieError(f"The annotations of the arguments of {name} cannot be read: {error}.") from error
    fields: dict[str, Any] = {}
    for argument in arguments:
        if argument.kind not in _NAMED:
            continue
        if argument.default is inspect.Parameter.empty:
            raise NieError(f"The argument {argument.name} of {name} must have a default, as settings do.")
        kind = hints.get(argument.name, _kind_of(argument.default))
        if any(list in (one, get_origin(one)) for one in (kind, *get_args(kind))):
            raise NieError(
                f"The argument {argument.name} of {name} is a list, which no setting is; make it a tuple, such as "
                "tuple[int, ...]."
            )
        fields[argument.name] = kind, Field(argument.default, description=f"argument of {name}")
    try:
        return create_model(f"{name}Config", __base__=ModelConfig, **fields)
    except (PydanticUserError, NameError, TypeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise NieError(f"The arguments of {name} can be no settings: {reason}; give a class of settings.") from error


def _kind_of(default: Any) -> Any:
    """The type of a setting that has no annotation; values of a tuple are of the kind of those of its default."""
    kinds = {type(value) for value in default} if isinstance(default, tuple) else set()
    return tuple[kinds.pop(), ...] if len(kinds) == 1 else type(default)  # type: ignore[misc]


def _defaults(name: str, settings: Any) -> ModelConfig:
    """The settings with nothing given."""
    if ModelConfig not in getattr(settings, "__mro__", ()):
        raise NieError(
            f"The settings of {name} must be a class of downstream.methods.importance_settings.ModelConfig; got "
            f"{shown(settings)}."
        )
    try:
        made: ModelConfig = settings.model_validate(dict(settings()))  # pydantic takes defaults as they are
        return made
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise NieError(f"The setting {where} of {name} has no default that fits: {first['msg']}.") from error


def _limited(
    name: str, settings: type[ModelConfig], *, lacks_tiers: bool, lacks_blocks: bool
) -> type[ModelConfig]:  # fmt: skip
    """The settings of a network that has no head for tiers of importance, or reads no sampled blocks."""

    class Limited(settings):  # type: ignore[misc, valid-type]
        __doc__ = settings.__doc__

        def check(self, settings: NetworkConfig) -> None:
            """Check, too, that nothing is asked for that the network lacks."""
            super().check(settings)
            if lacks_tiers and settings.learns_tiers:
                raise ValueError(f"loss.tier_weight needs a head for tiers, and the network {name} takes no {TIERS}")
            if lacks_blocks and (asked := settings.asks_for_batches):
                raise ValueError(f"{asked} needs a forward that takes degrees, and that of {name} does not")

    return Limited


def _told(name: str, build: type) -> Any:
    """The class of a network whose errors are told as those of its author."""

    class Told(build):  # type: ignore[misc]
        __doc__ = build.__doc__

        @functools.wraps(build.forward)  # type: ignore[attr-defined]
        def forward(self, *given: Any, **further: Any) -> Any:
            with own_errors(f"network {name}"):
                return super().forward(*given, **further)

    Told.__name__, Told.__qualname__ = name, build.__qualname__
    return Told


def _built(name: str, build: Callable[..., Any], **settings: Any) -> Any:
    """The network, whose output may be scores (N,) alone."""
    with own_errors(f"network {name}"):
        model = build(**settings)
    model.register_forward_hook(functools.partial(_as_scores, name))
    return model


def _as_scores(name: str, _model: Any, _arguments: Any, made: Any) -> Any:
    from torch import Tensor

    from nie.models import ImportanceScores

    scores = made.score if isinstance(made, ImportanceScores) else made
    if not isinstance(scores, Tensor) or scores.dim() != 1:
        got = tuple(scores.shape) if isinstance(scores, Tensor) else shown(scores)
        raise NieError(f"The network {name} must give scores of the shape (N,), or ImportanceScores; got {got}.")
    return made if isinstance(made, ImportanceScores) else ImportanceScores.of(made)


def _as_arrays(name: str, made: Fitted, num_nodes: int, tiers: int) -> Fitted:
    """What a function gave, as arrays that a fold can keep."""
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(("score", "prediction", "unseen", "deviation"), (num_nodes,))
    sizes["probability"] = num_nodes, tiers
    arrays: dict[str, Any] = {}
    for part, size in sizes.items():
        if getattr(made, part) is None:
            continue
        values = np.asarray(getattr(made, part))
        if values.shape != size or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            what = f"{part} of {tiers} tiers" if part == "probability" else part
            raise NieError(
                f"The function {name} must give a finite {what} for each of the {num_nodes} nodes; got an array of "
                f"{values.dtype} {values.shape}."
            )
        arrays[part] = values.astype(np.float64)
    if made.prediction is made.score:
        arrays["prediction"] = arrays["score"]  # one array, which a fold keeps once
    return replace(made, **arrays)
