"""Settings on the command line: dotted flags, ``--optim.lr 1e-3 --no-model.residual``, their help and their errors."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from types import NoneType, UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel

from nie.errors import NieError, nearest, shown
from nie.settings.run import RunConfig
from nie.settings.sections import Section
from nie.settings.yaml_loader import REAL, WHOLE


def flag_value(flags: Sequence[str], name: str) -> str | None:
    """The value of the last ``--name value`` or ``--name=value``.

    >>> flag_value(["--method", "gcn", "--method=geni"], "--method")
    'geni'
    """
    return next(reversed(flag_values(flags, name)), None)


def flag_values(flags: Sequence[str], name: str) -> list[str | None]:
    """The values of every ``--name value`` and ``--name=value``; None for one behind which nothing stands.

    >>> flag_values(["--plugins", "mine", "--plugins=yours.py"], "--plugins")
    ['mine', 'yours.py']
    """
    values = []
    for flag, after in itertools.zip_longest(flags, flags[1:]):
        if flag == name:
            values.append(after)
        elif flag.startswith(f"{name}="):
            values.append(flag.split("=", maxsplit=1)[1])
    return values


def without_flag(flags: Sequence[str], name: str) -> list[str]:
    """The flags without every ``--name value`` and ``--name=value``.

    >>> without_flag(["--seed", "1", "--replaced", "semantic", "--replaced=structural"], "--replaced")
    ['--seed', '1']
    """
    before = ["", *flags]
    return [
        flag
        for flag, previous in zip(flags, before, strict=False)
        if flag != name and previous != name and not flag.startswith(f"{name}=")
    ]


def field_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every setting's dotted name.

    >>> from nie.settings.sections import BatchConfig
    >>> list(field_names(BatchConfig))
    ['size', 'fanout', 'sampler']
    """
    for name, _ in _fields(section, prefix):
        yield name


def _fields(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting's dotted name and its type."""
    for name, field in section.model_fields.items():
        if is_section(field.annotation):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.annotation


def flags_help(stage: type[RunConfig]) -> str:
    """One line for each setting: its flag, its meaning and its default."""
    return "\n".join(_help_lines(stage.model_construct(dataset="required"), "--"))


def _help_lines(section: BaseModel, prefix: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name, "required")
        if isinstance(value, Section):
            yield from _help_lines(value, f"{prefix}{name}.")
        else:
            yield f"  {prefix + name:<30} {field.description or ''} [{value}]"


@functools.lru_cache(maxsize=256)  # the rows of a study share their flags, and making a parser takes 50 ms
def said_by_flags(settings: type[RunConfig], flags: tuple[str, ...]) -> dict[str, Any]:
    """The values that the flags give, nested as the settings are; what they leave out is left out.

    The environment is deliberately not read. The library is imported here because it takes longer than all else that a
    command without flags does.

    Raises:
        NieError: an unknown flag, or one that cannot be read.
    """
    from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict, SettingsError

    class WithFlags(BaseSettings, settings):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(
            # Not strict, because the library would then make numbers of strings by its own rules; `_as_meant` does.
            frozen=True, extra="forbid", strict=False,
            cli_implicit_flags=True, cli_exit_on_error=False, cli_prog_name="nie",
        )  # fmt: skip

    try:
        return _as_meant(settings, CliSettingsSource(WithFlags, cli_parse_args=list(flags))())
    except (SettingsError, RecursionError) as error:  # the latter for brackets in brackets
        raise NieError(_explain(settings, str(error), flags)) from error


def _as_meant(section: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the flags say; a string that looks like a number is one where the setting is a number."""
    meant: dict[str, Any] = {}
    for name, value in values.items():
        kind = section.model_fields[name].annotation if name in section.model_fields else None
        if is_section(kind) and isinstance(value, Mapping):
            meant[name] = _as_meant(kind, value)
        elif get_origin(kind) is dict and isinstance(value, Mapping):
            kinds = set(_scalars(get_args(kind)[1]))
            meant[name] = {key: _plain(item, kinds) for key, item in value.items()}
        else:
            meant[name] = _plain(value, set(_scalars(kind)))
    return meant


def _plain(value: Any, kinds: Set[Any]) -> Any:
    """The number or truth value that a string stands for, if ``kinds`` has its kind; else the value itself.

    A number that may be absent takes none, as its help calls it, beside the null of recipes.

    >>> _plain("none", {int, NoneType}), _plain("none", {str, NoneType}), _plain("none", {float})
    (None, 'none', 'none')
    """
    if not isinstance(value, str):
        return value
    if value in ("none", "None") and NoneType in kinds and str not in kinds and kinds & {int, float}:
        return None
    return {"true": True, "false": False}.get(value, _number(value, kinds)) if bool in kinds else _number(value, kinds)


def _scalars(annotation: Any) -> Iterator[Any]:
    """The types that an annotation offers a choice of."""
    offered = get_args(annotation)
    if annotation in (int, float, str) or not offered:
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for part in offered:
            yield from _scalars(part)


def _number(text: str, kinds: Set[Any]) -> int | float | str:
    """The number that a string stands for, if ``kinds`` has its kind; else the string itself.

    >>> [_number(text, {int}) for text in ("5", "1_000", " 5 ", "5.0", "0x10")]
    [5, '1_000', ' 5 ', '5.0', '0x10']
    """
    if str in kinds:
        return text
    if int in kinds and WHOLE.fullmatch(text):
        return int(text)
    return float(text) if float in kinds and REAL.fullmatch(text) else text


def _explain(stage: type[RunConfig], message: str, flags: Sequence[str]) -> str:
    known = {f"--{name}" for name in field_names(stage)} | {f"--no-{name}" for name in field_names(stage)}
    for flag in flags:
        name = flag.split("=", maxsplit=1)[0]
        if name.startswith("--") and name not in known:
            return f"Unknown flag {shown(name)}{nearest(name, known)}."
    return _stray_value(stage, flags) or (f"The flags {shown(' '.join(flags))} cannot be read: {message[:200]}.")


def _stray_value(stage: type[RunConfig], flags: Sequence[str]) -> str | None:
    """One sentence for the first value that no flag takes, or None."""
    switches = {name for name, kind in _fields(stage) if kind is bool}
    last, awaited = "", False
    for item in flags:
        if item.startswith("--"):
            last = item.removeprefix("--no-").removeprefix("--")
            awaited = "=" not in item and last not in switches
        elif awaited:
            awaited = False
        elif last in switches:
            return f"{shown(item)} belongs to no flag; a switch takes no value: it is --{last} or --no-{last}."
        else:
            why = "a flag takes one value, and a list is written as --folds.run 0,1"
            return f"{shown(item)} belongs to no flag; {why}."
    return None


def is_section(annotation: Any) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)
