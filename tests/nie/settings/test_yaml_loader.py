"""nie.settings.yaml_loader: what PyYAML writes comes back, and each scalar is what it looks like."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from nie.settings.yaml_loader import SafeDumper, SafeLoader


def loaded(text: str) -> Any:
    return yaml.load(text, Loader=SafeLoader)


@pytest.mark.parametrize("document", [
    None, {}, [], {"a": None, "b": [True, False], "c": {"d": [1, -2, 0, 2.5, 1e-05, 1e20, float("inf")]}},
    {key: key for key in ("", "yes", "null", "1_000", "2020-01-01", "1:30", "010", "0x1", "1e3", "~", "a: b", "é")},
    {"text": "two\nlines", "big": 10**30, "small": -(10**30)},
])  # fmt: skip
def test_what_is_written_comes_back(document: Any) -> None:
    assert loaded(yaml.dump(document, Dumper=SafeDumper)) == document
    assert loaded(yaml.dump(document, Dumper=SafeDumper, default_flow_style=True, allow_unicode=True)) == document


@pytest.mark.parametrize(("text", "value"), [
    ("1e-3", 0.001), (".5", 0.5), ("1.", 1.0), ("+5", 5), ("-0.5e3", -500.0), ("1_000", "1_000"), ("1:30", "1:30"),
    ("010", "010"), ("0x10", "0x10"), ("2020-01-01", "2020-01-01"), ("'5'", "5"), ("yes", True), ("off", False),
    ("~", None), ("9" * 5000, "9" * 5000), ("-", "-"),
])  # fmt: skip
def test_a_scalar_is_what_it_looks_like(text: str, value: Any) -> None:
    again = loaded(f"[{text}]")[0]
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize("text", [
    "a: &x 1", "a: *x", "&a [*a]", "!!python/name:os.system x", "!x 1", "? [1]\n: 2", "~: 1", "2: 1", "a: 1\na: 2",
    "{a: 1, a: 2}", "a: '", "a: \x00", "- 1\n--- 2", "[" * 100_000, "- " * 100_000, "{? " * 100_000,
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]",
], ids=range(17))  # fmt: skip
def test_what_settings_have_no_need_of_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        loaded(text)
