"""The part of YAML that settings are written in.

YAML can name a node and repeat it, so that ten lines become a billion entries; it can ask for types by tags; and it
reads ``1_000``, ``1:30``, ``010`` and ``2020-01-01`` as something else than they look like. Settings need none of this:
here are mappings with words as keys, lists, and strings, numbers, true, false and null.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from nie.errors import shown

MOST_CHARACTERS = 1 << 20
MOST_DEPTH = 20

_PLAIN = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys((".inf", "+.inf"), float("inf")),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}
WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,999})")
REAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""What whole and real numbers look like, in YAML and in flags."""

# The parser in C is ten times as fast; the wheels of PyYAML have it, and not every build from source.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SafeLoader(_Parser):  # type: ignore[misc]
    """A loader for `yaml.load`, which raises `yaml.YAMLError` for anything that settings have no need of.

    >>> yaml.load("optim: {lr: 1e-3, patience: 5}", Loader=SafeLoader)
    {'optim': {'lr': 0.001, 'patience': 5}}
    >>> yaml.load("time: 1_000", Loader=SafeLoader)
    {'time': '1_000'}
    """

    def __init__(self, text: str) -> None:
        if len(text) > MOST_CHARACTERS:
            raise ConstructorError(None, None, f"settings have at most {MOST_CHARACTERS:,} characters", None)
        super().__init__(text)

    def get_single_data(self) -> Any:
        """The document, or None where there is none."""
        document: list[Any] = []
        inside: list[Any] = [document]  # the containers that are open, from the outermost
        keys: list[str | None] = [None]  # of each mapping, the key that waits for its value
        while (event := self.get_event()) is not None:
            if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                inside.pop()
                keys.pop()
            elif isinstance(event, yaml.NodeEvent):
                value = _value(event)
                _place(inside, keys, value, event)
                if isinstance(value, (dict, list)):
                    inside.append(value)
                    keys.append(None)
        return document[0] if document else None


class SafeDumper(yaml.SafeDumper):
    """A dumper for `yaml.dump` that puts what `SafeLoader` would take for a number in quotes, where it is none.

    >>> yaml.dump({"label": "1e3"}, Dumper=SafeDumper)
    "label: '1e3'\\n"
    """


SafeDumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"({REAL.pattern})$"), list("+-.0123456789"))


def _value(event: Any) -> Any:
    """What a node stands for; a container is filled later."""
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise ConstructorError(
            None, None, "anchors (&) and aliases (*) are not read; repeat the value", event.start_mark
        )
    if event.tag is not None:
        raise ConstructorError(None, None, "tags (!) are not read", event.start_mark)
    if isinstance(event, yaml.MappingStartEvent):
        return {}
    if isinstance(event, yaml.SequenceStartEvent):
        return []
    text: str = event.value
    if not event.implicit[0]:  # in quotes
        return text
    if text in _PLAIN:
        return _PLAIN[text]
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if REAL.fullmatch(text) and text.strip("+-0123456789") else text


def _place(inside: list[Any], keys: list[str | None], value: Any, event: Any) -> None:
    """Put a value where it belongs: into the open list, or into the open mapping as a key and then as a value."""
    owner = inside[-1]
    if len(inside) > MOST_DEPTH:
        raise ConstructorError(None, None, f"values lie more than {MOST_DEPTH} deep in each other", event.start_mark)
    if len(inside) == 1 and owner:
        raise ConstructorError(None, None, "there is more than one document", event.start_mark)
    if isinstance(owner, list):
        owner.append(value)
    elif keys[-1] is not None:
        owner[keys[-1]], keys[-1] = value, None
    elif not isinstance(value, str):
        raise ConstructorError(None, None, f"the key {shown(value)} is not a word", event.start_mark)
    elif value in owner:
        raise ConstructorError(None, None, f"the key {shown(value)} stands twice", event.start_mark)
    else:
        keys[-1] = value
