"""Where a search looks: ranges of settings, from recipes, from the command line and from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from downstream.methods.importance_settings import SearchRange
from nie.errors import NieError, shown
from nie.settings.yaml_loader import REAL, WHOLE

STAGE1 = "licap."
"""How the names of settings of the pretraining begin."""

FIXED = {"dataset", "data", "method", "label", "plugins", "reported", "search", "folds", "tier_shares"}
"""Settings, or sections of them, that say what is tried, on what, and how it is judged."""

HOW = "low:high, low:high:log, or choices a,b,c"
IN_PYTHON = '(low, high), (low, high, "log"), or a list of choices'


def range_of(name: str, given: Any) -> SearchRange:
    """The range that is given in Python: ``(low, high)``, ``(low, high, "log")``, a list of choices, a `SearchRange`.

    Raises:
        NieError: it is none of them, or low is not below high.

    >>> range_of("optim.lr", (0.001, 0.1, "log")).log
    True
    >>> range_of("model.num_layers", [1, 2]).choices
    (1, 2)
    """
    if isinstance(given, SearchRange):
        return given
    if isinstance(given, list):
        return _made(name, given, IN_PYTHON, choices=tuple(given))
    if isinstance(given, tuple) and (len(given) == 2 or (len(given) == 3 and given[2] == "log")):
        return _made(name, given, IN_PYTHON, low=given[0], high=given[1], log=len(given) == 3)
    raise NieError(f"The range of {name} must be {IN_PYTHON}; got {shown(given)}.")


def range_in(text: str) -> tuple[str, SearchRange]:
    """The setting and its range in a text such as ``optim.lr=0.001:0.1:log`` or ``model.num_layers=1,2``.

    Raises:
        NieError: it is neither, or low is not below high.

    >>> range_in("model.num_layers=1:3")[1].high
    3
    """
    name, separator, span = text.partition("=")
    if not separator or not name or not span:
        raise NieError(f"A range must be SETTING={HOW}; got {shown(text)}.")
    low, *rest = span.split(":")
    if not rest:
        return name, _made(name, span, HOW, choices=tuple(map(_value, span.split(","))))
    high, *scale = rest
    if scale not in ([], ["log"]):
        raise NieError(f"The range of {name} must be {HOW}; got {shown(span)}.")
    return name, _made(name, span, HOW, low=_value(low), high=_value(high), log=bool(scale))


def comparable(ranges: Mapping[str, SearchRange]) -> dict[str, SearchRange]:
    """The ranges, after a check that trials are compared by one metric on the same nodes.

    Raises:
        NieError: one of them would change that.
    """
    for name in ranges:
        # The metric that chooses epochs judges trials; of stage 1, it chooses epochs only.
        if name == "select" or name.removeprefix(STAGE1).partition(".")[0] in FIXED:
            raise NieError(
                f"{name} cannot be searched, because trials that differ in it cannot be compared; leave it out of the "
                "ranges, or set it for all trials."
            )
    return dict(ranges)


def checked(space: Mapping[str, SearchRange], resolve: Callable[[Mapping[str, Any]], Any]) -> dict[str, SearchRange]:
    """The space, after a check that both ends of every range, or all choices, are possible settings.

    The ends of a range of a setting that is a real number are real, so that the numbers between them are tried, too.

    Args:
        space: ranges by dotted name.
        resolve: ``({name: value}) -> {name: value}``, the values as the settings then have them.

    Raises:
        NieError: a setting that there is not, whose nearest is named, or a value that it cannot have.
    """
    found = {}
    for name, span in space.items():
        try:
            values = [resolve({name: value})[name] for value in span.ends()]
        except NieError as error:
            raise NieError(f"The range of {name} does not fit: {error}") from error
        if span.choices is None and any(isinstance(value, float) for value in values):
            span = span.model_copy(update={"low": float(values[0]), "high": float(values[1])})
        found[name] = span
    return found


def suggest(trial: Any, name: str, span: SearchRange) -> Any:
    """What Optuna's trial proposes to try."""
    if span.choices is not None:
        return trial.suggest_categorical(name, list(span.choices))
    if isinstance(span.low, int) and isinstance(span.high, int):
        return trial.suggest_int(name, span.low, span.high, log=span.log)
    return trial.suggest_float(name, span.low, span.high, log=span.log)


def _made(name: str, given: Any, how: str, **parts: Any) -> SearchRange:
    try:
        return SearchRange(**parts)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise NieError(f"The range of {name} must be {how}; got {shown(given)}: {reason}.") from error


def _value(text: str) -> bool | int | float | str:
    """A number or truth value where the text is one.

    >>> [_value(text) for text in ("1", "0.5", "true", "mul")]
    [1, 0.5, True, 'mul']
    """
    if text in ("true", "false"):
        return text == "true"
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if REAL.fullmatch(text) else text
