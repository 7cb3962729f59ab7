"""What the documents of a run must look like before anything is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nie.errors import NieError


def check_metrics(document: Mapping[str, Any]) -> None:
    """Raise unless what stands in ``metrics.json`` has the form that all readers expect; a part may be missing."""
    for part in ("val", "test"):
        figures = _mapping(document, part)
        if not all(value is None or _is_number(value) for value in figures.values()):
            raise NieError(f"{part} must hold numbers.")
    if not all(isinstance(value, str) for value in _mapping(document, "binding").values()):
        raise NieError("binding must hold strings.")
    _mapping(document, "fit")
    if not all(isinstance(part, Mapping) for part in _mapping(document, "parts").values()):
        raise NieError("parts must hold mappings.")
    channels = document.get("channels", [])
    if not isinstance(channels, list) or not all(isinstance(name, str) for name in channels):
        raise NieError("channels must be a list of names.")


def check_timing(document: Mapping[str, Any]) -> None:
    """Raise unless ``timing.json`` has seconds, all of them numbers."""
    seconds = [value for name, value in document.items() if "second" in name]
    if "seconds_this_sitting" not in document or not all(map(_is_number, seconds)):
        raise NieError("seconds must be numbers.")


def is_config(document: Any) -> bool:
    """Whether a document can be the settings of a run."""
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        return False
    words = [document.get("dataset"), document.get("label"), document.get("method", "")]
    return all(isinstance(word, str) for word in words) and isinstance(document.get("folds", {}), dict)


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name, {})
    if not isinstance(found, Mapping):
        raise NieError(f"{name} must be a mapping.")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
